from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.selectors.slo_counts import segments, slices
from monitoring.slo.attribution import Mark, attribute
from monitoring.slo.budget import Count, Part, budget, forecast, health
from monitoring.slo.burn import RULES, burn_rate, burn_states, time_to_exhaustion
from monitoring.slo.indicator import IndicatorError, rule_terms, slo_terms

START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
TERM = {"namespace": "AWS/ApplicationELB", "metric": "RequestCount", "dimensions": {"LoadBalancer": "x"}}

events = st.integers(0, 10_000)
buckets = st.lists(
    st.tuples(events, events, st.booleans()).map(
        lambda t: Count(good=t[0], total=t[0] + t[1], expected=1, covered=int(t[2]))
    ),
    max_size=50,
)


@given(buckets, st.integers(0, 50))
def test_sums_of_parts_equal_the_whole(counts: list[Count], cut: int) -> None:
    assert sum(counts[:cut], Count()) + sum(counts[cut:], Count()) == sum(counts, Count())


@given(buckets)
def test_what_is_used_and_what_is_left_make_one(counts: list[Count]) -> None:
    state = budget([Part(sum(counts, Count()), 0.999, MONTH)])
    if state.used is None:
        assert state.left is None
    else:
        assert state.left is not None
        assert state.used + state.left == pytest.approx(1)


def test_unknown_is_never_one_hundred_per_cent() -> None:
    unknown = Count(expected=100, covered=0)
    assert unknown.attained is None
    assert health(budget([Part(unknown, 0.99, MONTH)]), burning=False, coverage=unknown.coverage) == "no_data"


@pytest.mark.parametrize("covered, good, word", [(49, 10_000, "no_data"), (50, 10_000, "met"), (3, 9_980, "exhausted")])
def test_what_is_known_for_less_than_half_of_the_time_is_not_met_but_may_be_spent(
    covered: int, good: float, word: str
) -> None:
    count = Count(good=good, total=10_000, expected=100, covered=covered)
    assert health(budget([Part(count, 0.999, MONTH)]), burning=False, coverage=count.coverage) == word


def test_no_traffic_is_neither_good_nor_bad() -> None:
    assert Count(expected=12, covered=12).attained is None


def test_the_budget_of_three_nines_is_43_minutes_12_seconds() -> None:
    state = budget([Part(Count(good=9995, total=10_000, expected=1, covered=1), 0.999, MONTH)])
    assert state.minutes == pytest.approx(43.2)
    assert state.left == pytest.approx(0.5)
    assert state.left_minutes == pytest.approx(21.6)


def test_an_unfinished_period_has_the_whole_periods_budget() -> None:
    count = Count(good=990, total=1000, expected=1, covered=1)
    assert budget([Part(count, 0.99, MONTH)]).left == pytest.approx(0)
    assert budget([Part(count, 0.99, MONTH)], elapsed=0.25).left == pytest.approx(0.75)


def test_exclusions_change_adjusted_figures_only() -> None:
    count = Count(good=90, total=100, xgood=0, xtotal=10, expected=2, covered=2)
    assert count.attained == 0.9
    assert count.adjusted.attained == 1.0


def test_burn_factors_are_the_workbooks_for_thirty_days() -> None:
    assert [round(rule.factor(MONTH), 1) for rule in RULES] == [14.4, 6.0, 3.0, 1.0]
    assert [round(rule.factor(timedelta(days=28)), 2) for rule in RULES] == [13.44, 5.6, 2.8, 0.93]


def test_both_windows_must_burn_and_few_events_are_no_fire() -> None:
    hot = Count(good=900, total=1000, expected=1, covered=1)
    calm = Count(good=1000, total=1000, expected=1, covered=1)
    few = Count(good=0, total=5, expected=1, covered=1)

    def firing(long: Count, short: Count) -> bool:
        counts = {RULES[0].long: long, RULES[0].short: short}
        return burn_states(lambda span: counts.get(span, calm), objective=0.999, window=MONTH)[0].firing

    assert firing(hot, hot)
    assert not firing(hot, calm)
    assert not firing(few, few)
    assert burn_rate(Count(), objective=0.999) is None


def test_the_rest_lasts_at_the_present_pace() -> None:
    assert time_to_exhaustion(0.5, 10.0, window=MONTH) == timedelta(days=1.5)
    assert time_to_exhaustion(0.5, 0.0, window=MONTH) is None
    assert time_to_exhaustion(None, 1.0, window=MONTH) is None


def test_a_forecast_goes_on_like_the_last_day() -> None:
    past = Count(good=990, total=1000, expected=100, covered=100)
    recent = Count(good=80, total=100, expected=10, covered=10)
    assert forecast(past, recent, remaining_slices=100) == pytest.approx((990 + 800) / 2000)
    assert forecast(past, Count(), remaining_slices=100) == pytest.approx(0.99)
    assert forecast(Count(), recent, remaining_slices=0) is None


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1000)), max_size=40),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300), st.booleans()), max_size=6),
)
def test_attribution_adds_up_to_what_was_used(raw: list[tuple[int, float]], spans: list[tuple[int, int, bool]]) -> None:
    minute = timedelta(minutes=1)
    marks = [
        Mark(str(n), START + a * minute, None if is_open else START + (a + b) * minute)
        for n, (a, b, is_open) in enumerate(spans)
    ]
    parts = [(START + n * timedelta(minutes=5), bad) for n, bad in raw]
    used = attribute(parts, marks)
    assert sum(used.values()) == pytest.approx(sum(bad for _, bad in parts), abs=1e-6)


def test_a_slice_belongs_to_the_incident_it_touches() -> None:
    mark = Mark("INC-1", START + timedelta(minutes=7), START + timedelta(minutes=11))
    parts = [(START + n * timedelta(minutes=5), 1.0) for n in range(4)]
    assert attribute(parts, [mark]) == {"": 2.0, "INC-1": 2.0}


@given(st.integers(0, 100_000), st.integers(0, 50_000))
def test_segments_cover_every_slice_once(offset: int, minutes: int) -> None:
    start = START + timedelta(minutes=offset)
    end = start + timedelta(minutes=minutes)
    found = segments(start, end)
    assert sum(int((last - first) / timedelta(minutes=5)) for _, first, last in found) == slices(start, end)
    ordered = sorted((first, last) for _, first, last in found)
    assert all(one[1] == other[0] for one, other in pairwise(ordered))
    assert len(found) <= 5


@pytest.mark.parametrize(
    "indicator",
    [
        {},
        {"total": [TERM]},
        {"total": [TERM], "bad": [TERM], "good": [TERM]},
        {"bad": [TERM]},
        {"total": [TERM], "bad": [{**TERM, "stat": "Average"}]},
        {"total": [TERM], "good": [{**TERM, "stat": "TC"}]},
        {"total": [TERM], "bad": [{"metric": "x"}]},
        {"total": ["x"], "bad": [TERM]},
        {"method": "guess"},
        {"method": "timeslices", "value_of": TERM},
        {"method": "timeslices", "value_of": TERM, "comparison": "gt", "value": "x"},
        {"total": 5, "bad": [TERM]},
        {"total": [TERM], "good": [{**TERM, "stat": "TC", "below": "x"}]},
    ],
)
def test_an_indicator_that_cannot_be_counted_is_refused(indicator: dict[str, object]) -> None:
    with pytest.raises(IndicatorError):
        slo_terms(indicator)


def test_a_rule_reads_one_value_or_a_share() -> None:
    assert [term.role for term in rule_terms({"value": TERM}, stat="Maximum")] == ["value"]
    assert [term.role for term in rule_terms({"bad": [TERM], "total": [TERM]}, stat="")] == ["bad", "total"]
    with pytest.raises(IndicatorError):
        rule_terms({"bad": [TERM]}, stat="")


@pytest.mark.parametrize(
    "indicator",
    [[], "x", "a value", 5, {"bad": 5, "total": [TERM]}, {"value": {**TERM, "stat": "TC", "below": "x"}},
     {"value": {**TERM, "stat": "TC", "below": [1]}}, {"value": {**TERM, "stat": "TC", "below": 10**400}}],
)  # fmt: skip
def test_a_rule_s_indicator_of_any_shape_is_refused_in_words(indicator: Any) -> None:
    with pytest.raises(IndicatorError):
        rule_terms(indicator, stat="Average")
