"""Counting events of objectives into buckets: 5 minutes from points, hours and days from those.

Recounted from the points, never incremented; an hour is the sum of its twelve, so that sums agree to the last digit.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from monitoring.models import Slo, SloTerm, SloVersion
from monitoring.slo.periods import held
from monitoring.store import floor_to

# Whether an approved exclusion lies over slice {ts} of objective `s`.
_EXCLUDED: Final = """EXISTS (
    SELECT 1 FROM monitoring_sloexclusion x
    WHERE x.voided_at IS NULL AND x.approved_at IS NOT NULL
      AND x.starts_at < {ts} + interval '5 minutes' AND x.ends_at > {ts}
      AND x.platform_id = s.platform_id AND (x.slo_id IS NULL OR x.slo_id = s.id)
      AND (x.service_id IS NULL OR x.service_id = s.service_id)
)"""

# Whether a slice was asked about in full: no term of the objective lacks coverage over it.
_SLICES: Final = """
WITH slices AS (
    SELECT s.id AS slo_id, g.ts,
        NOT EXISTS (
            SELECT 1 FROM monitoring_sloterm t WHERE t.of_version_id = ANY(%(versions)s) AND t.slo_id = s.id
              AND NOT EXISTS (
                SELECT 1 FROM monitoring_pollcoverage c
                WHERE c.series_id = t.series_id AND c.starts_at <= g.ts AND c.ends_at >= g.ts + interval '5 minutes')
        ) AS covered,
        {excluded} AS excluded
    FROM monitoring_slo s
    CROSS JOIN generate_series(%(start)s::timestamptz, %(last)s::timestamptz, interval '5 minutes') AS g (ts)
    WHERE s.id = ANY(%(slos)s)
),
""".format(excluded=_EXCLUDED.format(ts="g.ts"))  # noqa: S608 - constants of this module

_OCCURRENCES: Final = """
values_of AS (
    SELECT t.slo_id, t.role, p.ts,
        CASE t.stat WHEN 'Sum' THEN p.sum WHEN 'SampleCount' THEN p.n WHEN 'TC' THEN p.below END AS value
    FROM monitoring_sloterm t JOIN monitoring_point_5m p ON p.series_id = t.series_id
    WHERE t.of_version_id = ANY(%(versions)s) AND p.ts >= %(start)s AND p.ts <= %(last)s
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
        WHERE t.of_version_id = ANY(%(versions)s)
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
    """Recount these objectives over the whole 5-minute slices of [start, end), and the hours and days around them.

    Each slice is counted as the version that held then says; a version that reads no series counts nothing.
    """
    first, after = floor_to(start, 300), floor_to(end, 300)
    if first >= after:
        return
    with transaction.atomic():
        bound = _hold(slo_ids)
        groups: dict[tuple[bool, datetime, datetime], list[SloVersion]] = {}
        for version, since, until in _versions_over(bound, first, after):
            if version.indicator.get("method") == "timeslices":
                _count_timeslices(version, since, until)
            else:
                groups.setdefault((bool(version.indicator.get("good")), since, until), []).append(version)
        for (by_good, since, until), versions in groups.items():
            _execute(_SLICES + _OCCURRENCES + _UPSERT + _CONFLICT, _span(versions, since, until) | {"by_good": by_good})
        _roll_up(bound, first, after - timedelta(minutes=5))


def _hold(slo_ids: Sequence[int]) -> list[int]:
    """These objectives' rows, held in order of key: a count and an exclusion of one objective take turns."""
    rows = Slo.objects.select_for_update(no_key=True).filter(pk__in=slo_ids).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def _versions_over(
    slo_ids: Sequence[int], first: datetime, after: datetime
) -> Iterator[tuple[SloVersion, datetime, datetime]]:
    """Which version of each objective held when, of those that read anything."""
    dated: dict[int, list[tuple[datetime, SloVersion]]] = {}
    rows = SloVersion.objects.filter(slo_id__in=slo_ids).annotate(
        is_bound=Exists(SloTerm.objects.filter(of_version=OuterRef("pk")))
    )
    for version in rows.order_by("slo_id", "effective_from", "number"):
        dated.setdefault(version.slo_id, []).append((floor_to(version.effective_from, 300), version))
    for versions in dated.values():
        yield from (span for span in held(versions, first, after) if getattr(span[0], "is_bound", False))


def _span(versions: Sequence[SloVersion], since: datetime, until: datetime) -> dict[str, Any]:
    return {
        "slos": [version.slo_id for version in versions],
        "versions": [version.pk for version in versions],
        "start": since,
        "last": until - timedelta(minutes=5),
    }


def _count_timeslices(version: SloVersion, since: datetime, until: datetime) -> None:
    indicator = version.indicator
    statement = _SLICES + _TIMESLICES.format(sign=_SIGNS[indicator["comparison"]]) + _UPSERT + _CONFLICT
    limits = {"limit": float(indicator["value"]), "per_second": bool(indicator.get("per_second"))}
    _execute(statement, _span([version], since, until) | limits)


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


_EXCLUDE: Final = """
UPDATE monitoring_slobucket b
SET xgood = CASE WHEN k.excluded THEN b.good ELSE 0 END, xtotal = CASE WHEN k.excluded THEN b.total ELSE 0 END
FROM (
    SELECT c.slo_id, c.ts, {excluded} AS excluded
    FROM monitoring_slobucket c JOIN monitoring_slo s ON s.id = c.slo_id
    WHERE c.slo_id = ANY(%(slos)s) AND c.res = 5 AND c.ts >= %(start)s AND c.ts <= %(last)s
) k
WHERE b.slo_id = k.slo_id AND b.res = 5 AND b.ts = k.ts
  AND (b.xgood, b.xtotal) IS DISTINCT FROM (
    CASE WHEN k.excluded THEN b.good ELSE 0 END, CASE WHEN k.excluded THEN b.total ELSE 0 END)
""".format(excluded=_EXCLUDED.format(ts="c.ts"))  # noqa: S608 - constants of this module


def recount_exclusion(
    *, platform_id: int, slo_id: int | None, service_id: int | None, start: datetime, end: datetime
) -> None:
    """Leave out, or take in again, what was counted: the counts themselves stay, so it also holds for time whose points
    are gone.
    """
    slos = Slo.objects.filter(platform_id=platform_id, enabled=True)
    if slo_id is not None:
        slos = slos.filter(pk=slo_id)
    elif service_id is not None:
        slos = slos.filter(service_id=service_id)
    first, last = floor_to(start, 300), floor_to(end, 300)
    with transaction.atomic():
        found = _hold(list(slos.values_list("pk", flat=True)))
        _execute(_EXCLUDE, {"slos": found, "start": first, "last": last})
        _roll_up(found, first, last)
