"""Whether a row of datapoints is normal, a warning or critical. Pure; M of N and missing data as in CloudWatch.

Each figure is first given a level by the limits on both sides, then M of N of them decide. Hysteresis only ever holds a
level back on its way down: limits at or below the present level are eased by one margin, and `clear_periods` figures in
a row must be within them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, copysign, inf, nan
from statistics import median
from typing import Final, Literal

State = Literal["ok", "warning", "alarm", "unknown"]
SIGNS: Final = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
MIRRORED: Final = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
BASELINE_DAYS: Final = 28
BASELINE_LEAST: Final = 14  # days with a figure at that hour; fewer say nothing
MAD_TO_SIGMA: Final = 1.4826  # 1 / Φ⁻¹(3/4): a normal distribution's deviation from its median absolute deviation
LEAST_SPREAD: Final = 0.01  # of the median: what hardly ever varied must not make every digit an outlier

_RANKS: Final[dict[State, int]] = {"unknown": 0, "ok": 0, "warning": 1, "alarm": 2}
_STATES: Final[tuple[State, ...]] = ("ok", "warning", "alarm")
_MISSING: Final = 3
_STAND_FOR: Final = {"breaching": b"\2", "not_breaching": b"\0"}


class ThresholdError(ValueError):
    """A threshold that could never be judged, or never be left; the text says why."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """`datapoints` of the last `window` values beyond `value` are an alarm, beyond `warning` a warning.

    `opposite` and `opposite_warning` are the limits on the other side, where they are set. `clear_value` is what must
    be passed on the way back from `value`; every other limit is eased by the same margin. `clear_periods` values in a
    row must be back as well (0: as soon as fewer than `datapoints` breach, as CloudWatch does).
    `missing` says what a period without a datapoint counts as: missing, breaching, not_breaching, ignore.
    """

    comparison: str
    value: float
    datapoints: int = 1
    window: int = 1
    clear_value: float | None = None
    missing: str = "missing"
    warning: float | None = None
    opposite: float | None = None
    opposite_warning: float | None = None
    clear_periods: int = 0

    def __post_init__(self) -> None:
        if self.comparison not in SIGNS:
            raise ThresholdError(f"Unknown comparison {self.comparison!r}.")
        if not 1 <= self.datapoints <= self.window:
            raise ThresholdError(f"{self.datapoints} of {self.window} datapoints can never be judged.")
        if self.clear_periods < 0:
            raise ThresholdError("The number of periods to clear is 0 or more.")
        if self.margin < 0:
            raise ThresholdError("The limit to clear lies on the normal side of the critical one.")
        limits = [self.opposite, self.opposite_warning, self.warning, self.value]
        known = [one for one in (limits if self.is_high else limits[::-1]) if one is not None]
        if any(low >= high for low, high in pairwise(known)):
            raise ThresholdError("Limits go outwards: critical low < warning low < warning high < critical high.")
        low, high = self._inner()
        if low is not None and high is not None and low + self.margin >= high - self.margin:
            raise ThresholdError("Between the two sides no value would clear the alarm: the margin is too wide.")

    @property
    def is_high(self) -> bool:
        """Whether `value` bounds from above."""
        return self.comparison in ("gt", "ge")

    @property
    def margin(self) -> float:
        """How far inside a limit a value must be before its level is left."""
        if self.clear_value is None:
            return 0.0
        return self.value - self.clear_value if self.is_high else self.clear_value - self.value

    @property
    def reach(self) -> int:
        """How many values a judgement looks at."""
        return max(self.window, self.clear_periods)

    def _inner(self) -> tuple[float | None, float | None]:
        """The innermost limits, low and high."""
        own = self.value if self.warning is None else self.warning
        other = self.opposite if self.opposite_warning is None else self.opposite_warning
        return (other, own) if self.is_high else (own, other)

    def edges(self, state: State) -> tuple[float, float, float, float]:
        """Critical low, warning low, warning high, critical high as they count in `state`; NaN where there is none."""
        rank, margin = _RANKS[state], self.margin
        pairs = ((self.opposite, self.value), (self.opposite_warning, self.warning))
        (low, high), (low_warning, high_warning) = pairs if self.is_high else (pairs[0][::-1], pairs[1][::-1])

        def eased(limit: float | None, level: int, sign: int) -> float:
            return nan if limit is None else limit + sign * margin if rank >= level else limit

        return eased(low, 2, 1), eased(low_warning, 1, 1), eased(high_warning, 1, -1), eased(high, 2, -1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state that follows, how many datapoints are not normal, how many there were, and the newest."""

    state: State
    breaching: int
    present: int
    newest: float | None


def levels(threshold: Threshold, values: Sequence[float | None], state: State) -> bytes:
    """The level of each value as seen from `state`: 0 normal, 1 warning, 2 critical, 3 missing."""
    low, low_warning, high_warning, high = threshold.edges(state)
    if threshold.comparison in ("ge", "le"):
        return bytes(
            _MISSING if v is None else 2 if v >= high or v <= low else 1 if v >= high_warning or v <= low_warning else 0
            for v in values
        )
    return bytes(
        _MISSING if v is None else 2 if v > high or v < low else 1 if v > high_warning or v < low_warning else 0
        for v in values
    )


def _decide(threshold: Threshold, seen: bytes, state: State) -> State:
    """The state after these levels (`threshold.reach` of them, oldest first).

    With missing data as *missing* or *ignore*, an outcome that the absent points could still turn keeps the state.
    """
    stand_in = _STAND_FOR.get(threshold.missing)
    if stand_in is not None:
        seen = seen.replace(b"\3", stand_in)
    recent = seen[-threshold.window :]
    critical, absent = recent.count(2), recent.count(_MISSING)
    bad = critical + recent.count(1)
    if absent == threshold.window:
        return state if threshold.missing == "ignore" else "unknown"
    sure = 2 if critical >= threshold.datapoints else 1 if bad >= threshold.datapoints else 0
    most = 2 if critical + absent >= threshold.datapoints else 1 if bad + absent >= threshold.datapoints else 0
    now = _RANKS[state]
    rank = sure if state == "unknown" else max(sure, min(now, most))
    if threshold.clear_periods and rank < now:
        # A level is left once that many values in a row stand below it; a missing one proves nothing.
        rank = min(now, max(rank, *seen[-threshold.clear_periods :]))
    return _STATES[rank]


def judge(threshold: Threshold, points: Sequence[float | None], state: State) -> Judgement:
    """The state after these datapoints (oldest first, None = missing); only the last `reach` count."""
    padded: list[float | None] = [None] * max(0, threshold.reach - len(points))
    padded += points[-threshold.reach :]
    seen = levels(threshold, padded, state)
    recent = padded[-threshold.window :]
    present = [value for value in recent if value is not None]
    bad = sum(level in (1, 2) for level in seen[-threshold.window :])
    if threshold.missing == "breaching":
        bad += len(recent) - len(present)
    newest = present[-1] if present else None
    return Judgement(_decide(threshold, seen, state), bad, len(present), newest)


def replay(
    threshold: Threshold, values: Sequence[float | None], state: State = "unknown", *, first: int = 0
) -> list[tuple[int, State]]:
    """Judge period after period from index `first` on: where the state changed, and to what; as `judge` each time.

    Equal rows of levels are decided once: a month of minutes takes some ten milliseconds.
    """
    reach, rows = threshold.reach, dict[int, bytes]()
    known: dict[tuple[bytes, State], State] = {}
    changes: list[tuple[int, State]] = []
    row = _row(threshold, values, state, rows)
    for index in range(first, len(values)):
        seen = row[index : index + reach]
        following = known.get((seen, state))
        if following is None:
            following = known[seen, state] = _decide(threshold, seen, state)
        if following != state:
            changes.append((index, following))
            state = following
            row = _row(threshold, values, state, rows)
    return changes


def _row(threshold: Threshold, values: Sequence[float | None], state: State, rows: dict[int, bytes]) -> bytes:
    """The levels of all values from `state`, kept by rank; without a margin they are the same from everywhere."""
    rank = _RANKS[state] if threshold.margin else 0
    if rank not in rows:
        rows[rank] = bytes([_MISSING]) * (threshold.reach - 1) + levels(threshold, values, _STATES[rank])
    return rows[rank]


def coarser(threshold: Threshold, factor: int) -> Threshold:
    """The threshold for periods `factor` times as long: M and N rounded up."""
    return Threshold(
        comparison=threshold.comparison,
        value=threshold.value,
        datapoints=ceil(threshold.datapoints / factor),
        window=ceil(threshold.window / factor),
        clear_value=threshold.clear_value,
        missing=threshold.missing,
        warning=threshold.warning,
        opposite=threshold.opposite,
        opposite_warning=threshold.opposite_warning,
        clear_periods=ceil(threshold.clear_periods / factor),
    )


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual at one hour of the day: median of `days` days, and their spread as a standard deviation."""

    median: float
    spread: float
    days: int


def baseline(figures: Sequence[float]) -> Baseline | None:
    """Of one figure a day; None with fewer than 14. The spread is the median absolute deviation × 1.4826.

    It is at least a hundredth of the median. Source of the scale: Rousseeuw and Croux 1993, for normal data.
    """
    if len(figures) < BASELINE_LEAST:
        return None
    middle = median(figures)
    mad = median(abs(figure - middle) for figure in figures)
    return Baseline(middle, max(MAD_TO_SIGMA * mad, LEAST_SPREAD * abs(middle)), len(figures))


def deviation(value: float, usual: Baseline, measure: str) -> float:
    """How far `value` is from what is usual: in spreads (`z`), or in per cent of the median.

    Infinite where nothing ever varied, or the median is 0, and the value is another.
    """
    gap = value - usual.median
    scale = usual.spread if measure == "z" else abs(usual.median) / 100
    if gap == 0:
        return 0.0
    return gap / scale if scale > 0 else copysign(inf, gap)


def describe(threshold: Threshold, *, stat: str, period: int, unit: str = "") -> str:
    """The rule in one line, e.g. "Maximum > 80 Count, 2 of 2 × 300 s"."""

    def side(sign: str, critical: float | None, warning: float | None) -> list[str]:
        words = [f"{sign} {critical:g} {unit}".strip()] if critical is not None else []
        return words + ([f"warning {sign} {warning:g} {unit}".strip()] if warning is not None else [])

    sign = SIGNS[threshold.comparison]
    said = side(sign, threshold.value, threshold.warning)
    said += side(SIGNS[MIRRORED[threshold.comparison]], threshold.opposite, threshold.opposite_warning)
    back = f", back after {threshold.clear_periods}" if threshold.clear_periods else ""
    return f"{stat} {', '.join(said)}, {threshold.datapoints} of {threshold.window} × {period} s{back}"
