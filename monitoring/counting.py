"""Counting events of objectives into buckets: 5 minutes from points, hours and days from those.

Recounted from the points, never incremented; an hour is the sum of its twelve, so that sums agree to the last digit.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from monitoring.models import Slo, SloTerm, SloVersion
from monitoring.store import floor_to

# Whether a slice was asked about in full: no term of the objective lacks coverage over it.
_SLICES: Final = """
WITH slices AS (
    SELECT s.id AS slo_id, g.ts,
        NOT EXISTS (
            SELECT 1 FROM monitoring_sloterm t WHERE t.slo_id = s.id AND NOT EXISTS (
                SELECT 1 FROM monitoring_pollcoverage c
                WHERE c.series_id = t.series_id AND c.starts_at <= g.ts AND c.ends_at >= g.ts + interval '5 minutes')
        ) AS covered,
        EXISTS (
            SELECT 1 FROM monitoring_sloexclusion x
            WHERE x.voided_at IS NULL AND x.starts_at < g.ts + interval '5 minutes' AND x.ends_at > g.ts
              AND x.platform_id = s.platform_id AND (x.slo_id IS NULL OR x.slo_id = s.id)
              AND (x.service_id IS NULL OR x.service_id = s.service_id)
        ) AS excluded
    FROM monitoring_slo s
    CROSS JOIN generate_series(%(start)s::timestamptz, %(last)s::timestamptz, interval '5 minutes') AS g (ts)
    WHERE s.id = ANY(%(slos)s)
),
"""

_OCCURRENCES: Final = """
values_of AS (
    SELECT t.slo_id, t.role, p.ts,
        CASE t.stat WHEN 'Sum' THEN p.sum WHEN 'SampleCount' THEN p.n WHEN 'TC' THEN p.below END AS value
    FROM monitoring_sloterm t JOIN monitoring_point_5m p ON p.series_id = t.series_id
    WHERE t.slo_id = ANY(%(slos)s) AND p.ts >= %(start)s AND p.ts <= %(last)s
),
sums AS (
    SELECT slo_id, ts,
        sum(value) FILTER (WHERE role = 'total') AS total,
        sum(value) FILTER (WHERE role = 'bad') AS bad,
        sum(value) FILTER (WHERE role = 'good') AS good
    FROM values_of GROUP BY slo_id, ts
),
counted AS (
    SELECT l.slo_id, l.ts, l.covered, l.excluded,
        CASE WHEN l.covered THEN greatest(coalesce(s.total, 0), 0) ELSE 0 END AS total,
        CASE WHEN l.covered THEN least(greatest(
            CASE WHEN %(by_good)s THEN coalesce(s.good, 0) ELSE coalesce(s.total, 0) - coalesce(s.bad, 0) END, 0),
            greatest(coalesce(s.total, 0), 0)) ELSE 0 END AS good
    FROM slices l LEFT JOIN sums s ON s.slo_id = l.slo_id AND s.ts = l.ts
)
"""

# A slice is one event. Silence is what the series' policy says: zero of a count or a rate, the last figure of an hour,
# or nothing that could be judged.
_TIMESLICES: Final = """
counted AS (
    SELECT l.slo_id, l.ts, l.covered, l.excluded,
        CASE WHEN l.covered AND v.value IS NOT NULL THEN 1.0 ELSE 0.0 END AS total,
        CASE WHEN l.covered AND v.value {sign} %(limit)s THEN 1.0 ELSE 0.0 END AS good
    FROM slices l LEFT JOIN LATERAL (
        SELECT CASE WHEN %(per_second)s THEN coalesce(max(p.sum), 0) / 300
            WHEN max(s.missing) = 'zero' AND max(t.stat) = 'Sum' THEN coalesce(max(p.sum), 0)
            WHEN max(s.missing) = 'zero' AND max(t.stat) = 'SampleCount' THEN coalesce(max(p.n), 0)
            WHEN max(t.stat) = 'Average' THEN max(p.sum) / nullif(max(p.n), 0)
            WHEN max(t.stat) = 'p50' THEN max(p.p50) WHEN max(t.stat) = 'p95' THEN max(p.p95)
            WHEN max(t.stat) = 'p99' THEN max(p.p99) WHEN max(t.stat) = 'Minimum' THEN max(p.min)
            WHEN max(t.stat) = 'SampleCount' THEN max(p.n) WHEN max(t.stat) = 'Sum' THEN max(p.sum)
            ELSE max(p.max) END AS value
        FROM monitoring_sloterm t JOIN monitoring_series s ON s.id = t.series_id
        LEFT JOIN LATERAL (
            SELECT * FROM monitoring_point_5m q WHERE q.series_id = t.series_id AND q.ts <= l.ts
                AND q.ts >= l.ts - CASE s.missing WHEN 'carry' THEN interval '1 hour' ELSE interval '0' END
            ORDER BY q.ts DESC LIMIT 1
        ) p ON true
        WHERE t.slo_id = l.slo_id
    ) v ON true
)
"""

_UPSERT: Final = """
INSERT INTO monitoring_slobucket AS b (slo_id, res, ts, good, total, xgood, xtotal, expected, covered)
SELECT slo_id, 5, ts, good, total, CASE WHEN excluded THEN good ELSE 0 END, CASE WHEN excluded THEN total ELSE 0 END,
    1, covered::int
FROM counted ORDER BY slo_id, ts
"""

_ROLL_UP: Final = """
INSERT INTO monitoring_slobucket AS b (slo_id, res, ts, good, total, xgood, xtotal, expected, covered)
SELECT slo_id, %(res)s, date_bin(%(step)s::interval, ts, 'epoch'::timestamptz) AS start, sum(good), sum(total),
    sum(xgood), sum(xtotal), sum(expected), sum(covered)
FROM monitoring_slobucket
WHERE slo_id = ANY(%(slos)s) AND res = %(from_res)s AND ts >= %(start)s AND ts < %(end)s
GROUP BY slo_id, start ORDER BY slo_id, start
"""

_CONFLICT: Final = """
ON CONFLICT (slo_id, res, ts) DO UPDATE SET good = excluded.good, total = excluded.total, xgood = excluded.xgood,
    xtotal = excluded.xtotal, expected = excluded.expected, covered = excluded.covered
WHERE (b.good, b.total, b.xgood, b.xtotal, b.expected, b.covered) IS DISTINCT FROM
    (excluded.good, excluded.total, excluded.xgood, excluded.xtotal, excluded.expected, excluded.covered)
"""
_SIGNS: Final = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def recount(*, series_ids: Sequence[int], start: datetime, end: datetime) -> int:
    """Recount every objective that reads one of these series over [start, end). Returns how many objectives."""
    slo_ids = SloTerm.objects.filter(series_id__in=series_ids, slo__enabled=True).values_list("slo_id", flat=True)
    found = sorted(set(slo_ids))
    recount_slos(slo_ids=found, start=start, end=end)
    return len(found)


def recount_slos(*, slo_ids: Sequence[int], start: datetime, end: datetime) -> None:
    """Recount these objectives over the whole 5-minute slices of [start, end), and the hours and days around them."""
    first, last = floor_to(start, 300), floor_to(end, 300) - timedelta(minutes=5)
    bound = sorted(set(SloTerm.objects.filter(slo_id__in=slo_ids).values_list("slo_id", flat=True)))
    if not bound or last < first:
        return
    kinds: dict[str, list[int]] = {"bad": [], "good": []}
    for version in SloVersion.objects.filter(slo_id__in=bound).order_by("slo_id", "-number").distinct("slo_id"):
        indicator = version.indicator
        if indicator.get("method") == "timeslices":
            _count_timeslices(version.slo_id, indicator, first, last)
        else:
            kinds["good" if indicator.get("good") else "bad"].append(version.slo_id)
    for kind, ids in kinds.items():
        if ids:
            params = {"slos": ids, "start": first, "last": last, "by_good": kind == "good"}
            _execute(_SLICES + _OCCURRENCES + _UPSERT + _CONFLICT, params)
    _roll_up(bound, first, last)


def _count_timeslices(slo_id: int, indicator: dict[str, Any], first: datetime, last: datetime) -> None:
    statement = _SLICES + _TIMESLICES.format(sign=_SIGNS[indicator["comparison"]]) + _UPSERT + _CONFLICT
    params = {
        "slos": [slo_id],
        "start": first,
        "last": last,
        "limit": float(indicator["value"]),
        "per_second": bool(indicator.get("per_second")),
    }
    _execute(statement, params)


def _roll_up(slo_ids: list[int], first: datetime, last: datetime) -> None:
    for res, from_res, step, seconds in ((60, 5, "1 hour", 3600), (1440, 60, "1 day", 86400)):
        params = {
            "slos": slo_ids,
            "res": res,
            "from_res": from_res,
            "step": step,
            "start": floor_to(first, seconds),
            "end": floor_to(last, seconds) + timedelta(seconds=seconds),
        }
        _execute(_ROLL_UP + _CONFLICT, params)


def _execute(statement: str, params: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def recount_exclusion(
    *, platform_id: int, slo_id: int | None, service_id: int | None, start: datetime, end: datetime, at: datetime
) -> None:
    """Recount what an exclusion touches, up to now."""
    slos = Slo.objects.filter(platform_id=platform_id, enabled=True)
    if slo_id is not None:
        slos = slos.filter(pk=slo_id)
    elif service_id is not None:
        slos = slos.filter(service_id=service_id)
    recount_slos(slo_ids=list(slos.values_list("pk", flat=True)), start=start, end=min(end + timedelta(minutes=5), at))
