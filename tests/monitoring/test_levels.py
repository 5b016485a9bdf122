"""Three levels, both sides, the way back, replay and baseline: against a judge written the slow and plain way."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.thresholds import (
    State,
    Threshold,
    ThresholdError,
    baseline,
    coarser,
    describe,
    deviation,
    judge,
    replay,
)

STATES: tuple[State, ...] = ("ok", "warning", "alarm", "unknown")
# Whole numbers around the limits, so that values stand exactly on them too.
figure = st.one_of(st.none(), st.integers(0, 100).map(float))


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    """Any threshold that can be judged: limits on one side or both, with or without warnings and a way back."""
    low, low_warning, high_warning, high = sorted(draw(st.sets(st.integers(10, 90), min_size=4, max_size=4)))
    is_high = draw(st.booleans())
    main, main_warning, other, other_warning = (
        (high, high_warning, low, low_warning) if is_high else (low, low_warning, high, high_warning)
    )
    two_sided, warns, other_warns = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    room = (high_warning - low_warning - 1) // 2
    margin = draw(st.integers(0, max(0, room)))
    datapoints = draw(st.integers(1, 3))
    return Threshold(
        comparison=draw(st.sampled_from(["gt", "ge"] if is_high else ["lt", "le"])),
        value=float(main),
        datapoints=datapoints,
        window=datapoints + draw(st.integers(0, 2)),
        clear_value=float(main - margin if is_high else main + margin),
        missing=draw(st.sampled_from(["missing", "ignore", "breaching", "not_breaching"])),
        warning=float(main_warning) if warns else None,
        opposite=float(other) if two_sided else None,
        opposite_warning=float(other_warning) if two_sided and other_warns else None,
        clear_periods=draw(st.integers(0, 4)),
    )


def beyond(t: Threshold, value: float, level: str, state: State) -> bool:
    """Whether one value is beyond any limit of a level or of a worse one, said limit by limit."""
    order = {"unknown": 0, "ok": 0, "warning": 1, "alarm": 2}
    limits = [("alarm", t.value, t.is_high), ("alarm", t.opposite, not t.is_high)]
    limits += [("warning", t.warning, t.is_high), ("warning", t.opposite_warning, not t.is_high)]
    for of, limit, above in limits:
        if limit is None or order[of] < order[level]:
            continue
        eased = t.margin if order[state] >= order[of] else 0.0
        edge = limit - eased if above else limit + eased
        strict = value > edge if above else value < edge
        if strict or (value == edge and t.comparison in ("ge", "le")):
            return True
    return False


def naive(t: Threshold, points: list[float | None], state: State) -> State:
    """The same judge, told as a story: every way the absent points could turn out, then the way back."""
    padded = [None] * (t.reach - len(points)) + points[-t.reach :]
    recent = padded[-t.window :]
    if t.missing in ("missing", "ignore") and all(value is None for value in recent):
        return state if t.missing == "ignore" else "unknown"

    def reached(level: str, absent: bool) -> bool:
        counted = 0
        for value in recent:
            if value is None:
                counted += {"breaching": True, "not_breaching": False}.get(t.missing, absent)
            else:
                counted += beyond(t, value, level, state)
        return counted >= t.datapoints

    def level_if(absent: bool) -> State:
        return "alarm" if reached("alarm", absent) else "warning" if reached("warning", absent) else "ok"

    order: list[State] = ["ok", "warning", "alarm"]
    low, high = order.index(level_if(absent=False)), order.index(level_if(absent=True))
    if state == "unknown":
        return order[low]
    now = order.index(state)
    found = max(low, min(now, high))

    def is_back(level: str) -> bool:
        last = padded[-t.clear_periods :]
        return all(
            t.missing == "not_breaching" if value is None else not beyond(t, value, level, state) for value in last
        )

    while t.clear_periods and found < now and not is_back(order[found + 1]):
        found += 1
    return order[found]


@given(thresholds(), st.lists(figure, max_size=8), st.sampled_from(STATES))
def test_the_judge_is_the_naive_one(threshold: Threshold, points: list[float | None], state: State) -> None:
    assert judge(threshold, points, state).state == naive(threshold, points, state)


@given(thresholds(), st.lists(figure, max_size=60), st.sampled_from(STATES), st.integers(0, 5))
def test_a_replay_is_the_judge_period_after_period(
    threshold: Threshold, values: list[float | None], state: State, first: int
) -> None:
    expected = []
    now = state
    for index in range(first, len(values)):
        following = judge(threshold, values[: index + 1], now).state
        if following != now:
            expected.append((index, following))
            now = following
    assert replay(threshold, values, state, first=first) == expected


@given(thresholds(), st.lists(figure, max_size=8), st.integers(0, 100).map(float), st.sampled_from(STATES))
def test_a_value_that_stays_never_turns_an_alarm_twice(
    threshold: Threshold, before: list[float | None], value: float, state: State
) -> None:
    values = [*before, *[value] * (4 * threshold.reach)]
    settled = len(before) + threshold.reach - 1  # from here on every judgement sees that value alone
    assert len(replay(threshold, values, state, first=settled)) <= 1


@given(thresholds(), st.lists(st.floats(0, 1), min_size=8, max_size=40))
def test_noise_within_the_margin_does_not_flap(threshold: Threshold, noise: list[float]) -> None:
    sign = 1 if threshold.is_high else -1
    values = [threshold.value - sign * threshold.margin * share for share in noise]
    alarms = [state for _, state in replay(threshold, values, "alarm") if state == "alarm"]
    assert len(alarms) <= 1


@pytest.mark.parametrize(
    "value,state,expected",
    [
        (3000.0, "ok", "ok"), (5000.0, "ok", "ok"), (5001.0, "ok", "warning"), (8001.0, "ok", "alarm"),
        (999.0, "ok", "warning"), (1000.0, "ok", "ok"), (0.0, "ok", "alarm"), (6000.0, "alarm", "warning"),
    ],
)  # fmt: skip
def test_bands_are_two_sided(value: float, state: State, expected: str) -> None:
    users = Threshold("gt", 8000, warning=5000, opposite=100, opposite_warning=1000)
    assert judge(users, [value], state).state == expected


def test_the_way_back_eases_every_limit_by_one_margin() -> None:
    users = Threshold("gt", 8000, warning=5000, opposite=100, opposite_warning=1000, clear_value=7500)
    assert judge(users, [7800.0], "alarm").state == "alarm"
    assert judge(users, [7400.0], "alarm").state == "warning"
    assert judge(users, [4800.0], "warning").state == "warning"
    assert judge(users, [4400.0], "warning").state == "ok"
    assert judge(users, [1400.0], "warning").state == "warning"
    assert judge(users, [1400.0], "ok").state == "ok"


def test_a_level_is_left_after_so_many_values_in_a_row() -> None:
    rule = Threshold("gt", 80, warning=70, clear_periods=3)
    assert judge(rule, [90.0, 60.0, 60.0], "alarm").state == "alarm"
    assert judge(rule, [60.0, 60.0, 60.0], "alarm").state == "ok"
    assert judge(rule, [75.0, 60.0, 60.0], "alarm").state == "warning"
    assert judge(rule, [60.0, None, 60.0], "alarm").state == "alarm"
    assert judge(rule, [90.0], "ok").state == "alarm"


@pytest.mark.parametrize(
    "bad",
    [
        {"warning": 81}, {"warning": 80}, {"opposite": 90}, {"opposite_warning": 75, "warning": 70},
        {"clear_value": 81}, {"clear_value": 30, "opposite": 20}, {"clear_periods": -1},
        {"opposite": 10, "opposite_warning": 5},
    ],
)  # fmt: skip
def test_limits_that_contradict_each_other_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ThresholdError):
        Threshold("gt", 80, **bad)  # type: ignore[arg-type]


def test_a_coarser_threshold_looks_at_the_same_time() -> None:
    five = coarser(Threshold("gt", 80, datapoints=3, window=10, clear_periods=6), 5)
    assert (five.datapoints, five.window, five.clear_periods) == (1, 2, 2)


def test_a_baseline_needs_fourteen_days_and_says_how_far_out_a_value_is() -> None:
    assert baseline([100.0] * 13) is None
    usual = baseline([90.0] * 7 + [100.0] * 7 + [110.0] * 7)
    assert usual is not None
    assert (usual.median, usual.days) == (100.0, 21)
    assert usual.spread == pytest.approx(1.4826 * 10)
    assert deviation(140.0, usual, "percent") == pytest.approx(40.0)
    assert deviation(100 - 3 * usual.spread, usual, "z") == pytest.approx(-3.0)


def test_what_never_varied_makes_no_outlier_of_every_digit() -> None:
    flat = baseline([200.0] * 20)
    assert flat is not None
    assert flat.spread == 2.0
    nothing = baseline([0.0] * 20)
    assert nothing is not None
    assert deviation(0.0, nothing, "z") == 0.0
    assert deviation(5.0, nothing, "percent") == math.inf
    assert judge(Threshold("gt", 3, opposite=-3), [deviation(-5.0, nothing, "z")], "ok").state == "alarm"


def test_a_rule_with_every_limit_reads_as_one_line() -> None:
    users = Threshold("gt", 8000, 2, 3, warning=5000, opposite_warning=1000, clear_periods=3)
    line = describe(users, stat="Average", period=300, unit="Count")
    assert line == "Average > 8000 Count, warning > 5000 Count, warning < 1000 Count, 2 of 3 × 300 s, back after 3"
