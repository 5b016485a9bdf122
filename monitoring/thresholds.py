"""Whether a row of datapoints means alarm: M of N, missing data, hysteresis. Pure; CloudWatch's words and meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["ok", "alarm", "unknown"]
SIGNS: Final = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


class ThresholdError(ValueError):
    """A threshold that could never be judged."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """`datapoints` of the last `window` values breach `value`; `clear_value` must be passed on the way back.

    `missing` says what a period without a datapoint counts as: missing, breaching, not_breaching, ignore.
    """

    comparison: str
    value: float
    datapoints: int = 1
    window: int = 1
    clear_value: float | None = None
    missing: str = "missing"

    def __post_init__(self) -> None:
        if self.comparison not in SIGNS:
            raise ThresholdError(f"Unknown comparison {self.comparison!r}.")
        if not 1 <= self.datapoints <= self.window:
            raise ThresholdError(f"{self.datapoints} of {self.window} datapoints can never be judged.")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state that follows, how many datapoints breached, and the newest datapoint."""

    state: State
    breaching: int
    present: int
    newest: float | None


def compares(comparison: str, value: float, limit: float) -> bool:
    """Whether `value` stands to `limit` as the comparison says."""
    if comparison == "gt":
        return value > limit
    if comparison == "ge":
        return value >= limit
    return value < limit if comparison == "lt" else value <= limit


def breaches(threshold: Threshold, value: float, state: State) -> bool:
    """Whether one value counts as breaching; a firing alarm clears only beyond `clear_value`."""
    limit = threshold.value
    if state == "alarm" and threshold.clear_value is not None:
        limit = threshold.clear_value
    return compares(threshold.comparison, value, limit)


def judge(threshold: Threshold, points: Sequence[float | None], state: State) -> Judgement:
    """The state after these datapoints (oldest first, None = missing); only the last `window` count.

    With missing data as *missing* or *ignore*, an outcome that the absent points could still turn keeps the state.
    """
    recent: list[float | None] = [None] * max(0, threshold.window - len(points))
    recent += points[-threshold.window :]
    present = [value for value in recent if value is not None]
    newest = present[-1] if present else None
    bad = sum(breaches(threshold, value, state) for value in present)
    absent = threshold.window - len(present)
    if threshold.missing == "breaching":
        bad, absent = bad + absent, 0
    elif threshold.missing == "not_breaching":
        absent = 0
    if bad >= threshold.datapoints:
        return Judgement("alarm", bad, len(present), newest)
    if absent == threshold.window:
        return Judgement(state if threshold.missing == "ignore" else "unknown", bad, 0, None)
    if bad + absent < threshold.datapoints or state == "unknown":
        return Judgement("ok", bad, len(present), newest)
    return Judgement(state, bad, len(present), newest)


def describe(threshold: Threshold, *, stat: str, period: int, unit: str = "") -> str:
    """The rule in one line, e.g. "Maximum > 80 Count, 2 of 2 × 300 s"."""
    limit = f"{threshold.value:g} {unit}".strip()
    return f"{stat} {SIGNS[threshold.comparison]} {limit}, {threshold.datapoints} of {threshold.window} × {period} s"
