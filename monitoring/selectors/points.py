"""Points of series at the resolution that fits a stretch of time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


_FIGURES: Final = " ".join(f"WHEN '{stat}' THEN p.{column}" for stat, column in STAT_COLUMNS.items())
Curve = list[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One statistic of one series; `Average` is sum over number."""

    series: Series
    stat: str


def fitting_period(series: Series, start: datetime, end: datetime) -> int:
    """The finest resolution that stays under 2,100 points."""
    return fitting_periods([series], start, end)[0]


def fitting_periods(series: Sequence[Series], start: datetime, end: datetime) -> list[int]:
    """The period of each, in seconds: see `fitting_period`. Older history has no minutes, whatever the pace now."""
    span = (end - start).total_seconds()
    fine = {one.pk for one in series if one.poll_every == 60 and span / 60 <= MAX_POINTS}
    fine = _with_minutes(fine, start) if fine else fine
    coarse = 300 if span / 300 <= MAX_POINTS else 3600 if span / 3600 <= MAX_POINTS else 86400
    return [60 if one.pk in fine else coarse for one in series]


def _with_minutes(series_ids: set[int], start: datetime) -> set[int]:
    """Those whose minutes reach back to `start`; what seldom has a point had one within the day before."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.id FROM unnest(%s::int[]) AS s (id) WHERE EXISTS (SELECT FROM {TABLE_OF[60]} p"  # noqa: S608
            " WHERE p.series_id = s.id AND p.ts >= %s AND p.ts < %s)",
            [sorted(series_ids), start - timedelta(days=1), start + timedelta(minutes=15)],
        )
        return {int(row[0]) for row in cursor.fetchall()}


def curves(wanted: Sequence[Wanted], periods: Sequence[int], start: datetime, end: datetime) -> list[Curve]:
    """Of each wanted statistic (start of period, figure), oldest first; periods without a figure are left out.

    One statement a period, however many are wanted: 60 to 86400 s.
    """
    found: list[Curve] = [[] for _ in wanted]
    for period in sorted(set(periods)):
        places = [place for place, own in enumerate(periods) if own == period]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT w.place, array_agg(extract(epoch FROM w.ts)::int8 ORDER BY w.ts), array_agg(w.v ORDER BY w.ts)"  # noqa: S608
                f" FROM (SELECT w.place, p.ts, CASE w.stat {_FIGURES} ELSE p.sum / nullif(p.n, 0) END AS v"
                " FROM unnest(%s::int[], %s::int[], %s::text[]) AS w (place, series_id, stat)"
                f" JOIN {TABLE_OF[period]} p ON p.series_id = w.series_id"
                " WHERE p.ts >= %s AND p.ts < %s) w WHERE w.v IS NOT NULL GROUP BY w.place",
                [
                    places,
                    [wanted[place].series.pk for place in places],
                    [wanted[place].stat for place in places],
                    floor_to(start, period),
                    end,
                ],
            )
            for place, stamps, values in cursor.fetchall():
                times = [datetime.fromtimestamp(stamp, UTC) for stamp in stamps]
                found[place] = list(zip(times, values, strict=True))
    return found


def stat_values(*, series: Series, stat: str, period: int, start: datetime, end: datetime) -> Curve:
    """(start of period, figure), oldest first; periods without a figure are left out. `period` is 60 to 86400 s."""
    return curves([Wanted(series, stat)], [period], start, end)[0]


def gaps(series: Series, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches for which CloudWatch gave no complete answer; ends before the newest poll."""
    return gaps_of([series], start, end)[series.pk]


def gaps_of(series: Sequence[Series], start: datetime, end: datetime) -> Mapping[int, list[tuple[datetime, datetime]]]:
    """The gaps of each series, in one query: see `gaps`."""
    covered: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    rows = PollCoverage.objects.filter(series__in=series, ends_at__gt=start, starts_at__lt=end)
    for series_id, starts_at, ends_at in rows.order_by("starts_at").values_list("series_id", "starts_at", "ends_at"):
        covered[series_id].append((starts_at, ends_at))
    return {one.pk: _holes(covered[one.pk], start, end, one.read_every) for one in series}


def _holes(
    covered: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime, read_every: int
) -> list[tuple[datetime, datetime]]:
    found: list[tuple[datetime, datetime]] = []
    cursor = start
    for starts_at, ends_at in covered:
        if starts_at - cursor > timedelta(minutes=1):
            found.append((cursor, starts_at))
        cursor = max(cursor, ends_at)
    edge = end - timedelta(seconds=2 * read_every + 60)
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
