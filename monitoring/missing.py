"""What a period means about which CloudWatch answered and had no datapoint. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

COUNTS: Final = frozenset({"Sum", "SampleCount", "TC"})
CARRIED: Final = 12  # periods at most that the last figure stands for


def stands_for(policy: str, stat: str, before: Sequence[float | None]) -> float | None:
    """The figure of an empty period: zero events, or the last of those `before` it (oldest first); else none.

    Only a count can be zero by silence: no request has no latency.
    """
    if policy == "zero" and stat in COUNTS:
        return 0.0
    if policy == "carry":
        return next((value for value in reversed(before[-CARRIED:]) if value is not None), None)
    return None


def filled(values: Sequence[float | None], *, policy: str, stat: str) -> list[float | None]:
    """One figure per period, oldest first, with the empty ones as the policy wants them."""
    found: list[float | None] = []
    for n, value in enumerate(values):
        found.append(stands_for(policy, stat, values[:n]) if value is None else value)
    return found
