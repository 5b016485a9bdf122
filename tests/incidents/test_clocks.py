"""Due times over zones, gaps and calendars: never early, never negative."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.clocks import Calendar, CalendarError, Outcome, due_at, outcome, words

OFFICE = Calendar("Europe/Berlin", frozenset({1, 2, 3, 4, 5}), time(9), time(17), frozenset({date(2026, 12, 25)}))
ZONES = sorted(zoneinfo.available_timezones())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_a_calendar_minutes_are_elapsed_time() -> None:
    assert due_at(utc("2026-03-29T00:50"), 30) == utc("2026-03-29T01:20")


@pytest.mark.parametrize(
    "start, minutes, due",
    [
        ("2026-03-10T08:30", 60, "2026-03-10T09:30"),
        ("2026-03-10T15:30", 60, "2026-03-11T08:30"),  # half an hour today, half an hour tomorrow
        ("2026-03-13T15:30", 60, "2026-03-16T08:30"),  # over the weekend
        ("2026-03-14T12:00", 240, "2026-03-16T12:00"),  # starts on a Saturday
        ("2026-03-27T15:00", 120, "2026-03-30T08:00"),  # clocks go forward on Sunday: 09:00 is 07:00 UTC then
        ("2026-12-24T15:00", 120, "2026-12-28T09:00"),  # 25 December is a day off
        ("2026-03-10T16:00", 60, "2026-03-11T09:00"),  # closes at that very instant
    ],
)
def test_business_minutes_run_only_while_open(start: str, minutes: int, due: str) -> None:
    assert due_at(utc(start), minutes, OFFICE) == utc(due)


def test_an_overnight_shift_counts_into_the_next_day() -> None:
    night = Calendar("UTC", frozenset({1}), time(22), time(6))
    assert due_at(utc("2026-03-10T02:00"), 60, night) == utc("2026-03-10T03:00")
    assert due_at(utc("2026-03-10T05:30"), 60, night) == utc("2026-03-16T22:30")


def test_opening_in_a_gap_starts_at_the_first_minute_that_exists() -> None:
    calendar = Calendar("Europe/Berlin", frozenset({7}), time(2, 30), time(5))
    assert due_at(utc("2026-03-28T12:00"), 0, calendar) == utc("2026-03-29T01:00")


def test_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(CalendarError):
        due_at(utc("2026-03-10T00:00"), 5, Calendar("UTC", frozenset(), time(9), time(17)))
    every_monday_off = frozenset(date(2026, 1, 5) + timedelta(days=7 * n) for n in range(300))
    with pytest.raises(CalendarError):
        due_at(utc("2026-03-10T00:00"), 5, Calendar("UTC", frozenset({1}), time(9), time(17), every_monday_off))


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.integers(0, 60 * 24 * 700).map(lambda minutes: utc("2026-01-01") + timedelta(minutes=minutes)),
    minutes=st.integers(0, 4000),
    opens=st.integers(0, 23),
    closes=st.integers(0, 23),
)
def test_business_clocks_are_never_early_and_count_exactly(
    zone: str, start: datetime, minutes: int, opens: int, closes: int
) -> None:
    calendar = Calendar(zone, frozenset({1, 2, 3, 4, 5}), time(opens), time(closes))
    due = due_at(start, minutes, calendar)
    assert due >= start + timedelta(minutes=minutes)
    counted, day = timedelta(0), start.date() - timedelta(days=3)
    last_end = None
    while day <= due.date() + timedelta(days=2):
        opening = calendar.opening(day)
        if opening is not None:
            begin, end = max(opening[0], start), min(opening[1], due)
            assert last_end is None or opening[0] >= last_end  # openings never overlap, so nothing counts twice
            last_end = opening[1]
            counted += max(end - begin, timedelta(0))
        day += timedelta(days=1)
    assert counted == timedelta(minutes=minutes)


def test_met_only_strictly_before_the_due_instant() -> None:
    due = utc("2026-03-10T09:15")
    assert outcome(due, due - timedelta(microseconds=1), due) is Outcome.MET
    assert outcome(due, due, due) is Outcome.MISSED
    assert outcome(due, None, due - timedelta(microseconds=1)) is Outcome.RUNNING
    assert outcome(due, None, due) is Outcome.MISSED
    assert outcome(None, None, due) is Outcome.RUNNING
    assert outcome(None, due, due) is Outcome.MET


@pytest.mark.parametrize(
    "minutes, calendar, text",
    [
        (15, "", "15 min"),
        (60, "", "1 h"),
        (90, "", "90 min"),
        (240, "business hours", "4 h in business hours"),
        (None, "", ""),
    ],
)
def test_rules_read_as_people_say_them(minutes: int | None, calendar: str, text: str) -> None:
    assert words(minutes, calendar) == text
