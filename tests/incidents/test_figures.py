"""The arithmetic of incident figures: nothing lost, nothing counted twice, reasons for what is left out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.figures.measures import (
    CHANGE_WINDOW,
    MERGED,
    SPANS,
    Case,
    Change,
    between,
    blamed,
    change_failures,
    deployment_frequency,
    figure,
    quantile,
    rollbacks,
    targets,
    within,
)
from incidents.figures.periods import Period, PeriodError, choices, period
from incidents.figures.periods import between as spanning

DAY = datetime(2026, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Drawing the first list of cases takes seconds on a busy machine.
UNHURRIED = settings(max_examples=60)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-10T{text}+00:00")


def case(number: int = 1, **times: datetime | int | bool | None) -> Case:
    values = {"impact_started_at": at("14:30"), "detected_at": at("14:32"), "service_id": 7, "rank": 1, **times}
    return Case(number=number, platform_id=1, **values)  # type: ignore[arg-type]


def test_phase09s_recovery_takes_15_minutes_not_45() -> None:
    """Detected 14:32, recovered 14:47, closed 15:17 (M-MET-01)."""
    one = case(resolved_at=at("14:47"), closed_at=at("15:17"))
    assert figure("mttr", [one]).median == 15 * MINUTE
    mitigated = case(mitigated_at=at("14:47"), resolved_at=at("15:10"), closed_at=at("15:17"))
    assert figure("mttr", [mitigated]).median == 15 * MINUTE


def test_what_is_left_out_is_counted_by_reason() -> None:
    cases = [
        case(1, acknowledged_at=at("14:35")),
        case(2),
        case(3, is_merged=True, acknowledged_at=at("14:40")),
        case(4, acknowledged_at=at("14:00")),
    ]
    made = figure("mtta", cases)
    assert [(value.number, value.length) for value in made.values] == [(1, 3 * MINUTE)]
    assert made.excluded == {"not acknowledged": 1, MERGED: 1, "times contradict each other": 1}


def test_who_declares_without_a_start_was_not_quick_to_detect() -> None:
    made = figure("mttd", [case(1, impact_started_at=at("14:30")), case(2, impact_started_at=at("14:32"))])
    assert [(value.number, value.length) for value in made.values] == [(1, 2 * MINUTE)]
    assert made.excluded == {"start of the impact not known": 1}


def test_quantiles_stand_between_the_nearest_ranks() -> None:
    assert quantile([], 0.5) is None
    assert quantile([MINUTE], 0.9) == MINUTE
    assert quantile([4 * MINUTE, MINUTE, 3 * MINUTE, 2 * MINUTE], 0.5) == 2.5 * MINUTE
    assert quantile([n * MINUTE for n in range(11)], 0.9) == 9 * MINUTE


def test_ninety_of_a_hundred_are_within_what_is_said() -> None:
    """The twelve cases of a month: 9 min would be kept by ten of twelve, by fewer than it says."""
    lengths = [n * MINUTE for n in (0, 0, 1, 3, 4, 5, 7, 8, 9, 9, 10, 11)]
    assert within(lengths, 0.9) == 10 * MINUTE
    assert within([n * MINUTE for n in range(1, 11)], 0.9) == 9 * MINUTE
    assert within([MINUTE], 0.9) == MINUTE
    assert within([], 0.9) is None


moments = st.integers(-300, 3000).map(lambda minutes: DAY + minutes * MINUTE)
times = st.one_of(st.none(), moments)
cases_drawn = st.lists(
    st.builds(
        Case,
        number=st.integers(1, 10_000),
        platform_id=st.integers(1, 2),
        service_id=st.one_of(st.none(), st.integers(1, 3)),
        rank=st.integers(1, 5),
        impact_started_at=moments,
        detected_at=moments,
        acknowledged_at=times,
        mitigated_at=times,
        resolved_at=times,
        is_merged=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda one: one.number,
)


@UNHURRIED
@given(cases_drawn)
def test_every_case_is_counted_or_left_out_with_a_reason(cases: list[Case]) -> None:
    for name in SPANS:
        made = figure(name, cases)
        assert made.n + sum(made.excluded.values()) == len(cases)
        assert all(value.length >= timedelta(0) for value in made.values)
        if made.n:
            lengths = [value.length for value in made.values]
            assert made.median is not None
            assert made.p90 is not None
            assert sum(length <= made.p90 for length in lengths) >= 0.9 * made.n
            assert min(lengths) <= made.median <= made.p90 <= max(lengths)
    gaps = between(cases)
    assert gaps.n + sum(gaps.excluded.values()) == len(cases)


@UNHURRIED
@given(cases_drawn, st.randoms())
def test_the_order_of_the_cases_changes_no_figure(cases: list[Case], random: object) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in SPANS:
        first, second = figure(name, cases), figure(name, shuffled)
        assert (first.median, first.p90, first.excluded) == (second.median, second.p90, second.excluded)
    assert between(cases).median == between(shuffled).median


def test_time_between_incidents_is_counted_for_each_service() -> None:
    first, second, third = DAY, DAY + timedelta(days=2), DAY + timedelta(days=5)
    cases = [
        case(1, impact_started_at=first),
        case(2, impact_started_at=third),
        case(3, impact_started_at=second, service_id=8),
        case(4, service_id=None),
    ]
    made = between(cases)
    assert [value.length for value in made.values] == [timedelta(days=5)]
    assert made.excluded == {"first of its service in this time": 2, "no service named": 1}


def change(pk: int, when: str, service: int | None = 7, **ended: bool) -> Change:
    return Change(pk=pk, platform_id=1, service_id=service, at=at(when), **ended)


def test_an_incident_within_an_hour_is_charged_to_the_latest_deployment_of_its_service() -> None:
    changes = [change(1, "13:30"), change(2, "13:45"), change(3, "14:20", 8), change(4, "14:31"), change(5, "10:00")]
    cases = [case(1), case(2, impact_started_at=at("14:45")), case(3, is_merged=True)]
    assert blamed(changes, cases) == {2: [1], 4: [2]}, "14:30 is exactly an hour after 13:30"
    assert change_failures(changes, cases).value == 2 / 5


def test_a_rollback_is_a_failed_change_and_counted_once() -> None:
    changes = [
        change(1, "14:00", is_rolled_back=True),
        change(2, "14:10", None),
        change(3, "09:00", is_rolled_back=True),
    ]
    assert change_failures(changes, [case(1)]).part == 3
    assert rollbacks(changes).part == 2
    assert rollbacks([]).value is None


def test_a_deployment_that_ecs_gave_up_is_a_failed_change_and_no_rollback() -> None:
    changes = [change(1, "14:00", is_failed=True), change(2, "09:00", is_failed=True), change(3, "08:00")]
    assert change_failures(changes, [case(1)]).part == 2
    assert rollbacks(changes).part == 0


def test_deployments_are_counted_a_week_over_the_span_asked() -> None:
    changes = [change(1, "08:00"), change(2, "10:00", is_rolled_back=True), change(3, "12:00")]
    made = deployment_frequency(changes, at("09:00"), at("09:00") + timedelta(days=14))
    assert (made.count, made.per_week) == (2, 1.0), "a rolled back one went out too"
    assert deployment_frequency(changes, at("09:00"), at("12:00")).count == 1, "the end is not part of it"
    assert deployment_frequency([], DAY, DAY).per_week is None


def test_any_span_is_compared_with_as_much_before_it() -> None:
    asked = spanning(DAY, DAY + timedelta(days=10))
    assert (asked.before.since, asked.before.until) == (DAY - timedelta(days=10), DAY)
    for since, until in ((DAY, DAY), (DAY, DAY - MINUTE), (DAY, DAY + timedelta(days=401))):
        with pytest.raises(PeriodError):
            spanning(since, until)


@UNHURRIED
@given(cases_drawn, st.lists(st.integers(-300, 3000), max_size=20))
def test_no_incident_is_charged_twice_nor_beyond_the_hour(cases: list[Case], starts: list[int]) -> None:
    changes = [
        Change(pk=n, platform_id=1 + n % 2, service_id=None, at=DAY + minutes * MINUTE)
        for n, minutes in enumerate(starts)
    ]
    charged = blamed(changes, cases)
    numbers = [number for group in charged.values() for number in group]
    assert len(numbers) == len(set(numbers))
    by_number, by_pk = {one.number: one for one in cases}, {one.pk: one for one in changes}
    for pk, group in charged.items():
        for number in group:
            waited = by_number[number].impact_started_at - by_pk[pk].at
            assert timedelta(0) <= waited < CHANGE_WINDOW


def test_targets_are_read_from_a_policys_figures() -> None:
    figures = {
        "mttd_minutes": 5,
        "mttr_minutes_rank_2": 240,
        "rollback_percent": 2,
        "rto_minutes": 9,
        "mttr_minutes": "x",
    }
    found = targets(3, figures, "Phase09 §2")
    assert [(one.figure, one.rank, one.words) for one in found] == [
        ("mttd", None, "< 5 min"), ("mttr", 2, "< 4 h"), ("rollback", None, "< 2 %"),
    ]  # fmt: skip
    assert [found[0].is_met(length) for length in (4 * MINUTE, 5 * MINUTE, None)] == [True, False, None]
    assert [found[2].is_met(share) for share in (0.019, 0.02)] == [True, False]


def test_a_period_knows_the_one_before_it() -> None:
    now = datetime(2026, 3, 10, 9, tzinfo=UTC)
    march, days = period("2026-03", now), period("", now)
    assert (march.since, march.until) == (datetime(2026, 3, 1, tzinfo=UTC), now)
    assert march.before == Period("2026-02", "February 2026", datetime(2026, 2, 1, tzinfo=UTC), march.since)
    assert (days.before.since, days.before.until) == (now - timedelta(days=60), now - timedelta(days=30))
    assert [key for key, _ in choices(now)] == ["30d", "92d", "2026-02", "2026-03"]


@pytest.mark.parametrize("text", ["x", "2026-13", "2099-01", "1999-01", "30d\x00", "9" * 500])
def test_a_nonsense_period_is_refused(text: str) -> None:
    with pytest.raises(PeriodError):
        period(text, DAY)
