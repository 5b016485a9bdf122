"""Burn rates over two windows. The factors are derived from budget share and window, never typed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from monitoring.slo.budget import Count

Urgency = Literal["page", "ticket"]
MIN_EVENTS: Final = 100  # one failure among few requests is not a fire
MIN_SLICES: Final = 6  # of five minutes: half of the shortest long window


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Spending `share` of the budget within `long`, and still at it in `short`."""

    urgency: Urgency
    share: float
    long: timedelta
    short: timedelta

    def factor(self, window: timedelta) -> float:
        """How many times faster than even use that is."""
        return self.share * (window / self.long)


RULES: Final = (
    BurnRule("page", 0.02, timedelta(hours=1), timedelta(minutes=5)),
    BurnRule("page", 0.05, timedelta(hours=6), timedelta(minutes=30)),
    BurnRule("ticket", 0.10, timedelta(days=1), timedelta(hours=2)),
    BurnRule("ticket", 0.10, timedelta(days=3), timedelta(hours=6)),
)
SPANS: Final = tuple(sorted({span for rule in RULES for span in (rule.long, rule.short)}))


@dataclass(frozen=True, slots=True)
class BurnState:
    """One rule judged now."""

    rule: BurnRule
    factor: float
    long_rate: float | None
    short_rate: float | None
    firing: bool


def burn_rate(count: Count, *, objective: float) -> float | None:
    """1.0 uses the budget up exactly at the end of the window; None when nothing is known."""
    attained = count.attained
    return None if attained is None else (1 - attained) / (1 - objective)


def burn_states(
    count_of: Callable[[timedelta], Count], *, objective: float, window: timedelta, least: int = MIN_EVENTS
) -> list[BurnState]:
    """Judge every rule; `count_of` gives the adjusted count of the last so long, `least` the events it takes."""
    states = []
    for rule in RULES:
        long_count, short_count = count_of(rule.long), count_of(rule.short)
        long_rate = burn_rate(long_count, objective=objective)
        short_rate = burn_rate(short_count, objective=objective)
        factor = rule.factor(window)
        firing = (
            long_count.total >= least
            and long_rate is not None
            and short_rate is not None
            and min(long_rate, short_rate) >= factor
        )
        states.append(BurnState(rule, factor, long_rate, short_rate, firing))
    return states


def time_to_exhaustion(left: float | None, rate: float | None, *, window: timedelta) -> timedelta | None:
    """How long the rest of the budget lasts at this rate; None when it lasts or nothing is known."""
    if left is None or rate is None or rate <= 0:
        return None
    return max(timedelta(), window * (left / rate))
