"""Answers of probes become minutes of series, counts of objectives, states of rules (M-MET-15).

One pass over all probes, going on from where the series stand: a pass that was killed is made again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from monitoring import counting, store
from monitoring.evaluation import evaluate_account
from monitoring.models import PROBE_NAMESPACE, ProbeResult, Series

FOLD_AFTER: Final = timedelta(seconds=20)  # a minute is counted once its last slot had time to answer
FOLD_AGAIN: Final = timedelta(minutes=3)  # answers later than that were thrown away by their lease
FOLD_REACH: Final = timedelta(hours=6)
KEPT_FOR: Final = timedelta(days=7)
FIGURES: Final = ("n", "sum", "min", "max", "below")
Minute = tuple[Any, ...]  # series, start, FIGURES
# Each series of a probe, minute by minute: what was answered, and that it was asked at all.
_MINUTES: Final = """
SELECT v.id, v.ts, count(v.value)::float8, sum(v.value), min(v.value), max(v.value),
    CASE WHEN max(v.count_below) IS NOT NULL
        THEN count(*) FILTER (WHERE v.ok AND v.value < v.count_below)::float8 END
FROM (
    SELECT s.id, s.count_below, r.ok, date_bin('1 minute', r.slot_at, 'epoch'::timestamptz) AS ts,
        CASE s.name WHEN 'Success' THEN r.ok::int::float8 WHEN 'Latency' THEN r.ms
            WHEN 'CertificateDays' THEN r.cert_days END AS value
    FROM monitoring_series s
    JOIN monitoring_probe p ON p.platform_id = s.platform_id AND p.key = s.dimensions ->> 'Probe'
    JOIN monitoring_proberesult r ON r.probe_id = p.id
    WHERE s.namespace = %(namespace)s AND s.account_id IS NULL AND s.enabled
      AND r.ok IS NOT NULL AND r.slot_at >= %(start)s AND r.slot_at < %(end)s
) v
GROUP BY v.id, v.ts ORDER BY v.ts, v.id
"""


def results_fold(*, at: datetime) -> int:
    """Write the minutes that are over into the probes' series, count objectives, judge rules; how many minutes came.

    One pass at a time; a pass that was killed is made again from where the series stand.
    """
    end = store.floor_to(at - FOLD_AFTER, 60)
    own = Series.objects.filter(namespace=PROBE_NAMESPACE, account=None, enabled=True)
    newest = own.filter(watermark__isnull=False).order_by("-watermark").values_list("watermark", flat=True).first()
    if newest is not None and newest >= end:
        return 0
    start = store.floor_to(max(newest or at - FOLD_REACH, at - FOLD_REACH) - FOLD_AGAIN, 300)
    with transaction.atomic():
        if not _is_only_one():
            return 0
        minutes = _write_minutes(start, end)
    if minutes:
        evaluate_account(account=None, region="", at=at)
    return minutes


def _is_only_one() -> bool:
    with connection.cursor() as cursor:
        # Apart from `store.lock_writer`: who comes second has nothing to wait for.
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('monitoring:probes'))")
        return bool(cursor.fetchone()[0])


def _write_minutes(start: datetime, end: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, {"namespace": PROBE_NAMESPACE, "start": start, "end": end})
        found = cursor.fetchall()
    if not found:
        return 0
    store.ensure_partitions(start, end)
    store.write_points(60, _blocks(found))
    asked: dict[datetime, list[int]] = {}
    marks: dict[int, datetime] = {}
    for pk, ts, *_ in found:
        asked.setdefault(ts, []).append(pk)
        marks[pk] = max(marks.get(pk, ts), ts)
    for ts, ids in sorted(asked.items()):
        store.cover(ids, ts, ts + timedelta(minutes=1))
    counting.recount(series_ids=sorted(marks), start=start, end=end)  # objectives are locked before series
    _note(marks, {pk for pk, _, n, *_ in found if n})
    return len(asked)


def _blocks(rows: Sequence[Minute]) -> Iterator[store.PointBlock]:
    """The minutes that have a figure, by series; `below` stands only where the series counts it."""
    by_series: dict[int, list[Minute]] = {}
    for row in rows:
        if row[2]:
            by_series.setdefault(row[0], []).append(row)
    for pk, own in sorted(by_series.items()):
        columns = {name: [row[place] for row in own] for place, name in enumerate(FIGURES, start=2)}
        counted = {name: figures for name, figures in columns.items() if None not in figures}
        yield store.PointBlock(pk, [int(row[1].timestamp()) for row in own], counted)


def _note(marks: Mapping[int, datetime], answered: set[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_series s SET watermark = greatest(s.watermark, n.ts + interval '1 minute'),"
            " newest_point_at = CASE WHEN n.has THEN greatest(s.newest_point_at, n.ts) ELSE s.newest_point_at END,"
            " last_status = 'Complete' FROM unnest(%s::int[], %s::timestamptz[], %s::bool[]) AS n (id, ts, has)"
            " WHERE s.id = n.id",
            [list(marks), list(marks.values()), [pk in answered for pk in marks]],
        )


def results_forget(*, at: datetime) -> int:
    """Delete answers older than a week; the series stay. Returns how many went."""
    return ProbeResult.objects.filter(slot_at__lt=at - KEPT_FOR).delete()[0]
