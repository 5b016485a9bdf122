"""Counts of objectives over any stretch of time, exact to five minutes, from as few rows as possible.

Whole days come from day buckets, the edges from hours and 5-minute slices.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, QuerySet

from monitoring.models import Slo, SloBucket
from monitoring.slo.budget import Count
from monitoring.store import floor_to

Window = tuple[datetime, datetime]
LAG = timedelta(hours=1)
_RUNGS = ((1440, 86400), (60, 3600), (5, 300))


def segments(start: datetime, end: datetime) -> list[tuple[int, datetime, datetime]]:
    """[start, end) cut into (resolution in minutes, from, to): days inside, then hours, then 5-minute slices."""
    found: list[tuple[int, datetime, datetime]] = []
    left = [(floor_to(start, 300), floor_to(end, 300))]
    for res, seconds in _RUNGS:
        right: list[Window] = []
        for begins, ends in left:
            first, last = ceil_to(begins, seconds), floor_to(ends, seconds)
            if first < last:
                found.append((res, first, last))
                right += [(begins, first), (last, ends)]
            else:
                right.append((begins, ends))
        left = [(begins, ends) for begins, ends in right if begins < ends]
    return found


def ceil_to(at: datetime, seconds: int) -> datetime:
    """The first start of a period at or after `at`."""
    floor = floor_to(at, seconds)
    return floor if floor == at else floor + timedelta(seconds=seconds)


def slices(start: datetime, end: datetime) -> int:
    """How many 5-minute slices [start, end) has."""
    return max(0, int((floor_to(end, 300) - floor_to(start, 300)) / timedelta(minutes=5)))


def counts(windows: Mapping[tuple[int, str], Window]) -> dict[tuple[int, str], Count]:
    """The count of each objective in each of its named windows, in one statement.

    `expected` is the time itself, not the rows: a stretch that was never counted is not covered. LATERAL has each
    piece read by the key; a plain join compares every bucket with every piece.
    """
    found = {key: Count(expected=slices(*window)) for key, window in windows.items()}
    pieces = [(slo_id, name, *piece) for (slo_id, name), window in windows.items() for piece in segments(*window)]
    if not pieces:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.id, w.name, sum(b.good), sum(b.total), sum(b.xgood), sum(b.xtotal), sum(b.covered)
            FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[])
                AS w (id, name, res, a, z)
            CROSS JOIN LATERAL (
                SELECT sum(good) AS good, sum(total) AS total, sum(xgood) AS xgood, sum(xtotal) AS xtotal,
                       sum(covered) AS covered
                FROM monitoring_slobucket
                WHERE slo_id = w.id AND res = w.res AND ts >= w.a AND ts < w.z
            ) AS b
            WHERE b.covered IS NOT NULL
            GROUP BY w.id, w.name
            """,
            [list(column) for column in zip(*pieces, strict=True)],
        )
        for slo_id, name, good, total, xgood, xtotal, covered in cursor.fetchall():
            expected = found[slo_id, name].expected
            found[slo_id, name] = Count(good, total, xgood, xtotal, expected, min(int(covered), expected))
    return found


def newest_counted(slo_ids: Sequence[int], until: datetime) -> dict[int, datetime]:
    """Where the newest fully asked slice of each objective ends, at most LAG before `until`; else `until`.

    CloudWatch answers minutes late: a burn rate over the last 5 minutes by the clock would judge nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id, (
                SELECT max(ts) FROM monitoring_slobucket
                WHERE slo_id = s.id AND res = 5 AND ts >= %s AND ts < %s AND covered > 0)
            FROM unnest(%s::bigint[]) AS s (id)
            """,
            [until - LAG, until, list(slo_ids)],
        )
        return {slo_id: until if ts is None else ts + timedelta(minutes=5) for slo_id, ts in cursor.fetchall()}


def buckets_behind(slo: Slo, *, res: int, start: datetime, end: datetime, only_bad: bool) -> QuerySet[SloBucket]:
    """The counted events of an objective in [start, end), `res` minutes each; only those in which something failed."""
    rows = SloBucket.objects.filter(slo=slo, res=res, ts__gte=start, ts__lt=end)
    return rows.filter(total__gt=F("good")) if only_bad else rows
