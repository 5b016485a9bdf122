"""Help: found from every page, for whoever is signed in, and free."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]


def test_help_is_linked_from_every_page_and_found_by_the_palette(
    client_for: ClientFor, viewer: User, platform: Platform
) -> None:
    client = client_for(viewer)
    assert 'href="/help/"' in client.get("/incidents/").content.decode()
    assert 'href="/help/"' in client.get(reverse("search:palette"), {"q": "hel"}).content.decode()
    page = client.get("/help/").content.decode()
    for shown in ("What the words mean", "error budget", "first five minutes", "/decisions/", "/reports/slo/"):
        assert shown in page


def test_help_leads_only_where_the_reader_may_go(
    client_for: ClientFor, viewer: User, auditor: User, platform: Platform
) -> None:
    audit = 'href="/reports/audit/">Audit trail'
    assert audit not in client_for(viewer).get("/help/").content.decode()
    assert audit in client_for(auditor).get("/help/").content.decode()


def test_help_asks_the_database_for_the_shell_alone(client_for: ClientFor, viewer: User, platform: Platform) -> None:
    client = client_for(viewer)
    cost = {}
    for path in ("/help/", "/nowhere/", "/help/", "/nowhere/"):
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        cost[path] = len(queries)
    assert cost["/help/"] <= cost["/nowhere/"]
