"""Axes and decimation: arithmetic only."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import Final

from opsportal.core.charts.model import Point

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


def runs(points: Sequence[Point]) -> list[list[tuple[datetime, float]]]:
    """The points cut at every None and at every hole wider than 2.5 usual steps."""
    known = [(at, value) for at, value in points if value is not None and math.isfinite(value)]
    if len(known) < 2:
        return [known] if known else []
    steps = [(b[0] - a[0]).total_seconds() for a, b in pairwise(points)]
    hole = 2.5 * median(steps)
    broken = {at for at, value in points if value is None or not math.isfinite(value)}
    result: list[list[tuple[datetime, float]]] = [[]]
    previous: datetime | None = None
    cut = False
    for at, value in points:
        if at in broken or value is None:
            cut = True
            continue
        if previous is not None and (cut or (at - previous).total_seconds() > hole):
            result.append([])
        result[-1].append((at, value))
        previous, cut = at, False
    return result


def decimate(points: Sequence[tuple[float, float]], columns: int) -> list[tuple[float, float]]:
    """At most four points (first, lowest, highest, last) per pixel column; x runs 0…1. No peak is lost."""
    if len(points) <= columns * 2:
        return list(points)
    kept: list[tuple[float, float]] = []
    bucket: list[tuple[float, float]] = []
    column = -1
    for point in points:
        here = int(point[0] * columns)
        if here != column and bucket:
            kept.extend(_corners(bucket))
            bucket = []
        column = here
        bucket.append(point)
    kept.extend(_corners(bucket))
    return kept


def _corners(bucket: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    low = min(range(len(bucket)), key=lambda i: bucket[i][1])
    high = max(range(len(bucket)), key=lambda i: bucket[i][1])
    return [bucket[i] for i in sorted({0, low, high, len(bucket) - 1})]


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
