"""Every GET of the API takes the query parameters its schema documents, and no others."""

from collections.abc import Callable

import pytest
from django.test import Client

from opsportal.core.api import PAGING
from tests.factories.accounts import TokenPersona

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
LISTS = (
    "incidents", "alarms", "series", "checklist-runs", "windows", "platforms", "platforms/shop/services",
    "platforms/shop/contacts", "runbooks", "plans", "clocks", "queue", "problems", "user-reports",
)  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_an_unknown_parameter_is_refused_and_the_known_are_named(
    client_for: ClientFor, token: TokenPersona, path: str
) -> None:
    client = client_for(token)
    refused = client.get(f"/api/v1/{path}/?limit=1")
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
    detail = refused.json()["detail"]
    assert detail.startswith("Unknown query parameter: limit. Known here: ")
    assert {parameter.name for parameter in PAGING} <= set(detail.rpartition(": ")[2].rstrip(".").split(", "))
    page = client.get(f"/api/v1/{path}/?size=1").json()
    assert len(page["results"]) <= 1


def test_what_takes_no_parameter_says_so(client_for: ClientFor, token: TokenPersona) -> None:
    assert client_for(token).get("/api/v1/me/?x=1").json()["detail"].endswith("Known here: none.")


def test_the_index_leads_on(client_for: ClientFor, token: TokenPersona) -> None:
    found = client_for(token).get("/api/v1/").json()
    assert found["docs"].endswith("/api/docs/")
    assert client_for(token).get(found["schema"]).status_code == 200
    assert client_for(token).get(found["me"]).status_code == 200
