"""Traffic by the hour and the week, and seeded noise: tables once, look-ups for ever after.

Time is counted in buckets of five minutes since the epoch, since that is the finest grain that
CloudWatch keeps beyond fifteen days. A minute is a fixed share of its bucket, so that the sums of
minutes and of buckets agree exactly.
"""

from __future__ import annotations

import hashlib
import math
import operator
import random
from array import array
from functools import cache
from typing import Final

BUCKET: Final = 300
BUCKETS_A_DAY: Final = 288
_BUCKETS_A_WEEK: Final = 2016
_TABLE: Final = 8192
_MASK: Final = _TABLE - 1
NOISE_MASK: Final = _MASK
_SEED: Final = 20_240_501


def salt(text: str) -> int:
    """Return a number that is the same for the same text in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


@cache
def week(peak_hour: int, weekend: float) -> tuple[float, ...]:
    """Return the traffic of each bucket of a week, its mean 1. The epoch was a Thursday: so the week starts."""
    rows = []
    for bucket in range(_BUCKETS_A_WEEK):
        day, slot = divmod(bucket, BUCKETS_A_DAY)
        hour = slot / 12.0
        daily = 0.32 + 0.68 * (0.5 + 0.5 * math.cos((hour - peak_hour) / 24 * 2 * math.pi)) ** 1.4
        rows.append(daily * (weekend if day in {2, 3} else 1.0))
    mean = sum(rows) / len(rows)
    return tuple(row / mean for row in rows)


def _normal() -> tuple[float, ...]:
    dice = random.Random(_SEED)
    return tuple(max(-2.6, min(2.6, dice.gauss(0.0, 1.0))) for _ in range(_TABLE))


def _uniform() -> tuple[float, ...]:
    dice = random.Random(_SEED + 1)
    return tuple(dice.random() for _ in range(_TABLE))


def _shares() -> tuple[tuple[float, ...], ...]:
    dice = random.Random(_SEED + 2)
    rows = []
    for _ in range(256):
        weights = [1 + dice.uniform(-0.12, 0.12) for _ in range(5)]
        total, running, row = sum(weights), 0.0, [0.0]
        for weight in weights[:-1]:
            running += weight / total
            row.append(running)
        rows.append((*row, 1.0))
    return tuple(rows)


def _offsets() -> tuple[tuple[int, ...], ...]:
    dice = random.Random(_SEED + 3)
    rows = []
    for _ in range(256):
        row = [1, -1, 0, 0, 0] if dice.random() < 0.5 else [1, 1, -1, -1, 0]
        dice.shuffle(row)
        rows.append(tuple(row))
    return tuple(rows)


_NORMAL: Final = _normal()
_UNIFORM: Final = _uniform()
_SHARES: Final = _shares()
_OFFSETS: Final = _offsets()


def _drift() -> array[float]:
    rows = array("d")
    for place in range(_TABLE):
        hour, into = divmod(place, 12)
        now, after = _NORMAL[hour * 31 & _MASK], _NORMAL[(hour + 1) * 31 & _MASK]
        rows.append(0.8 * (now + (after - now) * into / 12))
    return rows


_FRESH: Final = array("d", (0.6 * value for value in _NORMAL))
_DRIFT: Final = _drift()


@cache
def noise(key: int) -> array[float]:
    """Return a table of deviates, partly fresh and partly drifting by the hour; look up `bucket & NOISE_MASK`."""
    shift, other = key & _MASK, key >> 13 & _MASK
    fresh, drift = _FRESH[shift:] + _FRESH[:shift], _DRIFT[other:] + _DRIFT[:other]
    return array("d", map(operator.add, fresh, drift))


def dice(number: int, key: int) -> float:
    """Return a deviate in [0, 1), for rounding what is rarer than one a minute."""
    return _UNIFORM[(number * 2_654_435_761 + key) >> 5 & _MASK]


def shares(bucket: int, key: int) -> tuple[float, ...]:
    """Return the running share of each minute of a bucket: six numbers from 0 to 1."""
    return _SHARES[(bucket * 31 + key) & 255]


def offsets(bucket: int, key: int) -> tuple[int, ...]:
    """Return a step up, down or none for each minute of a bucket; they add up to nothing."""
    return _OFFSETS[(bucket * 37 + key) & 255]
