"""Clocks of incidents in every zone of the locked tzdata, 2026-27: never early, never negative, none missed."""

import sys
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.clocks import (
    Calendar,
    due_after,
    due_at,
    end_of,
    next_business_day,
    outcome,
    remaining,
    warn_at,
)

ZONES = tuple(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
START, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 730
EVERY_DAY = frozenset(range(1, 8))
# Around midnight, over the hours in which clocks change, over night, and office hours.
HOURS = ((time(0), time(8)), (time(1, 30), time(3, 30)), (time(22), time(2, 30)), (time(9), time(17)))
MINUTE = timedelta(minutes=1)


@cache
def transitions(name: str) -> list[datetime]:
    """The days (UTC midnight) on which the zone's offset changes."""
    zone = ZoneInfo(name)
    midnights = [START + timedelta(days=n) for n in range(DAYS + 1)]
    offsets = [at.astimezone(zone).utcoffset() for at in midnights]
    return [at for at, before, after in zip(midnights, offsets, offsets[1:], strict=False) if before != after]


def open_minutes(calendar: Calendar, start: datetime, end: datetime) -> int:
    """Counted minute by minute, by the wall clock alone: what the arithmetic must agree with."""
    count, at, zone = 0, start, ZoneInfo(calendar.zone)
    while at < end:
        count += is_open(calendar, at.astimezone(zone))
        at += MINUTE
    return count


def is_open(calendar: Calendar, local: datetime) -> bool:
    overnight = calendar.closes <= calendar.opens
    now = local.time().replace(tzinfo=None)
    today = local.isoweekday() in calendar.weekdays and local.date() not in calendar.holidays
    before = local.date() - timedelta(days=1)
    yesterday = before.isoweekday() in calendar.weekdays and before not in calendar.holidays
    if not overnight:
        return today and calendar.opens <= now < calendar.closes
    return (today and now >= calendar.opens) or (yesterday and now < calendar.closes)


def test_due_instants_of_every_zone_around_its_changes(capsys: pytest.CaptureFixture[str]) -> None:
    checked = 0
    for name in ZONES:
        for day in transitions(name):
            for opens, closes in HOURS:
                calendar = Calendar(name, EVERY_DAY, opens, closes)
                start = day - timedelta(days=1)
                last = start
                for minutes in (1, 45, 240, 900):
                    due = due_at(start, minutes, calendar)
                    assert due >= start + minutes * MINUTE, (name, day, "early")
                    assert due >= last, (name, day, "more time is due later")
                    assert remaining(start, due, calendar) == minutes * MINUTE, (name, day, minutes)
                    assert remaining(due, start, calendar) == timedelta(0), "never negative"
                    last = due
                    checked += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{len(ZONES)} zones, {checked} due instants around their changes\n")
    assert len(ZONES) > 590
    assert checked > 5_000


@pytest.mark.parametrize(
    "name, day",
    [
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Australia/Lord_Howe", "2026-04-05"),
        ("Australia/Lord_Howe", "2026-10-04"),
        ("Antarctica/Troll", "2026-03-29"),
        ("America/Santiago", "2026-09-06"),  # this day has no midnight
        ("Africa/Cairo", "2026-04-24"),  # neither has this
        ("Asia/Beirut", "2026-03-29"),
        ("America/Havana", "2026-03-08"),
        ("Africa/Casablanca", "2026-02-15"),
    ],
)
def test_open_time_agrees_with_the_wall_clock_minute_by_minute(name: str, day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=18)
    end = start + timedelta(hours=54)
    for opens, closes in ((time(9), time(17)), (time(4), time(23)), (time(22), time(5))):
        calendar = Calendar(name, EVERY_DAY, opens, closes)
        assert remaining(start, end, calendar) == open_minutes(calendar, start, end) * MINUTE, (name, opens)


def test_a_day_is_over_at_midnight_also_where_there_is_none() -> None:
    shut = Calendar("America/Santiago", frozenset({1}), time(9), time(17))
    # 6 September 2026 begins at 01:00: 5 September is over at 04:00 UTC, when 00:00 becomes 01:00.
    assert end_of(date(2026, 9, 5), shut) == datetime(2026, 9, 6, 4, tzinfo=UTC)
    assert end_of(date(2026, 9, 7), shut) == datetime(2026, 9, 7, 20, tzinfo=UTC)
    assert end_of(date(2026, 9, 7)) == datetime(2026, 9, 8, tzinfo=UTC)


def test_the_next_business_day_ends_after_every_start_in_every_zone() -> None:
    for name in ZONES:
        calendar = Calendar(name, frozenset({1, 2, 3, 4, 5}), time(9), time(17))
        zone = ZoneInfo(name)
        for day in transitions(name):
            for hour in range(0, 48, 5):
                start = day - timedelta(days=1) + timedelta(hours=hour)
                due = next_business_day(start, calendar)
                assert due > start
                local_start, local_due = start.astimezone(zone).date(), due.astimezone(zone).date()
                assert local_due > local_start
                between = (local_start + timedelta(days=n) for n in range(1, (local_due - local_start).days))
                assert not any(one.isoweekday() <= 5 for one in between), "no business day was passed over"


zone_names = st.sampled_from(ZONES)
moments = st.integers(0, 60 * 24 * 700).map(lambda minutes: START + timedelta(minutes=minutes))


@settings(max_examples=150, deadline=None)
@given(
    zone=zone_names,
    start=moments,
    minutes=st.integers(1, 3000),
    used=st.floats(0, 1),
    gap=st.integers(0, 20_000),
    opens=st.integers(0, 23),
    closes=st.integers(0, 23),
)
def test_a_pause_keeps_what_was_left_of_business_time(
    zone: str, start: datetime, minutes: int, used: float, gap: int, opens: int, closes: int
) -> None:
    calendar = Calendar(zone, frozenset({1, 2, 3, 4, 5}), time(opens), time(closes))
    due = due_at(start, minutes, calendar)
    paused_at = start + used * (due - start)
    left = remaining(paused_at, due, calendar)
    assert timedelta(0) <= left <= minutes * MINUTE
    resumed_at = paused_at + gap * MINUTE
    new_due = due_after(resumed_at, left, calendar)
    assert new_due >= min(due, resumed_at)
    assert remaining(start, paused_at, calendar) + remaining(resumed_at, new_due, calendar) == minutes * MINUTE


@settings(max_examples=150, deadline=None)
@given(zone=zone_names, start=moments, minutes=st.integers(1, 3000), share=st.floats(0.01, 0.99))
def test_a_warning_stands_between_start_and_due(zone: str, start: datetime, minutes: int, share: float) -> None:
    calendar = Calendar(zone, frozenset({1, 2, 3, 4, 5}), time(9), time(17))
    due = due_at(start, minutes, calendar)
    warning = warn_at(start, due, share, calendar)
    assert warning is None or start < warning < due
    if warning is not None:
        assert abs(remaining(start, warning, calendar) - minutes * share * MINUTE) < timedelta(seconds=1)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.integers(-90, 400), min_size=1, max_size=60), minutes=st.integers(1, 60))
def test_a_stepping_server_clock_makes_no_clock_early_or_missed_twice(steps: list[int], minutes: int) -> None:
    """Somebody sets the server's clock: once late, a clock that was recorded as missed stays so; never before due."""
    due, now = due_at(START, minutes), START
    fired: list[datetime] = []
    for step in steps:
        now += timedelta(seconds=step)
        if not fired and outcome(due, None, now).value == "missed":
            fired.append(now)
    assert all(at >= due for at in fired)
    highest = START
    at = START
    for step in steps:
        at += timedelta(seconds=step)
        highest = max(highest, at)
    assert bool(fired) == (highest >= due)
