"""CloudWatch's statistics: the five plain ones, percentiles, and the counts and shares between two bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Final

from opsportal.local.aws.series import Summary
from opsportal.local.aws.shapes import Latency, Shape

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_BETWEEN: Final = re.compile(r"(TC|PR|TS|TM)\((-?\d*\.?\d*):(-?\d*\.?\d*)\)")
_PLAIN: Final = frozenset({"Average", "Sum", "Minimum", "Maximum", "SampleCount"})
_NORMAL: Final = NormalDist()
_STEPS: Final = 24
_NARROW: Final = 0.3
_CLOSE: Final = 1e-9
_ROOT_HALF: Final = math.sqrt(0.5)
_DENSITY: Final = 1 / math.sqrt(2 * math.pi)

# A stored datapoint that was sent as values with counts.
Values = Sequence[tuple[float, float]]
Aggregate = Callable[[Sequence[Summary]], float | None]


class UnknownStatisticError(ValueError):
    """CloudWatch has no such statistic, or the simulator does not know it."""


def check(stat: str) -> None:
    """Raise UnknownStatisticError unless the statistic can be computed."""
    if stat not in _PLAIN and not _PERCENTILE.fullmatch(stat) and not _bounds(stat):
        raise UnknownStatisticError(f"The value {stat} for parameter Stat is not supported.")


@cache
def _bounds(stat: str) -> tuple[str, float, float] | None:
    match = _BETWEEN.fullmatch(stat)
    if match is None or (not match[2] and not match[3]):
        return None
    return match[1], float(match[2] or "-inf"), float(match[3] or "inf")


def of_summaries(stat: str, shape: Shape) -> Aggregate:
    """Return the function that makes the statistic of a period from its summaries."""
    check(stat)
    if isinstance(shape, Latency):
        return lambda parts: _latency(stat, shape.sigma, parts)
    if stat in _PLAIN:
        single, several = _SINGLE[stat], _AGGREGATES[stat]
        return lambda parts: single(parts[0]) if len(parts) == 1 else several(parts)
    return lambda parts: of_values(stat, [(part.total / part.number, part.number) for part in parts if part.number])


_AGGREGATES: Final[dict[str, Aggregate]] = {
    "Sum": lambda parts: sum(part.total for part in parts),
    "SampleCount": lambda parts: sum(part.number for part in parts),
    "Average": lambda parts: _ratio(sum(part.total for part in parts), sum(part.number for part in parts)),
    "Minimum": lambda parts: min(part.low for part in parts),
    "Maximum": lambda parts: max(part.high for part in parts),
}


# Most periods have one summary, and a loop over one costs more than the sum.
_SINGLE: Final[dict[str, Callable[[Summary], float | None]]] = {
    "Sum": lambda part: part.total,
    "SampleCount": lambda part: part.number,
    "Average": lambda part: _ratio(part.total, part.number),
    "Minimum": lambda part: part.low,
    "Maximum": lambda part: part.high,
}


def plain(stat: str) -> Aggregate | None:
    """Return the function of a plain statistic; None for the others."""
    return _AGGREGATES.get(stat)


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def of_values(stat: str, values: Values) -> float | None:
    """Return a percentile or bounded statistic of single values with their counts."""
    number = sum(count for _, count in values)
    if not number:
        return None
    match = _PERCENTILE.fullmatch(stat)
    if match:
        wanted, seen = float(match[1]) / 100 * number, 0.0
        for value, count in sorted(values):
            seen += count
            if seen >= wanted - 1e-9:
                return value
        return max(value for value, _ in values)
    bounds = _bounds(stat)
    if bounds is None:
        raise UnknownStatisticError(f"The value {stat} for parameter Stat is not supported.")
    verb, low, high = bounds
    chosen = [(value, count) for value, count in values if low < value <= high]
    counted = sum(count for _, count in chosen)
    total = sum(value * count for value, count in chosen)
    return {"TC": counted, "PR": 100 * counted / number, "TS": total, "TM": _ratio(total, counted)}[verb]


def _latency(stat: str, sigma: float, parts: Sequence[Summary]) -> float | None:
    number = sum(part.number for part in parts)
    if not number:
        return None
    if stat == "SampleCount":
        return number
    if stat in {"Average", "Sum"}:
        total = sum(part.number * part.median for part in parts) * math.exp(sigma * sigma / 2)
        return total if stat == "Sum" else total / number
    if stat in {"Minimum", "Maximum"}:
        # The reach of a few thousand draws; one and the same for a minute and its bucket.
        reach = math.exp(sigma * 3.3)
        medians = [part.median for part in parts]
        return max(medians) * reach if stat == "Maximum" else min(medians) / reach
    match = _PERCENTILE.fullmatch(stat)
    if match:
        return _quantile(float(match[1]) / 100, sigma, parts, number)
    bounds = _bounds(stat)
    if bounds is None or bounds[0] not in {"TC", "PR"}:
        raise UnknownStatisticError(f"The value {stat} for parameter Stat is not supported for this metric.")
    counted = sum(_between(part, sigma, bounds[1], bounds[2]) for part in parts)
    return counted if bounds[0] == "TC" else 100 * counted / number


def _below(limit: float, median: float, sigma: float) -> float:
    if limit <= 0:
        return 0.0
    if limit == math.inf:
        return 1.0
    return 0.5 * math.erfc(-math.log(limit / median) / sigma * _ROOT_HALF)


def _between(part: Summary, sigma: float, low: float, high: float) -> int:
    """Count the draws in (low, high]. The whole numbers of a bucket's minutes add up to the bucket's."""
    share = _below(high, part.median, sigma) - _below(low, part.median, sigma)
    return int((part.before + part.number) * share) - int(part.before * share)


@lru_cache(maxsize=64)
def _deviation(share: float) -> float:
    return _NORMAL.inv_cdf(min(0.999999, max(0.000001, share)))


def _quantile(share: float, sigma: float, parts: Sequence[Summary], number: float) -> float:
    """Return the value that this share of all draws stays below, by Newton's method on the logarithms."""
    reach = sigma * _deviation(share)
    if len(parts) == 1:
        return parts[0].median * math.exp(reach)
    rows = [(part.number, math.log(part.median)) for part in parts]
    low, high = min(middle for _, middle in rows) + reach, max(middle for _, middle in rows) + reach
    guess = sum(count * middle for count, middle in rows) / number + reach
    for _ in range(_STEPS if high - low > _NARROW else 2):
        below = steep = 0.0
        for count, middle in rows:
            z = (guess - middle) / sigma
            below += count * 0.5 * math.erfc(-z * _ROOT_HALF)
            steep += count * math.exp(-0.5 * z * z)
        low, high = (low, guess) if below > share * number else (guess, high)
        step = (below - share * number) / (steep * _DENSITY / sigma) if steep else 0.0
        if steep and abs(step) < _CLOSE:
            break
        # Where the curve is flat a step would overshoot, and halving is safe.
        guess = guess - step if steep and low < guess - step < high else (low + high) / 2
    return math.exp(guess)
