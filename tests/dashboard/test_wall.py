"""The wallboard: readable by whoever stands before it, so it shows nothing restricted."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.models import AlarmState
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, alarm, declare

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db


def test_the_wall_shows_what_is_on_fire(platform: Platform, client_for: ClientFor, viewer: User) -> None:
    declare(platform, by=SYSTEM, at=now() - timedelta(minutes=3), title="Checkout <b>fails</b>")
    alarm(platform, state=AlarmState.ALARM, since=now())
    page = client_for(viewer).get(reverse("dashboard:wall")).content.decode()
    assert "Checkout &lt;b&gt;fails&lt;/b&gt;" in page
    assert "Alarm db" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "left, acknowledge" in page


def test_the_refreshed_part_is_the_board_alone(platform: Platform, client_for: ClientFor, viewer: User) -> None:
    answer = client_for(viewer).get(reverse("dashboard:wall"), headers={"HX-Request": "true"}).content.decode()
    assert answer.strip().startswith('<div id="wall-board"')
    assert "No open incident" in answer


def test_a_wall_shows_no_restricted_incident_even_to_its_auditor(
    platform: Platform, client_for: ClientFor, auditor: User, stranger: User
) -> None:
    declare(platform, by=SYSTEM, at=now(), title="Secret", type="security")
    declare(platform, by=SYSTEM, at=now(), title="Public")
    page = client_for(auditor).get(reverse("dashboard:wall")).content.decode()
    assert "Public" in page
    assert "Secret" not in page
    assert "Public" not in client_for(stranger).get(reverse("dashboard:wall")).content.decode()
