"""Periods as zones count them, and which version of a promise held when."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.slo.budget import Count, Part, budget
from monitoring.slo.periods import PeriodError, calendar, choices, held, last_whole, parse, rolling, window
from monitoring.slo.policy import Policy

UTC_ZONE, BERLIN, LORD_HOWE = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 22, 3, 7, 9, tzinfo=UTC)
KINDS = ("week", "month", "quarter", "year")
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
zones = st.sampled_from([UTC_ZONE, BERLIN, LORD_HOWE, ZoneInfo("America/Santiago"), ZoneInfo("Asia/Beirut")])


@given(st.sampled_from(KINDS), days, zones)
def test_calendar_periods_follow_each_other_without_gap_or_overlap(kind: str, day: date, zone: ZoneInfo) -> None:
    at = datetime(2040, 1, 1, tzinfo=UTC)
    one = calendar(kind, day, at, zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    assert one.starts_at <= noon < one.ends_at
    following = calendar(kind, one.ends_at.astimezone(zone).date(), at, zone)
    assert following.starts_at == one.ends_at
    assert following.before == (one.starts_at, one.ends_at)
    assert parse(one.key, at, zone) == one


@pytest.mark.parametrize(
    "key, zone, hours",
    [
        ("2026-03", BERLIN, 743),
        ("2026-10", BERLIN, 745),
        ("2026-w13", BERLIN, 167),
        ("2026-w44", BERLIN, 168),
        ("2026-10-25..2026-10-25", BERLIN, 25),
        ("2026-04-05..2026-04-05", LORD_HOWE, 24.5),
        ("2026-10", UTC_ZONE, 744),
        ("2025", BERLIN, 8760),
    ],
)
def test_a_day_is_not_24_hours(key: str, zone: ZoneInfo, hours: float) -> None:
    assert parse(key, AT, zone).length == hours * HOUR


def test_a_period_that_goes_on_is_counted_to_the_last_whole_slice() -> None:
    running = parse("2026-11", AT, BERLIN)
    assert running.until == datetime(2026, 11, 22, 3, 5, tzinfo=UTC)
    assert running.ends_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert rolling(AT).until == rolling(AT).ends_at
    assert last_whole("month", AT, BERLIN).key == "2026-10"
    assert [key for key, _ in choices(AT, BERLIN)] == ["30d", "2026-w47", "2026-10", "2026-11", "2026-q4", "2026"]


@pytest.mark.parametrize(
    "text", ["x", "0d", "401d", "2026-13", "2026-w54", "2027-01", "2026-11-31..2026-12-02", "2026-10-09..2026-10-01",
             "2026-q5", "2024-01-01..2026-01-01"],
)  # fmt: skip
def test_what_is_no_period_is_refused_in_words(text: str) -> None:
    with pytest.raises(PeriodError) as refused:
        parse(text, AT, BERLIN)
    assert str(refused.value).endswith(".")


def test_a_promise_is_kept_over_its_own_window() -> None:
    assert window("rolling", days=7, zone=BERLIN, at=AT).length == timedelta(days=7)
    assert window("month", days=30, zone=BERLIN, at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC)).key == "2026-11"


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(0, 40), st.integers(1, 20))
def test_every_instant_has_one_version_and_the_first_holds_before_it(since: list[int], start: int, length: int) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    dated = [(begin + n * HOUR, number) for number, n in enumerate(sorted(since))]
    spans = held(dated, begin + start * HOUR, begin + (start + length) * HOUR)
    told: dict[datetime, int] = {}
    for number, first, last in spans:
        told |= {first + n * HOUR: number for n in range(int((last - first) / HOUR))}
    naive = {
        at: max((number for begins, number in dated if begins <= at), default=0)
        for at in (begin + n * HOUR for n in range(start, start + length))
    }
    assert told == naive


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 99), st.sampled_from([0.9, 0.99, 0.999])), min_size=1))
def test_each_event_is_judged_by_the_objective_of_its_time(rows: list[tuple[int, int, float]]) -> None:
    parts = [Part(Count(good, good + bad, expected=1, covered=1), objective, HOUR) for good, bad, objective in rows]
    state = budget(parts)
    events = [(objective, n < bad) for good, bad, objective in rows for n in range(good + bad)]
    assert state.used_events == sum(is_bad for _, is_bad in events)
    assert state.events == pytest.approx(sum(1 - objective for objective, _ in events))
    assert state.minutes == pytest.approx(sum(60 * (1 - objective) for *_, objective in rows))


def test_a_budget_reaches_its_steps_and_nothing_known_reaches_none() -> None:
    policy = Policy()
    assert [policy.step(used) for used in (None, 0.49, 0.5, 0.75, 1.0, 3.0)] == [
        None, None, "notice", "review", "freeze", "freeze",
    ]  # fmt: skip
