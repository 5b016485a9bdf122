"""Windows: planned by rule, opened once, closed by time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from maintenance.loops import windows
from maintenance.models import OccurrenceState, WindowKind, WindowOccurrence
from maintenance.services.windows import WindowRefusedError, window_cancel, window_now, window_occurrences_plan
from monitoring.models import Annotation, Silence, SloExclusion
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.maintenance import PORTAL, window

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


def test_coming_occurrences_are_planned_once(platform: Platform, at: datetime) -> None:
    sunday = window(platform)
    assert window_occurrences_plan(at=at, window=sunday) == 5
    assert window_occurrences_plan(at=at, window=sunday) == 0
    assert [row.starts_at.isoweekday() for row in sunday.occurrences.all()] == [7] * 5


def test_a_window_in_the_gap_hour_still_opens(platform: Platform) -> None:
    night = window(platform, rule="30 2 * * 0", zone="Europe/Berlin")
    window_occurrences_plan(at=datetime.fromisoformat("2026-03-28T00:00:00+00:00"), window=night)
    first = night.occurrences.order_by("starts_at").first()
    assert first is not None
    assert first.starts_at.isoformat() == "2026-03-29T01:00:00+00:00"


def test_opening_silences_excludes_and_annotates_exactly_once(platform: Platform, at: datetime) -> None:
    occurrence = window_now(by=PORTAL, at=at, window=window(platform, rule=""))
    windows(at)
    windows(at)
    occurrence.refresh_from_db()
    assert occurrence.state == OccurrenceState.OPEN
    spans = [
        list(model.objects.filter(ref=f"WIN-{occurrence.pk}").values_list("starts_at", "ends_at"))
        for model in (Silence, SloExclusion, Annotation)
    ]
    assert spans == [[(at, at + timedelta(hours=1))]] * 3


def test_a_freeze_stands_on_charts_and_silences_nothing(platform: Platform, at: datetime) -> None:
    window_now(by=PORTAL, at=at, window=window(platform, rule="", kind=WindowKind.FREEZE))
    windows(at)
    assert (Silence.objects.count(), SloExclusion.objects.count(), Annotation.objects.count()) == (0, 0, 1)


def test_a_window_closes_by_its_own_time(platform: Platform, at: datetime) -> None:
    occurrence = window_now(by=PORTAL, at=at, window=window(platform, rule=""))
    windows(at)
    windows(at + timedelta(minutes=59))
    assert WindowOccurrence.objects.get().state == OccurrenceState.OPEN
    windows(at + timedelta(minutes=60))
    occurrence.refresh_from_db()
    assert occurrence.state == OccurrenceState.CLOSED


def test_only_a_planned_window_can_be_cancelled(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    occurrence = window_now(by=PORTAL, at=at, window=window(platform, rule=""))
    windows(at)
    occurrence.refresh_from_db()
    with pytest.raises(WindowRefusedError):
        window_cancel(by=actor_for(commander), at=at, occurrence=occurrence, expected=occurrence.version, reason="late")
