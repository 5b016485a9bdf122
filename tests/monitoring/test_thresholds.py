import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.thresholds import State, Threshold, ThresholdError, describe, judge

value = st.one_of(st.none(), st.floats(0, 100))
states: st.SearchStrategy[State] = st.sampled_from(["ok", "alarm", "unknown"])


@pytest.mark.parametrize(
    "points,missing,state,expected",
    [
        ([90.0, 90.0], "missing", "ok", "alarm"),
        ([90.0, 10.0], "missing", "ok", "ok"),
        ([10.0, 10.0], "missing", "alarm", "ok"),
        ([None, None], "missing", "ok", "unknown"),
        ([None, None], "missing", "alarm", "unknown"),
        ([None, None], "ignore", "alarm", "alarm"),
        ([None, None], "breaching", "ok", "alarm"),
        ([None, None], "not_breaching", "alarm", "ok"),
        ([90.0, None], "missing", "ok", "ok"),
        ([90.0, None], "missing", "alarm", "alarm"),
        ([90.0, None], "breaching", "ok", "alarm"),
        ([90.0, None], "not_breaching", "alarm", "ok"),
        ([90.0], "missing", "ok", "ok"),
    ],
)
def test_two_of_two_is_judged_as_cloudwatch_would(
    points: list[float | None], missing: str, state: State, expected: str
) -> None:
    threshold = Threshold("gt", 80, datapoints=2, window=2, missing=missing)
    assert judge(threshold, points, state).state == expected


def test_a_firing_alarm_clears_only_beyond_its_clear_value() -> None:
    threshold = Threshold("gt", 80, clear_value=60)
    assert judge(threshold, [70.0], "ok").state == "ok"
    assert judge(threshold, [70.0], "alarm").state == "alarm"
    assert judge(threshold, [59.0], "alarm").state == "ok"


def test_a_fall_is_judged_like_a_rise() -> None:
    assert judge(Threshold("lt", 5), [4.0], "ok").state == "alarm"
    assert judge(Threshold("le", 5), [5.0], "ok").state == "alarm"
    assert judge(Threshold("ge", 5), [5.0], "ok").state == "alarm"


@pytest.mark.parametrize("bad", [{"comparison": "like"}, {"datapoints": 3, "window": 2}, {"datapoints": 0}])
def test_a_threshold_that_cannot_be_judged_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ThresholdError):
        Threshold(**({"comparison": "gt", "value": 1.0} | bad))  # type: ignore[arg-type]


@given(st.lists(value, max_size=8), states, st.integers(1, 5), st.integers(0, 4))
def test_one_more_breach_never_ends_an_alarm(
    points: list[float | None], state: State, datapoints: int, extra: int
) -> None:
    threshold = Threshold("gt", 50, datapoints=datapoints, window=datapoints + extra)
    before = judge(threshold, points, state)
    worse = [100.0 if point is not None else None for point in points]
    if before.state == "alarm":
        assert judge(threshold, worse, state).state == "alarm"


@given(st.lists(st.none(), max_size=6), states)
def test_silence_alone_is_never_ok(points: list[None], state: State) -> None:
    assert judge(Threshold("gt", 50, datapoints=1, window=3), points, state).state == "unknown"


def test_a_rule_reads_as_one_line() -> None:
    line = describe(Threshold("gt", 80, datapoints=2, window=2), stat="Maximum", period=300, unit="Count")
    assert line == "Maximum > 80 Count, 2 of 2 × 300 s"
