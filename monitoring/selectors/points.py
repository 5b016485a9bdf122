"""Points of a series at the resolution that fits a stretch of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from monitoring.missing import filled
from monitoring.models import MissingPoint, PollCoverage, Series
from monitoring.store import STAT_COLUMNS, floor_to

TABLE_OF: Final = {
    60: "monitoring_point_1m",
    300: "monitoring_point_5m",
    3600: "monitoring_point_1h",
    86400: "monitoring_point_1d",
}
MAX_POINTS: Final = 2_100


STALE_GRACE: Final = timedelta(minutes=1)  # how long a reading itself may take
LATE: Final = timedelta(minutes=3)  # an empty period younger than this may still get its datapoint


def unread_for(series: Series, at: datetime) -> timedelta | None:
    """How long ago a series was last read, when that is more than two of its intervals; None while it is fresh."""
    if series.watermark is None:
        return None
    age = at - series.watermark
    return age if age > timedelta(seconds=2 * series.read_every) + STALE_GRACE else None


def fitting_period(series: Series, start: datetime, end: datetime) -> int:
    """The finest resolution that stays under 2,100 points."""
    span = (end - start).total_seconds()
    if series.poll_every == 60 and span <= 6 * 3600:
        return 60
    if span / 300 <= MAX_POINTS:
        return 300
    return 3600 if span / 3600 <= MAX_POINTS else 86400


def stat_values(
    *, series_id: int, stat: str, period: int, start: datetime, end: datetime
) -> list[tuple[datetime, float]]:
    """(start of period, figure), oldest first; periods without a figure are left out. `period` is 60 to 86400 s."""
    figure = "sum / nullif(n, 0)" if stat == "Average" else STAT_COLUMNS[stat]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT ts, v FROM (SELECT ts, {figure} AS v FROM {TABLE_OF[period]}"  # noqa: S608 - names from our tables
            " WHERE series_id = %s AND ts >= %s AND ts < %s) p WHERE v IS NOT NULL ORDER BY ts",
            [series_id, floor_to(start, period), end],
        )
        return [(ts, float(value)) for ts, value in cursor.fetchall()]


def gaps(series: Series, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches for which CloudWatch gave no complete answer; ends before the newest poll."""
    stretches = PollCoverage.objects.filter(series=series, ends_at__gt=start, starts_at__lt=end).order_by("starts_at")
    found: list[tuple[datetime, datetime]] = []
    cursor = start
    for one in stretches:
        if one.starts_at - cursor > timedelta(minutes=1):
            found.append((cursor, one.starts_at))
        cursor = max(cursor, one.ends_at)
    edge = end - timedelta(seconds=2 * series.read_every + 60)
    if cursor < edge:
        found.append((cursor, end))
    return found


def silence_filled(
    series: Series,
    points: list[tuple[datetime, float]],
    *,
    stat: str,
    period: int,
    start: datetime,
    end: datetime,
    unread: list[tuple[datetime, datetime]],
) -> list[tuple[datetime, float]]:
    """The points with the periods in between that were read and had none, as the series' policy wants them."""
    if series.missing == MissingPoint.GAP or series.watermark is None:
        return points
    step, known = timedelta(seconds=period), dict(points)
    ends = min(end, series.watermark - LATE)
    begins = floor_to(start, period)
    grid = [begins + step * n for n in range(max(0, (ends - begins) // step))]
    figures = filled([known.get(ts) for ts in grid], policy=series.missing, stat=stat)
    for ts, value in zip(grid, figures, strict=True):
        if value is not None and not any(a < ts + step and ts < b for a, b in unread):
            known.setdefault(ts, value)
    return sorted(known.items())


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """One row as stored; None where CloudWatch was not asked or had none."""

    ts: datetime
    n: float | None
    sum: float | None
    min: float | None
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    below: float | None
    rev: int

    @property
    def average(self) -> float | None:
        return self.sum / self.n if self.n and self.sum is not None else None


def point_rows(*, series_id: int, period: int, start: datetime, end: datetime, limit: int = 600) -> list[StoredPoint]:
    """Stored points, newest first, at most `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT ts, n, sum, min, max, p50, p95, p99, below, rev FROM {TABLE_OF[period]}"  # noqa: S608 - our tables
            " WHERE series_id = %s AND ts >= %s AND ts < %s ORDER BY ts DESC LIMIT %s",
            [series_id, floor_to(start, period), end, limit],
        )
        return [StoredPoint(*row) for row in cursor.fetchall()]
