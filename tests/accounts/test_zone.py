"""A person reads and types times in the zone they chose; the API and UTC forms stay in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.forms.base import MomentField
from incidents.models import TimelineEntry
from monitoring.forms.objectives import ExclusionForm
from opsportal.accounts.forms import ZoneField
from opsportal.accounts.models import User
from opsportal.core import clock
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
    then = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=10)  # an hour fixed here may be to come
    typed = then.astimezone(ZoneInfo("Asia/Kathmandu"))
    posted = {"text": f"/at {typed:%H:%M} first error", "client_key": "k1", "version": incident.version}
    sent = client_for(operator).post(url, posted)
    assert sent.status_code == 303, sent.content
    assert TimelineEntry.objects.get(incident=incident, client_key="k1").occurred_at == then


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


class _When(forms.Form):
    when = MomentField(required=False)


@pytest.mark.parametrize(
    "typed, stored, read, said",
    [
        ("2026-10-25T02:30", None, "00:30", "the first, UTC+02:00"),
        ("2026-10-25T02:30", "2026-10-25T01:30:20", "01:30", "the second, UTC+01:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30:20", "00:30", "the first, UTC+02:00"),
        ("2026-10-25T02:31", "2026-10-25T01:30:20", "00:31", "the first, UTC+02:00"),
        ("2026-10-25T03:30", None, "02:30", ""),
        ("2026-10-25T01:30:00Z", None, "01:30", ""),
    ],
)
def test_autumns_repeated_hour_is_taken_and_said(typed: str, stored: str | None, read: str, said: str) -> None:
    with timezone.override("Europe/Berlin"):
        shown = datetime.fromisoformat(f"{stored}+00:00") if stored else None
        form = _When({"when": typed}, initial={"when": shown})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["when"] == datetime.fromisoformat(f"2026-10-25T{read}+00:00")
        reading = form.fields["when"].reading  # type: ignore[attr-defined]
        assert said in reading
        assert bool(said) == bool(reading)
        assert ("came twice" in _When(initial={"when": shown})["when"].help_text) == (shown is not None)


def test_springs_missing_hour_is_refused_with_the_reason() -> None:
    with timezone.override("Europe/Berlin"):
        form = _When({"when": "2026-03-29T02:30"})
        assert "The clocks went forward" in str(form.errors)


def test_a_time_field_names_its_zone_and_the_page_says_which_hour_was_taken(
    platform: Platform, operator: User, client_for: Clients, actor_for: Actors
) -> None:
    declared = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)
    incident = declare(platform, by=actor_for(operator), at=declared)
    _move_to(operator, "Europe/Berlin")
    client = client_for(operator)
    url = reverse("incidents:describe", args=[incident.number])
    page = client.get(url).content.decode()
    assert page.count("Europe/Berlin time") == 7
    assert "02:45 came twice that night; this is the second, UTC+01:00." in page
    posted = {
        "version": incident.version, "title": incident.title, "impact_started_at": "2026-10-25T02:30",
        "detected_at": "2026-10-25T02:45", "why": "The log says so",
    }  # fmt: skip
    sent = client.post(url, posted)
    assert sent.status_code == 303, sent.content
    incident.refresh_from_db()
    assert incident.impact_started_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert incident.detected_at == declared
    assert (
        "Impact began: 02:30 came twice that night; this is the first, UTC+02:00."
        in client.get(incident.url).content.decode()
    )
