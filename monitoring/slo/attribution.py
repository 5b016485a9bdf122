"""Which incident used how much of the budget. Shares add up to what was used, the rest included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SLICE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Mark:
    """An incident's stretch of time, half open; an open end means that it still lasts."""

    ref: str
    starts_at: datetime
    ends_at: datetime | None


def attribute(
    slices: Iterable[tuple[datetime, float]], marks: Sequence[Mark], *, size: timedelta = SLICE
) -> dict[str, float]:
    """Bad events by mark; the key "" is the rest. A slice under several marks is shared evenly among them."""
    used: dict[str, float] = {"": 0.0}
    for starts_at, bad in slices:
        over = [
            mark
            for mark in marks
            if mark.starts_at < starts_at + size and (mark.ends_at is None or mark.ends_at > starts_at)
        ]
        if not over:
            used[""] += bad
        for mark in over:
            used[mark.ref] = used.get(mark.ref, 0.0) + bad / len(over)
    return used
