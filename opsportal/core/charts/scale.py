"""Axes and decimation: arithmetic only."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final, TypeVar

AtT = TypeVar("AtT", datetime, float)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TIME_STEPS: Final = (
    *(m * _MINUTE for m in (1, 2, 5, 10, 15, 30)),
    *(h * _HOUR for h in (1, 2, 3, 6, 12)),
    *(d * _DAY for d in (1, 2, 7, 14, 28, 91, 182, 364)),
)


def value_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round values that cover low…high in about `count` steps."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def time_ticks(start: datetime, end: datetime, zone: tzinfo, count: int) -> list[tuple[datetime, str]]:
    """At most `count` ticks at round local times, each with its label."""
    span = (end - start).total_seconds()
    step = next((s for s in _TIME_STEPS if span / s <= count), _TIME_STEPS[-1])
    local = start.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = []
    if step < _DAY:
        # Round within the local day, then step in elapsed time: on a day of 23 h the labels jump, not the axis.
        offset = math.ceil((local - midnight).total_seconds() / step) * step
        at = (midnight + timedelta(seconds=offset)).astimezone(UTC)
        while at <= end:
            shown = at.astimezone(zone)
            first_of_day = shown.hour == 0 and shown.minute == 0 and span > _DAY
            ticks.append((at, f"{shown.day} {shown:%b}" if first_of_day else f"{shown:%H:%M}"))
            at += timedelta(seconds=step)
    else:
        shown = midnight if midnight == local else midnight + timedelta(days=1)
        while shown.astimezone(UTC) <= end:
            ticks.append((shown.astimezone(UTC), f"{shown.day} {shown:%b}"))
            shown += timedelta(days=step // _DAY)
    return ticks


def runs(points: Sequence[tuple[AtT, float | None]]) -> list[list[tuple[AtT, float]]]:
    """The points cut at every None and at every hole wider than 2.5 usual steps."""
    known = [(at, value) for at, value in points if value is not None and math.isfinite(value)]
    if len(known) < 2:
        return [known] if known else []
    steps = sorted(b[0] - a[0] for a, b in pairwise(points))
    hole = 2.5 * steps[len(steps) // 2]
    if len(known) == len(points) and steps[-1] <= hole:
        return [known]
    result: list[list[tuple[AtT, float]]] = [[]]
    previous: AtT | None = None
    cut = False
    for at, value in points:
        if value is None or not math.isfinite(value):
            cut = True
            continue
        if previous is not None and (cut or at - previous > hole):
            result.append([])
        result[-1].append((at, value))
        previous, cut = at, False
    return result


def decimate(points: Sequence[tuple[float, float]], columns: int) -> list[tuple[float, float]]:
    """The lowest and the highest point of each pixel column, and both ends; x runs 0…1. No peak is lost."""
    if len(points) <= columns * 2:
        return list(points)
    kept = [points[0]]
    column, low, high = int(points[0][0] * columns), points[0], points[0]
    for point in points:
        here = int(point[0] * columns)
        if here != column:
            kept += _ordered(low, high)
            column, low, high = here, point, point
        elif point[1] < low[1]:
            low = point
        elif point[1] > high[1]:
            high = point
    kept += _ordered(low, high)
    last = points[-1]
    first_twice = len(kept) > 1 and kept[1] == kept[0]
    return [*kept[first_twice:], *([last] if kept[-1] != last else [])]


def _ordered(low: tuple[float, float], high: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return (low, high) if low[0] < high[0] else (high, low) if high[0] < low[0] else (low,)


def straighten(points: Sequence[tuple[float, float]], slack: float, reach: float) -> list[tuple[float, float]]:
    """Without the points that lie within `slack` of the straight line between those that stay.

    Those that stay are at most `reach` apart, so that the crosshair always has a value near it.
    """
    kept: list[tuple[float, float]] = []
    between: list[tuple[float, float]] = []
    for at, point in enumerate(points):
        following = points[at + 1] if at + 1 < len(points) else None
        if kept and following and following[0] - kept[-1][0] <= reach:
            (left, start), (right, end) = kept[-1], following
            slope = (end - start) / (right - left) if right > left else math.inf
            between.append(point)
            if all(abs(start + slope * (x - left) - y) <= slack for x, y in between):
                continue
        kept.append(point)
        between = []
    return kept
