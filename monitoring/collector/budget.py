"""What polling costs until the end of the month, and how far it must slow down to stay within its budget. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Load:
    """Metrics that one reading bills: of common and of critical series; percentiles of critical ones at 5 minutes; and
    percentiles read once an hour at an hour and a day.
    """

    common: int
    critical: int
    percentiles: int
    hourly: int

    def per_hour(self, common_every: int, critical_every: int) -> float:
        """Metrics billed in an hour when series are read every so many seconds."""
        readings = HOUR / common_every * self.common + HOUR / critical_every * self.critical
        return readings + HOUR / max(300, critical_every) * self.percentiles + self.hourly


def month_end(at: datetime) -> datetime:
    """The first instant of the month after `at`, in its zone."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def forecast(load: Load, every: tuple[int, int], *, spent: float, price: float, at: datetime) -> float:
    """What the month will have cost when polling goes on at (common, critical) seconds; `price` is of one metric."""
    hours = (month_end(at) - at).total_seconds() / HOUR
    return spent + load.per_hour(*every) * hours * price


def pace_within(
    load: Load, paces: tuple[tuple[int, int], ...], *, spent: float, price: float, cap: float, at: datetime
) -> int:
    """The fastest of `paces` (fastest first) whose forecast stays within the cap; the slowest when none does."""
    for step, every in enumerate(paces):
        if forecast(load, every, spent=spent, price=price, at=at) <= cap:
            return step
    return len(paces) - 1
