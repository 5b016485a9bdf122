"""Trends against lines whose answer is known, and against wild days."""

from datetime import date, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.capacity import FARTHEST, LEAST_DAYS, TooFewDaysError, backtest, reached, trend

FIRST = date(2026, 1, 1)
CALM = settings(max_examples=60)
slopes, levels = st.floats(-5, 5), st.floats(0, 1000)
counts = st.integers(LEAST_DAYS, 40)


def line(count: int, level: float, slope: float) -> list[tuple[date, float]]:
    return [(FIRST + timedelta(days=n), level + slope * n) for n in range(count)]


@given(st.integers(0, LEAST_DAYS - 1))
def test_less_than_a_fortnight_says_nothing(count: int) -> None:
    with pytest.raises(TooFewDaysError, match=f"{count} of the 14"):
        trend(line(count, 5, 1))


@CALM
@given(counts, levels, slopes)
def test_a_straight_line_is_found_again(count: int, level: float, slope: float) -> None:
    found = trend(line(count, level, slope))
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.level == pytest.approx(level + slope * (count - 1), abs=1e-4)
    assert found.low - 1e-9 <= found.slope <= found.high + 1e-9


@CALM
@given(st.lists(st.floats(-100, 100), min_size=LEAST_DAYS, max_size=30), st.randoms())
def test_the_slope_is_the_median_of_all_pairs_in_any_order(values: list[float], random: object) -> None:
    days = [(FIRST + timedelta(days=n), value) for n, value in enumerate(values)]
    naive = median((b - a) / (j - i) for i, a in enumerate(values) for j, b in enumerate(values) if j > i)
    shuffled = list(days)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = trend(shuffled)
    assert found == trend(days)
    assert found.slope == pytest.approx(naive, abs=1e-9)
    assert found.low <= found.slope <= found.high


@CALM
@given(st.integers(20, 40), st.data())
def test_a_quarter_of_wild_days_turns_nothing(count: int, data: st.DataObject) -> None:
    days = line(count, 100, 1)
    for place in data.draw(st.sets(st.integers(0, count - 1), max_size=count // 8)):
        days[place] = (days[place][0], data.draw(st.sampled_from([-1e6, 1e6])))
    assert trend(days).slope == pytest.approx(1, abs=0.5)


@CALM
@given(counts, st.floats(1, 100), st.floats(0.1, 5), st.floats(1, 150))
def test_the_day_of_a_limit_is_the_first_on_which_the_line_is_there(
    count: int, level: float, slope: float, further: float
) -> None:
    found = trend(line(count, level, slope))
    limit = found.level + further
    when = reached(found, limit)
    assert when.expected is not None
    assert found.at(when.expected) >= limit - 1e-6
    assert found.at(when.expected - timedelta(days=1)) < limit + 1e-6
    assert when.earliest is not None
    assert when.earliest <= when.expected
    mirrored = trend([(day, -value) for day, value in line(count, level, slope)])
    assert reached(mirrored, -limit, above=False).expected == when.expected


def test_a_limit_behind_is_passed_and_one_out_of_sight_has_no_day() -> None:
    rising = trend(line(30, 50, 1))
    assert reached(rising, 70).is_past
    assert reached(rising, 30, above=False).expected is None
    assert reached(trend(line(30, 50, 0)), 70).expected is None
    assert reached(rising, 79 + FARTHEST.days + 2).expected is None


def test_noise_without_a_trend_has_no_direction() -> None:
    noisy = [(FIRST + timedelta(days=n), 50.0 + (n * 7919) % 13) for n in range(30)]
    found = trend(noisy)
    assert found.direction == 0
    assert reached(found, 1000).latest is None


def test_growth_of_a_year_is_a_share_of_today() -> None:
    found = trend(line(30, 71, 1))
    assert found.yearly == pytest.approx(3.65)
    assert trend(line(30, 0, 0)).yearly is None


def test_the_backtest_measures_the_miss() -> None:
    assert backtest(line(40, 100, 1)) == pytest.approx(0)
    jumped = [*line(30, 100, 0), *((FIRST + timedelta(days=n), 150.0) for n in range(30, 40))]
    assert backtest(jumped) == pytest.approx(0.5)
    assert backtest(line(16, 100, 1)) is None
