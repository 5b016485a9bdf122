"""The shapes that a metric's values follow. All of them are data; `series.py` turns them into values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requests:
    """Whole events, `per_minute` at the mean of the week. Sum and SampleCount are the count."""

    per_minute: float


@dataclass(frozen=True, slots=True)
class Errors:
    """The part of `per_minute` requests that fails. A minute without one has no datapoint, as with ELB."""

    per_minute: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Log-normal times of `per_minute` requests with that median, in the metric's own unit."""

    per_minute: float
    median: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Level:
    """One sample a minute around `base`.

    `swing` is the share that follows the traffic, `noise` the share that is random, `trend` what is
    added each day (starting over every 90 days, as disks get cleaned), `whole` 1 for whole numbers.
    """

    base: float
    swing: float = 0.0
    noise: float = 0.0
    trend: float = 0.0
    low: float = 0.0
    high: float = float("inf")
    whole: float = 0.0


Shape = Requests | Errors | Latency | Level
