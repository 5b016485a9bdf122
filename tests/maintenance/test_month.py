"""The calendar hides nothing: long spans, following weeks, full days."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from maintenance.models import OccurrenceState, WindowOccurrence
from maintenance.month import CalendarWeek, weeks_of
from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.maintenance import window

MARCH = date(2026, 3, 1)  # a Sunday: its first week begins on 23 February
TODAY = date(2026, 3, 10)


def _at(day: int, hour: int = 4, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def _row(
    number: int, start: datetime, *, hours: int = 1, window_id: int = 0, state: str = "planned"
) -> WindowOccurrence:
    return WindowOccurrence(
        pk=number, window_id=window_id or number, starts_at=start, ends_at=start + timedelta(hours=hours), state=state
    )


def _weeks(*rows: WindowOccurrence) -> Sequence[CalendarWeek]:
    with timezone.override("UTC"):
        return weeks_of(MARCH, TODAY, rows)


def _drawn(weeks: Sequence[CalendarWeek]) -> list[tuple[int, int, int, int]]:
    return [(n, line.column, line.span, line.lane) for n, week in enumerate(weeks) for line in week.lines]


def test_a_freeze_over_five_days_stands_on_each_of_them() -> None:
    assert _drawn(_weeks(_row(1, _at(10), hours=5 * 24 - 4))) == [(2, 2, 5, 0)]


def test_a_span_goes_on_in_the_next_week_and_ends_before_midnight() -> None:
    weeks = _weeks(_row(1, _at(14), hours=68))  # Saturday 04:00 to Tuesday 00:00
    assert _drawn(weeks) == [(2, 6, 2, 0), (3, 1, 1, 0)]
    with timezone.override("UTC"):
        assert [line.begins_here for week in weeks for line in week.lines] == [True, False]


def test_a_daily_window_is_one_line_a_week_that_leads_to_what_comes_next() -> None:
    rows = [_row(day, _at(day), window_id=9, state="closed" if day < 11 else "planned") for day in range(9, 16)]
    (line,) = _weeks(*rows)[2].lines
    assert (line.span, line.is_daily, line.occurrence.pk) == (7, True, 11)
    rows[4].state = OccurrenceState.OPEN
    assert _weeks(*rows)[2].lines[0].occurrence.pk == 13


def test_a_day_off_or_another_hour_breaks_the_line() -> None:
    rows = [_row(n, at, window_id=9) for n, at in enumerate([_at(9), _at(10), _at(12), _at(13, 5)], start=1)]
    assert _drawn(_weeks(*rows)) == [(2, 1, 2, 0), (2, 4, 1, 0), (2, 5, 1, 0)]


def test_what_finds_no_lane_is_counted_on_each_of_its_days() -> None:
    rows = [_row(n, _at(10), hours=24 * 7) for n in (1, 2, 3)] + [_row(4, _at(11), hours=30), _row(5, _at(12))]
    week = _weeks(*rows)[2]
    assert [line.lane for line in week.lines] == [0, 1, 2]
    assert [day.more for day in week.days] == [0, 0, 1, 2, 0, 0, 0]


@pytest.mark.django_db
def test_the_fourth_window_of_a_day_is_reached_over_the_day(
    client_for: Callable[..., Client], viewer: User, platform: Platform
) -> None:
    for n in range(4):
        made = window(platform, key=f"w{n}", name=f"Window number {n}", rule="")
        made.occurrences.create(platform=platform, starts_at=_at(10, n), ends_at=_at(10, n + 1))
    client, url = client_for(viewer), reverse("maintenance:calendar")
    page = client.get(url, {"month": "2026-03"}).content.decode()
    assert "Window number 3" not in page
    assert "day=2026-03-10" in page
    of_day = client.get(url, {"day": "2026-03-10"}).content.decode()
    assert "March 2026" in of_day
    assert "Window number 3" in of_day
    assert client.get(url, {"day": "2026-3-99"}).status_code == 400
    assert client.get(url, {"day": "9999-12-31"}).status_code == 400
