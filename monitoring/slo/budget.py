"""Counts of events and what they leave of an error budget. Unknown is never one hundred per cent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Health = Literal["met", "at_risk", "exhausted", "no_data"]
AT_RISK_BELOW: Final = 1 / 3  # of the budget left
KNOWN_FROM: Final = 0.5  # of the time, answered: with less, what is not known outweighs what is


@dataclass(frozen=True, slots=True)
class Count:
    """Events of a stretch of time. x… were left out by exclusions; expected and covered are 5-minute slices."""

    good: float = 0.0
    total: float = 0.0
    xgood: float = 0.0
    xtotal: float = 0.0
    expected: int = 0
    covered: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.good + other.good,
            self.total + other.total,
            self.xgood + other.xgood,
            self.xtotal + other.xtotal,
            self.expected + other.expected,
            self.covered + other.covered,
        )

    @property
    def bad(self) -> float:
        return self.total - self.good

    @property
    def adjusted(self) -> Count:
        """The same count without what was excluded."""
        return Count(self.good - self.xgood, self.total - self.xtotal, 0.0, 0.0, self.expected, self.covered)

    @property
    def attained(self) -> float | None:
        """Share of good events, or None when nothing is known or nothing happened."""
        return self.good / self.total if self.total > 0 else None

    @property
    def coverage(self) -> float | None:
        """Share of the time about which CloudWatch gave a complete answer."""
        return self.covered / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class Budget:
    """What an objective allows in a window and what is left of it. Shares are of the whole budget; < 0 is overdrawn.

    `events` and `minutes` are the whole budget; minutes are time fully down that would use it up.
    """

    objective: float
    attained: float | None
    events: float
    used_events: float
    minutes: float

    @property
    def used(self) -> float | None:
        """Share of the whole budget that is gone; None when nothing is known."""
        return None if self.attained is None else self.used_events / self.events

    @property
    def left(self) -> float | None:
        return None if self.used is None else 1 - self.used

    @property
    def left_minutes(self) -> float | None:
        return None if self.left is None else self.left * self.minutes


@dataclass(frozen=True, slots=True)
class Part:
    """What was counted while one objective held, and how long that is of the window (the time to come included)."""

    count: Count
    objective: float
    length: timedelta


def budget(parts: Sequence[Part], *, elapsed: float = 1.0) -> Budget:
    """The budget of a window as it stands, each event judged by the objective of its own time.

    `elapsed` is the share of the window that has passed: the rest is expected to bring events at the same pace, under
    the last objective. Budget = sum over parts of total · (1 − objective); see docs/monitoring.md.
    """
    whole = sum((part.count for part in parts), Count())
    last = parts[-1].objective
    coming = whole.total * (1 / max(elapsed, 1e-9) - 1)
    return Budget(
        objective=last,
        attained=whole.attained,
        events=sum(part.count.total * (1 - part.objective) for part in parts) + coming * (1 - last),
        used_events=whole.bad,
        minutes=sum(part.length.total_seconds() / 60 * (1 - part.objective) for part in parts),
    )


def forecast(past: Count, recent: Count, *, remaining_slices: int) -> float | None:
    """Attainment at the end of the period if the rest goes like `recent`; None without a recent figure."""
    if past.attained is None:
        return None
    if remaining_slices <= 0 or not recent.covered:
        return past.attained
    share = remaining_slices / recent.covered
    total = past.total + recent.total * share
    return (past.good + recent.good * share) / total if total else None


def health(state: Budget, *, burning: bool, coverage: float | None) -> Health:
    """One word for a row of the report. What is spent is spent, but met is only what is known for the greater part."""
    if state.left is None or not coverage:
        return "no_data"
    if state.left <= 0:
        return "exhausted"
    if burning or state.left < AT_RISK_BELOW:
        return "at_risk"
    return "met" if coverage >= KNOWN_FROM else "no_data"
