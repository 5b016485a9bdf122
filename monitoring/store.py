"""The only writer of points: COPY to a temporary table, upsert what changed, recount what that makes stale.

Roll-ups are recomputed from the finer rows, never incremented, so that repeating any step is harmless.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import repeat, starmap
from struct import Struct
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

COLUMNS: Final = ("n", "sum", "min", "max", "p50", "p95", "p99", "below")
TABLES: Final = {
    60: "monitoring_point_1m",
    300: "monitoring_point_5m",
    3600: "monitoring_point_1h",
    86400: "monitoring_point_1d",
}
PARTITIONED: Final = {
    "monitoring_point_1m": "day",
    "monitoring_point_5m": "week",
    "monitoring_point_1h": "month",
}
# Each rung of the ladder is recounted from the one before it.
ROLL_UPS: Final = ((60, 300, "5 minutes"), (300, 3600, "1 hour"), (3600, 86400, "1 day"))
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
# Kept by the session: made anew for each write they would swell the catalogue.
_TEMPORARY: Final = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE monitoring_point_1d INCLUDING DEFAULTS) ON COMMIT DELETE ROWS;"
    " CREATE TEMPORARY TABLE IF NOT EXISTS dirty (series_id integer, ts timestamptz) ON COMMIT DELETE ROWS;"
    " TRUNCATE incoming, dirty; SET LOCAL work_mem = '32MB'"
)
CHUNK: Final = 256 * 1024  # bytes of COPY sent at once
EPOCH_2000: Final = 946_684_800  # PostgreSQL counts microseconds from here
# The usual case: the newest stretch of a series goes on, or holds this one already. Returns those series.
_COVER_ON: Final = """
WITH newest AS (
    SELECT DISTINCT ON (series_id) id, series_id, starts_at, ends_at FROM monitoring_pollcoverage
    WHERE series_id = ANY(%(ids)s) ORDER BY series_id, starts_at DESC
), grown AS (
    UPDATE monitoring_pollcoverage c SET ends_at = %(end)s FROM newest n
    WHERE c.id = n.id AND n.starts_at <= %(start)s AND n.ends_at >= %(start)s AND n.ends_at < %(end)s
)
SELECT series_id FROM newest WHERE starts_at <= %(start)s AND ends_at >= %(start)s
"""
# One statement: take out what touches, put back the union, per series.
_COVER: Final = """
WITH touched AS (
    DELETE FROM monitoring_pollcoverage
    WHERE series_id = ANY(%(ids)s) AND starts_at <= %(end)s AND ends_at >= %(start)s
    RETURNING series_id, starts_at, ends_at
)
INSERT INTO monitoring_pollcoverage AS c (series_id, starts_at, ends_at)
SELECT s.id, least(min(t.starts_at), %(start)s), greatest(max(t.ends_at), %(end)s)
FROM unnest(%(ids)s::int[]) AS s (id) LEFT JOIN touched t ON t.series_id = s.id
GROUP BY s.id ORDER BY s.id
"""
_ensured: dict[str, tuple[datetime, datetime]] = {}


class PointBlock(NamedTuple):
    """Datapoints of a series by column: `columns[c][i]` is the figure of the period that starts at `times[i]`.

    Times are epoch seconds, each once; a column that is left out was not asked or not answered.
    """

    series_id: int
    times: Sequence[int]
    columns: Mapping[str, Sequence[float]]


class Written(NamedTuple):
    """What a write did: rows new or changed, and rows changed after they had been stored."""

    changed: int
    revised: int


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


def missing_partitions(at: datetime) -> list[str]:
    """Partitions of now and of the next period that are not there: points would fall beside them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM (SELECT w.parent, format('%%s_%%s', w.parent, to_char(date_trunc(w.unit, %s AT TIME ZONE"
            " 'UTC') + a.ahead * ('1 ' || w.unit)::interval, 'YYYYMMDD')) AS name"
            " FROM unnest(%s::text[], %s::text[]) AS w (parent, unit), generate_series(0, 1) AS a (ahead)) AS wanted"
            " WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = to_regclass(wanted.name)"
            " AND i.inhparent = to_regclass(wanted.parent)) ORDER BY name",
            [at, list(PARTITIONED), list(PARTITIONED.values())],
        )
        return [str(name) for (name,) in cursor.fetchall()]


def stray_points() -> int:
    """Points that fell outside every partition (the partition manager missed them)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_stray_points()")
        return int(cursor.fetchone()[0])


def lock_writer(account_id: int, region: str) -> None:
    """Let one writer of an account and region store at a time, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"monitoring:{account_id}:{region}"])


@cache
def _row_of(columns: tuple[str, ...]) -> Struct:
    """One row of COPY's binary format: its number of fields, then each with its length, -1 for NULL."""
    return Struct(">hiiiq" + "".join("id" if name in columns else "i" for name in COLUMNS))


def _binary(block: PointBlock) -> bytes:
    """The rows of a block, put together without an object of ours per row."""
    cells: list[Iterable[Any]] = [repeat(2 + len(COLUMNS)), repeat(4), repeat(block.series_id), repeat(8)]
    cells.append([(at - EPOCH_2000) * 1_000_000 for at in block.times])
    for name in COLUMNS:
        cells += [repeat(8), block.columns[name]] if name in block.columns else [repeat(-1)]
    return b"".join(starmap(_row_of(tuple(block.columns)).pack, zip(*cells, strict=False)))


def copy_stream(blocks: Iterable[PointBlock]) -> Iterator[bytes]:
    """The blocks in COPY's binary format: series_id, ts and COLUMNS."""
    chunk = bytearray(b"PGCOPY\n\xff\r\n\x00" + bytes(8))
    for block in blocks:
        chunk += _binary(block)
        if len(chunk) > CHUNK:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk + b"\xff\xff")


def write_points(period: int, blocks: Iterable[PointBlock]) -> Written:
    """Upsert points of one period (a key of TABLES, in seconds) and roll them up. Call inside a transaction.

    No two blocks may hold the same period of the same series, and nobody else may write these series meanwhile
    (`lock_writer`): rows are taken as they come, for a sort would cost a third of the whole.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)
        with cursor.copy(f"COPY incoming (series_id, ts, {_LIST}) FROM STDIN (FORMAT BINARY)") as copy:
            for chunk in copy_stream(blocks):
                copy.write(chunk)
        cursor.execute(
            f"WITH changed AS (INSERT INTO {TABLES[period]} AS t (series_id, ts, {_LIST})"  # noqa: S608 - our own names
            f" SELECT series_id, ts, {_LIST} FROM incoming"
            f" ON CONFLICT (series_id, ts) DO UPDATE SET {_SETS}, rev = least(t.rev + 1, 32000) WHERE {_CHANGED}"
            " RETURNING series_id, ts, rev), noted AS (INSERT INTO dirty SELECT series_id, ts FROM changed)"
            " SELECT count(*), count(*) FILTER (WHERE rev > 0), min(ts), max(ts) FROM changed"
        )
        changed, revised, first, last = cursor.fetchone()
        if changed:
            for source, target, step in ROLL_UPS:
                if source >= period:
                    _roll_up(cursor, source=source, target=target, step=step, first=first, last=last)
    return Written(changed, revised)


def _roll_up(cursor: Any, *, source: int, target: int, step: str, first: datetime, last: datetime) -> None:
    """Recompute the periods of `target` that hold a changed point.

    Percentiles are left alone: they are fetched at their own period or not at all.
    """
    cursor.execute(
        f"INSERT INTO {TABLES[target]} AS t (series_id, ts, {_LIST})"  # noqa: S608 - our own table and column names
        " SELECT d.series_id, d.start, a.n, a.sum, a.min, a.max, NULL, NULL, NULL, a.below FROM (SELECT DISTINCT"
        f" series_id, date_bin('{step}', ts, timestamptz 'epoch') AS start FROM dirty) d"
        # By itself for each period, so that the key is always used: a join on the series alone pairs each period with
        # every point. Constant bounds as well: without them every partition is searched.
        " CROSS JOIN LATERAL (SELECT count(*) AS rows, sum(n) AS n, sum(sum) AS sum, min(min) AS min, max(max) AS max,"
        f" sum(below) AS below FROM {TABLES[source]} p WHERE p.series_id = d.series_id AND p.ts >= d.start"
        f" AND p.ts < d.start + interval '{step}' AND p.ts >= %s AND p.ts < %s) a WHERE a.rows > 0"
        f" ON CONFLICT (series_id, ts) DO UPDATE SET {_SETS} WHERE {_CHANGED}",
        [floor_to(first, target), floor_to(last, target) + timedelta(seconds=target)],
    )


def cover(series_ids: Sequence[int], start: datetime, end: datetime) -> None:
    """Note that CloudWatch answered completely about these series in [start, end). Touching stretches become one."""
    if not series_ids or end <= start:
        return
    with connection.cursor() as cursor:
        params: dict[str, Any] = {"ids": sorted(series_ids), "start": start, "end": end}
        cursor.execute(_COVER_ON, params)
        known = {pk for (pk,) in cursor.fetchall()}
        params["ids"] = [pk for pk in params["ids"] if pk not in known]
        if params["ids"]:
            cursor.execute(_COVER, params)
