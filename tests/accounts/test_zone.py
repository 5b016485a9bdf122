"""A person reads and types times in the zone they chose; the API and UTC forms stay in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.models import TimelineEntry
from monitoring.forms import ExclusionForm
from opsportal.accounts.forms import ZoneField
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare

Clients = Callable[..., Client]
Actors = Callable[..., Actor]


def _move_to(person: User, zone: str) -> None:
    person.zone = zone
    person.save(update_fields=["zone"])


def test_pages_show_the_persons_zone_and_forget_it_after(viewer: User, client_for: Clients) -> None:
    _move_to(viewer, "Asia/Tokyo")
    page = client_for(viewer).get(reverse("accounts:settings")).content.decode()
    assert 'data-zone="Asia/Tokyo"' in page
    assert timezone.get_current_timezone_name() == "UTC"
    assert 'data-zone="UTC"' in Client().get(reverse("account_login")).content.decode()


def test_a_zone_that_is_gone_leaves_utc(viewer: User, client_for: Clients) -> None:
    _move_to(viewer, "Mars/Base")
    assert 'data-zone="UTC"' in client_for(viewer).get(reverse("accounts:settings")).content.decode()


def test_a_typed_time_of_day_is_the_persons(
    platform: Platform, operator: User, client_for: Clients, actor_for: Actors, at: datetime
) -> None:
    incident = declare(platform, by=actor_for(operator), at=at)
    _move_to(operator, "Asia/Kathmandu")  # UTC+05:45
    url = reverse("incidents:log", args=[incident.number])
    posted = {"text": "/at 14:32 first error", "client_key": "k1", "version": incident.version}
    sent = client_for(operator).post(url, posted)
    assert sent.status_code == 303, sent.content
    stored = TimelineEntry.objects.get(incident=incident, client_key="k1").occurred_at.astimezone(UTC)
    assert (stored.hour, stored.minute) == (8, 47)


def test_a_time_labelled_utc_is_utc_in_every_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        form = ExclusionForm({"starts_at": "2026-03-01 10:00", "ends_at": "2026-03-01 11:00", "reason": "Window"})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["starts_at"] == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "typed, zone",
    [
        ("Asia/Colombo", "Asia/Colombo"),
        (" asia/colombo ", "Asia/Colombo"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_is_typed_by_name_or_city(typed: str, zone: str) -> None:
    assert ZoneField().clean(typed) == zone


@pytest.mark.parametrize("typed, words", [("Colonbo", "Did you mean Asia/Colombo"), ("../etc/passwd", "no such zone")])
def test_an_unknown_zone_is_refused_with_what_is_near(typed: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ZoneField().clean(typed)
