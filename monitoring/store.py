"""The only writer of points: COPY to a temporary table, upsert what changed, recount what that makes stale.

Roll-ups are recomputed from the finer rows, never incremented, so that repeating any step is harmless.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection, transaction

COLUMNS: Final = ("n", "sum", "min", "max", "p50", "p95", "p99", "below")
TABLES: Final = {60: "monitoring_point_1m", 300: "monitoring_point_5m", 3600: "monitoring_point_1h"}
STEPS: Final = {"5 minutes": 300, "1 hour": 3600, "1 day": 86400}
STAT_COLUMNS: Final = {
    "SampleCount": "n",
    "Sum": "sum",
    "Minimum": "min",
    "Maximum": "max",
    "p50": "p50",
    "p95": "p95",
    "p99": "p99",
    "TC": "below",
}
_SETS: Final = ", ".join(f"{c} = coalesce(excluded.{c}, t.{c})" for c in COLUMNS)
_CHANGED: Final = " OR ".join(f"coalesce(excluded.{c}, t.{c}) IS DISTINCT FROM t.{c}" for c in COLUMNS)
_LIST: Final = ", ".join(COLUMNS)
_ensured: dict[str, tuple[datetime, datetime]] = {}


class PointRow(NamedTuple):
    """One datapoint as it is stored; None where the statistic was not asked or not answered."""

    series_id: int
    ts: datetime
    n: float | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    below: float | None = None


class Written(NamedTuple):
    """What a write did: rows new or changed, rows changed after they had been stored, 5-minute buckets touched."""

    changed: int
    revised: int
    buckets: list[tuple[int, datetime]]


def floor_to(at: datetime, seconds: int) -> datetime:
    """The start of the period that holds `at`."""
    stamp = int(at.timestamp())
    return datetime.fromtimestamp(stamp - stamp % seconds, UTC)


def ensure_partitions(start: datetime, end: datetime) -> None:
    """Make the partitions for [start, end] and three ahead; asks the database only when this process has not yet."""
    name = str(connection.settings_dict["NAME"])
    known = _ensured.get(name)
    if known and known[0] <= start and end <= known[1] + timedelta(days=1):
        return
    first = min(start, known[0]) if known else start
    last = max(end, known[1]) if known else end
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_ensure_partitions(%s, %s)", [first, last])
    # Only what is committed may be relied on.
    transaction.on_commit(lambda: _ensured.__setitem__(name, (first, last)))


def drop_partitions(at: datetime) -> int:
    """Drop what is older than the ladder keeps; returns how many partitions went."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_drop_partitions(%s)", [at])
        return int(cursor.fetchone()[0])


def stray_points() -> int:
    """Points that fell outside every partition (the partition manager missed them)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_stray_points()")
        return int(cursor.fetchone()[0])


def write_points(period: int, rows: Iterable[PointRow]) -> Written:
    """Upsert points of one period (60 or 300 seconds) and roll them up. Call inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE {TABLES[period]} INCLUDING DEFAULTS) ON COMMIT DROP;"
            " TRUNCATE incoming"
        )
        with cursor.copy(f"COPY incoming (series_id, ts, {_LIST}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {TABLES[period]} AS t (series_id, ts, {_LIST})"  # noqa: S608 - our own table and column names
            f" SELECT series_id, ts, {_LIST} FROM incoming ORDER BY series_id, ts"
            f" ON CONFLICT (series_id, ts) DO UPDATE SET {_SETS}, rev = least(t.rev + 1, 32000) WHERE {_CHANGED}"
            " RETURNING series_id, ts, rev"
        )
        changed = cursor.fetchall()
    buckets = sorted({(int(series), floor_to(ts, 300)) for series, ts, _ in changed})
    if period == 60:
        _roll_up(buckets, source="monitoring_point_1m", target="monitoring_point_5m", step="5 minutes")
    roll_up_hours(buckets)
    return Written(len(changed), sum(rev > 0 for _, _, rev in changed), buckets)


def roll_up_hours(buckets: Sequence[tuple[int, datetime]]) -> None:
    """Recompute the hours and days that hold these 5-minute buckets."""
    hours = sorted({(series, floor_to(ts, 3600)) for series, ts in buckets})
    days = sorted({(series, floor_to(ts, 86400)) for series, ts in buckets})
    _roll_up(hours, source="monitoring_point_5m", target="monitoring_point_1h", step="1 hour")
    _roll_up(days, source="monitoring_point_1h", target="monitoring_point_1d", step="1 day")


def _roll_up(dirty: Sequence[tuple[int, datetime]], *, source: str, target: str, step: str) -> None:
    """Percentiles are left alone: they are fetched at their own period or not at all."""
    if not dirty:
        return
    span = timedelta(seconds=STEPS[step])
    first, last = min(ts for _, ts in dirty), max(ts for _, ts in dirty) + span
    sums = "sum(p.n), sum(p.sum), min(p.min), max(p.max), NULL::float8, NULL::float8, NULL::float8, sum(p.below)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {target} AS t (series_id, ts, {_LIST})"  # noqa: S608 - our own table and column names
            f" SELECT d.series_id, d.ts, {sums} FROM unnest(%s::int[], %s::timestamptz[]) AS d (series_id, ts)"
            f" JOIN {source} p ON p.series_id = d.series_id AND p.ts >= d.ts AND p.ts < d.ts + interval '{step}'"
            # Constant bounds as well: without them every partition is searched.
            " WHERE p.ts >= %s AND p.ts < %s GROUP BY d.series_id, d.ts ORDER BY d.series_id, d.ts"
            f" ON CONFLICT (series_id, ts) DO UPDATE SET {_SETS} WHERE {_CHANGED}",
            [[series for series, _ in dirty], [ts for _, ts in dirty], first, last],
        )


def cover(series_ids: Sequence[int], start: datetime, end: datetime) -> None:
    """Note that CloudWatch answered completely about these series in [start, end). Touching stretches become one."""
    if not series_ids or end <= start:
        return
    ids = sorted(series_ids)
    with connection.cursor() as cursor:
        # One statement: take out what touches, put back the union, per series.
        cursor.execute(
            """
            WITH touched AS (
                DELETE FROM monitoring_pollcoverage
                WHERE series_id = ANY(%(ids)s) AND starts_at <= %(end)s AND ends_at >= %(start)s
                RETURNING series_id, starts_at, ends_at
            )
            INSERT INTO monitoring_pollcoverage AS c (series_id, starts_at, ends_at)
            SELECT s.id, least(min(t.starts_at), %(start)s), greatest(max(t.ends_at), %(end)s)
            FROM unnest(%(ids)s::int[]) AS s (id) LEFT JOIN touched t ON t.series_id = s.id
            GROUP BY s.id ORDER BY s.id
            """,
            {"ids": ids, "start": start, "end": end},
        )
