"""Where a metric is heading and when it reaches a limit. Pure: days and figures in, days out.

Trend: the median of the slopes between all pairs of days (Theil 1950; Sen, "Estimates of the Regression Coefficient
Based on Kendall's Tau", JASA 63, 1968), which a third of wild days cannot turn. Interval: Sen's, from the ranks of the
slopes by the normal approximation of Kendall's S (Gilbert, "Statistical Methods for Environmental Pollution
Monitoring", 1987, section 16.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist, median
from typing import Final

LEAST_DAYS: Final = 14
CONFIDENCE: Final = 0.90
FARTHEST: Final = timedelta(days=5 * 365)  # nobody plans by a straight line of more years


class TooFewDaysError(ValueError):
    """There is too little history to say where it goes."""

    def __init__(self, days: int) -> None:
        super().__init__(f"{days} of the {LEAST_DAYS} days a trend needs.")
        self.days = days


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through days: `level` on the last one, `slope` a day with its interval `low` to `high`."""

    last: date
    level: float
    slope: float
    low: float
    high: float
    days: int

    @property
    def direction(self) -> int:
        """1 when it rises beyond doubt, -1 when it falls, 0 when the interval holds both."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0

    @property
    def yearly(self) -> float | None:
        """Growth in a year as a share of today's level; None where that level is nothing."""
        return 365 * self.slope / self.level if self.level > 0 else None

    def at(self, day: date) -> float:
        """The line's figure of that day."""
        return self.level + self.slope * (day - self.last).days


@dataclass(frozen=True, slots=True)
class Reached:
    """When a limit is reached: by the trend, and at the edges of its interval. None: not within five years."""

    expected: date | None
    earliest: date | None
    latest: date | None
    is_past: bool = False


def trend(days: Sequence[tuple[date, float]]) -> Trend:
    """The line through daily figures, one a day in any order. Raises TooFewDaysError below 14 days."""
    known = sorted(dict(days).items())
    if len(known) < LEAST_DAYS:
        raise TooFewDaysError(len(known))
    last = known[-1][0]
    at = [(day - last).days for day, _ in known]
    values = [value for _, value in known]
    slopes = sorted(
        (values[j] - values[i]) / (at[j] - at[i]) for i in range(len(known)) for j in range(i + 1, len(known))
    )
    slope = median(slopes)
    low, high = _interval(slopes, len(known))
    level = median(value - slope * x for x, value in zip(at, values, strict=True))
    return Trend(last, level, slope, low, high, len(known))


def _interval(slopes: Sequence[float], count: int) -> tuple[float, float]:
    """Sen's interval: the slopes whose ranks lie z·sqrt(Var S) around the middle."""
    spread = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    lower = max(0, math.floor((len(slopes) - spread) / 2))
    upper = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return slopes[lower], slopes[upper]


def reached(line: Trend, limit: float, *, above: bool = True) -> Reached:
    """When the line passes `limit` upwards (`above`) or downwards."""
    sign = 1 if above else -1
    left = sign * (limit - line.level)
    if left <= 0:
        return Reached(line.last, line.last, line.last, is_past=True)
    fast, slow = (line.high, line.low) if above else (-line.low, -line.high)
    expected, earliest, latest = (_day(line.last, left, pace) for pace in (sign * line.slope, fast, slow))
    return Reached(expected, earliest, latest)


def _day(last: date, left: float, pace: float) -> date | None:
    """The first whole day by which `left` is used up at `pace` a day."""
    if pace <= 0 or left > pace * FARTHEST.days:
        return None
    return last + timedelta(days=math.ceil(left / pace))


def backtest(days: Sequence[tuple[date, float]]) -> float | None:
    """How far the trend of the first three quarters missed the last one: the mean miss as a share of the level.

    None where three quarters are less than 14 days, or the level is nothing.
    """
    known = sorted(dict(days).items())
    kept = len(known) * 3 // 4
    if kept < LEAST_DAYS:
        return None
    line = trend(known[:kept])
    misses = [abs(value - line.at(day)) for day, value in known[kept:]]
    return sum(misses) / len(misses) / line.level if line.level > 0 else None
