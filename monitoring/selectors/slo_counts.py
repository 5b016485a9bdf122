"""Counts of objectives over any stretch of time, exact to five minutes, from as few rows as possible.

Whole days come from day buckets, the edges from hours and 5-minute slices.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection

from monitoring.slo.budget import Count
from monitoring.store import floor_to

Window = tuple[datetime, datetime]
_RUNGS = ((1440, 86400), (60, 3600), (5, 300))


def segments(start: datetime, end: datetime) -> list[tuple[int, datetime, datetime]]:
    """[start, end) cut into (resolution in minutes, from, to): days inside, then hours, then 5-minute slices."""
    found: list[tuple[int, datetime, datetime]] = []
    left = [(floor_to(start, 300), floor_to(end, 300))]
    for res, seconds in _RUNGS:
        right: list[Window] = []
        for begins, ends in left:
            first, last = _ceil(begins, seconds), floor_to(ends, seconds)
            if first < last:
                found.append((res, first, last))
                right += [(begins, first), (last, ends)]
            else:
                right.append((begins, ends))
        left = [(begins, ends) for begins, ends in right if begins < ends]
    return found


def _ceil(at: datetime, seconds: int) -> datetime:
    floor = floor_to(at, seconds)
    return floor if floor == at else floor + timedelta(seconds=seconds)


def slices(start: datetime, end: datetime) -> int:
    """How many 5-minute slices [start, end) has."""
    return max(0, int((floor_to(end, 300) - floor_to(start, 300)) / timedelta(minutes=5)))


def counts(slo_ids: Sequence[int], windows: Mapping[str, Window]) -> dict[tuple[int, str], Count]:
    """The count of every objective in every window, in one statement.

    `expected` is the time itself, not the rows: a stretch that was never counted is not covered. LATERAL has each
    piece read by the key; a plain join compares every bucket with every piece.
    """
    names: list[str] = []
    pieces: list[tuple[int, datetime, datetime]] = []
    for name, (start, end) in windows.items():
        for piece in segments(start, end):
            names.append(name)
            pieces.append(piece)
    found: dict[tuple[int, str], Count] = {
        (slo_id, name): Count(expected=slices(*window)) for slo_id in slo_ids for name, window in windows.items()
    }
    if not pieces or not slo_ids:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id, w.name, sum(b.good), sum(b.total), sum(b.xgood), sum(b.xtotal), sum(b.covered)
            FROM unnest(%s::bigint[]) AS s (id)
            CROSS JOIN unnest(%s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[]) AS w (name, res, a, z)
            CROSS JOIN LATERAL (
                SELECT sum(good) AS good, sum(total) AS total, sum(xgood) AS xgood, sum(xtotal) AS xtotal,
                       sum(covered) AS covered
                FROM monitoring_slobucket
                WHERE slo_id = s.id AND res = w.res AND ts >= w.a AND ts < w.z
            ) AS b
            WHERE b.covered IS NOT NULL
            GROUP BY s.id, w.name
            """,
            [list(slo_ids), names, *(list(column) for column in zip(*pieces, strict=True))],
        )
        for slo_id, name, good, total, xgood, xtotal, covered in cursor.fetchall():
            expected = found[slo_id, name].expected
            found[slo_id, name] = Count(good, total, xgood, xtotal, expected, min(int(covered), expected))
    return found
