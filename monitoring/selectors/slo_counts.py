"""Counts of objectives over any stretch of time, exact to five minutes, from as few rows as possible.

Whole days come from day buckets, the edges from hours and 5-minute slices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import F, QuerySet

from monitoring.models import Slo, SloBucket
from monitoring.slo.budget import Count
from monitoring.store import floor_to

Window = tuple[datetime, datetime]
Piece = tuple[int, datetime, datetime]  # resolution in minutes, from, to
LAG = timedelta(hours=1)
NOTHING: Final = Count()
_RUNGS = ((1440, 86400), (60, 3600), (5, 300))


def segments(start: datetime, end: datetime) -> list[Piece]:
    """[start, end) cut into (resolution in minutes, from, to): days inside, then hours, then 5-minute slices."""
    found: list[Piece] = []
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

    A piece that several windows share is read once. `expected` is the time itself, not the rows: a stretch that was
    never counted is not covered.
    """
    pieces_of = {window: segments(*window) for window in set(windows.values())}
    wanted: dict[int, dict[Piece, None]] = {}
    for (slo_id, _), window in windows.items():
        wanted.setdefault(slo_id, {}).update(dict.fromkeys(pieces_of[window]))
    alike: dict[tuple[Piece, ...], list[int]] = {}
    for slo_id, pieces in wanted.items():
        alike.setdefault(tuple(pieces), []).append(slo_id)
    read = _read(alike)
    found: dict[tuple[int, str], Count] = {}
    for (slo_id, name), window in windows.items():
        whole = sum((read.get((slo_id, piece), NOTHING) for piece in pieces_of[window]), NOTHING)
        expected = slices(*window)
        found[slo_id, name] = replace(whole, expected=expected, covered=min(whole.covered, expected))
    return found


def _read(alike: Mapping[tuple[Piece, ...], Sequence[int]]) -> dict[tuple[int, Piece], Count]:
    """What was counted in each of these pieces, of each objective that wants them.

    Objectives of one report mostly want the same: the pieces are sent once for all who do. LATERAL has each read by the
    key; a plain join compares every bucket with every piece.
    """
    objectives = [(slo_id, group) for group, ids in enumerate(alike.values()) for slo_id in ids]
    pieces = [(group, piece) for group, cut in enumerate(alike) for piece in cut]
    if not pieces:
        return {}
    rows = [(group, number, *piece) for number, (group, piece) in enumerate(pieces)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.slo_id, p.number, b.good, b.total, b.xgood, b.xtotal, b.covered
            FROM unnest(%s::bigint[], %s::int[]) AS w (slo_id, alike)
            JOIN unnest(%s::int[], %s::int[], %s::int[], %s::timestamptz[], %s::timestamptz[])
                AS p (alike, number, res, a, z) ON p.alike = w.alike
            CROSS JOIN LATERAL (
                SELECT sum(good) AS good, sum(total) AS total, sum(xgood) AS xgood, sum(xtotal) AS xtotal,
                       sum(covered) AS covered
                FROM monitoring_slobucket
                WHERE slo_id = w.slo_id AND res = p.res AND ts >= p.a AND ts < p.z
            ) AS b
            WHERE b.covered IS NOT NULL
            """,
            [list(column) for sent in (objectives, rows) for column in zip(*sent, strict=True)],
        )
        return {
            (slo_id, pieces[number][1]): Count(good, total, xgood, xtotal, covered=covered)
            for slo_id, number, good, total, xgood, xtotal, covered in cursor.fetchall()
        }


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
