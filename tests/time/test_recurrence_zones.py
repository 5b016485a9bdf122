"""Every zone of the locked tzdata, two years: no local slot is missed, doubled or early."""
# ruff: noqa: DTZ001 - a wall time has no zone

import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.schedule.recurrence import Rule, RuleError, Slot, in_words, iter_slots, next_slot, next_slots, to_utc

ZONES = tuple(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
DAILY = ("0 0 * * *", "30 1 * * *", "30 2 * * *", "15 3 * * *", "59 23 * * *")
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)


@cache
def transitions(zone: ZoneInfo) -> list[datetime]:
    """The days (UTC midnight) on which the zone's offset changes."""
    midnights = [START + timedelta(days=n) for n in range((END - START).days + 1)]
    offsets = [at.astimezone(zone).utcoffset() for at in midnights]
    return [at for at, before, after in zip(midnights, offsets, offsets[1:], strict=False) if before != after]


def expected_local_days(after: datetime, until: datetime, cron: str, zone: ZoneInfo) -> list[datetime]:
    minute, hour = (int(part) for part in cron.split()[:2])
    local = after.astimezone(zone).replace(tzinfo=None, hour=hour, minute=minute, second=0) - timedelta(days=2)
    days: list[datetime] = []
    while True:
        at, _ = to_utc(local, zone)
        if at > until:
            return days
        if at > after:
            days.append(local)
        local += timedelta(days=1)


def test_daily_slots_of_every_zone_come_once_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    checked = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for day in transitions(zone):
            after, until = day - timedelta(days=2), day + timedelta(days=3)
            for cron in DAILY:
                slots = next_slots(Rule(cron=cron, zone=name), after, until)
                assert [slot.local for slot in slots] == expected_local_days(after, until, cron, zone), (
                    name,
                    cron,
                    day,
                )
                assert sorted({slot.at_utc for slot in slots}) == [slot.at_utc for slot in slots], (name, cron, day)
                checked += len(slots)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(ZONES)} zones, {checked} slots around their changes\n")
    assert len(ZONES) > 590
    assert checked > 10_000


def test_each_slot_is_at_its_wall_time_or_marked_shifted() -> None:
    for name in ZONES:
        zone = ZoneInfo(name)
        for day in transitions(zone):
            for slot in next_slots(
                Rule(cron="*/30 * * * *", zone=name), day - timedelta(hours=1), day + timedelta(days=1)
            ):
                shown = slot.at_utc.astimezone(zone).replace(tzinfo=None)
                assert (shown == slot.local) is not slot.is_shifted, (name, slot)
                if slot.is_shifted:
                    before = (slot.at_utc - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
                    assert before < slot.local < shown, (name, slot)


def test_elapsed_intervals_skip_no_hour_in_any_zone() -> None:
    for name in ZONES:
        for day in transitions(ZoneInfo(name)):
            slots = next_slots(Rule(every_seconds=3600, zone=name), day, day + timedelta(days=1))
            assert [slot.at_utc for slot in slots] == [day + timedelta(hours=hour) for hour in range(1, 25)]


def test_a_time_that_spring_skips_is_due_at_the_first_minute_after_the_gap() -> None:
    slots = next_slots(
        Rule(cron="30 2 * * *", zone="Europe/Berlin"),
        datetime(2026, 3, 28, 12, tzinfo=UTC),
        datetime(2026, 3, 30, 12, tzinfo=UTC),
    )
    assert slots == [
        Slot(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 3, 29, 2, 30), is_shifted=True),
        Slot(datetime(2026, 3, 30, 0, 30, tzinfo=UTC), datetime(2026, 3, 30, 2, 30)),
    ]


def test_several_skipped_times_are_due_once_and_a_real_one_there_is_not_shifted() -> None:
    after, until = datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    slots = next_slots(Rule(cron="*/15 * * * *", zone="Europe/Berlin"), after, until)
    assert [(slot.at_utc.minute, slot.is_shifted) for slot in slots] == [(0, False), (15, False), (30, False)]
    only_skipped = next_slots(Rule(cron="*/15 2 * * *", zone="Europe/Berlin"), after, until)
    assert [(slot.at_utc.hour, slot.is_shifted) for slot in only_skipped] == [(1, True)]


def test_a_time_that_autumn_repeats_is_due_the_first_time_only() -> None:
    after, until = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    slots = next_slots(Rule(cron="30 2 * * *", zone="Europe/Berlin"), after, until)
    assert [slot.at_utc for slot in slots] == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize("second_of_overlap", [0, 1799, 1800, 1801, 3599])
def test_looking_from_inside_the_repeated_hour_doubles_nothing(second_of_overlap: int) -> None:
    inside_second_pass = datetime(2026, 10, 25, 1, 0, tzinfo=UTC) + timedelta(seconds=second_of_overlap)
    following = next_slot(Rule(cron="30 2 * * *", zone="Europe/Berlin"), inside_second_pass)
    assert following is not None
    assert following.at_utc == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_lord_howe_moves_by_half_an_hour_and_troll_by_two() -> None:
    lord_howe = next_slot(Rule(cron="15 2 * * *", zone="Australia/Lord_Howe"), datetime(2026, 10, 3, 12, tzinfo=UTC))
    assert lord_howe == Slot(datetime(2026, 10, 3, 15, 30, tzinfo=UTC), datetime(2026, 10, 4, 2, 15), is_shifted=True)
    troll = next_slot(Rule(cron="30 2 * * *", zone="Antarctica/Troll"), datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert troll == Slot(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 3, 29, 2, 30), is_shifted=True)


def test_the_interval_is_open_at_its_start_and_closed_at_its_end() -> None:
    nine, ten = datetime(2026, 3, 10, 9, tzinfo=UTC), datetime(2026, 3, 10, 10, tzinfo=UTC)
    assert [slot.at_utc for slot in next_slots(Rule(cron="0 * * * *"), nine, ten)] == [ten]
    assert [slot.at_utc for slot in next_slots(Rule(every_seconds=3600), nine, ten)] == [ten]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cron": "0 9 * * *", "every_seconds": 60},
        {"cron": "0 9 * *"},
        {"cron": "0 0 9 * * *"},
        {"cron": "61 9 * * *"},
        {"cron": "0 9 31 2 *"},
        {"cron": "0 9 * * *", "zone": "Nowhere/Town"},
        {"cron": "0 9 * * *", "zone": "../etc/passwd"},
        {"cron": "0 9 * * *", "zone": ""},
        {"every_seconds": -1},
        {"every_seconds": 60, "anchor": datetime(2026, 1, 1)},
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RuleError):
        Rule(**fields)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    after=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC)),
    cut=st.floats(0.05, 0.95),
)
def test_looking_in_two_halves_finds_the_same_as_looking_at_once(
    zone: str, minute: int, hour: int, after: datetime, cut: float
) -> None:
    rule, until = Rule(cron=f"{minute} {hour} * * *", zone=zone), after + timedelta(days=9)
    middle = after + cut * (until - after)
    assert next_slots(rule, after, middle) + next_slots(rule, middle, until) == next_slots(rule, after, until)


def test_slots_never_go_back_in_time() -> None:
    for name in ("Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Africa/Casablanca", "Pacific/Apia"):
        slots = iter_slots(Rule(cron="17 * * * *", zone=name), START)
        found = [next(slots).at_utc for _ in range(9000)]
        assert all(earlier < later for earlier, later in pairwise(found)), name


@pytest.mark.parametrize(
    "cron, words",
    [
        ("0 8 * * *", "At 08:00 every day"),
        ("0 9 * * MON#1", "At 09:00 on the first Monday of the month"),
        ("0 9 1 1,7 *", "At 09:00 on the first day of January and July"),
    ],
)
def test_a_rule_can_be_said_in_words(cron: str, words: str) -> None:
    assert in_words(cron) == words


def test_words_for_no_rule_are_refused() -> None:
    with pytest.raises(RuleError):
        in_words("every now and then")
