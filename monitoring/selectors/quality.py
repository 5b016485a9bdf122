"""How good our own data is: what was asked and answered, where it has holes, what came late (M-GOV-07, M-GOV-11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection

from monitoring.models import Series
from monitoring.selectors.points import STALE_GRACE, unread_for
from monitoring.store import floor_to
from opsportal.core.actor import Actor

BACK: Final = timedelta(days=7)


class SeriesQuality(NamedTuple):
    """One series over the stretch, or since its first answer where that is younger: shares of one."""

    series: Series
    coverage: float
    gaps: int
    longest: timedelta
    points: int
    revised: int
    state: str

    @property
    def longest_seconds(self) -> float:
        """The longest gap."""
        return self.longest.total_seconds()


def is_late(series: Series, at: datetime) -> bool:
    """Whether it was never read, or not for more than two of its intervals."""
    return series.watermark is None or unread_for(series, at) is not None


@dataclass(frozen=True, slots=True)
class Quality:
    """The worst series first, and the sums over all."""

    rows: list[SeriesQuality]
    total: int
    coverage: float | None
    never: int
    late: int
    revised: int
    since: datetime


def quality(actor: Actor, *, at: datetime, platform_id: int | None = None, size: int = 100) -> Quality:
    """Coverage, gaps and revisions of the last seven days, series by series. Three queries."""
    series = Series.objects.visible_to(actor).of_platform(platform_id).filter(enabled=True)
    known = {row.pk: row for row in series.select_related("platform", "service", "account").order_by("pk")}
    since, until = floor_to(at - BACK, 300), floor_to(at, 300)
    covered, points = _coverage(list(known.values()), since, until), _points(sorted(known), since, until)
    rows = [_row(row, covered.get(pk), points.get(pk, (0, 0)), at, until - since) for pk, row in known.items()]
    worst = {"fail": 0, "unknown": 1, "stale": 2, "warn": 3, "ok": 4}
    rows.sort(key=lambda row: (worst[row.state], row.coverage, row.series.pk))
    return Quality(
        rows=rows[:size],
        total=len(rows),
        coverage=sum(row.coverage for row in rows) / len(rows) if rows else None,
        never=sum(row.state == "unknown" for row in rows),
        late=sum(is_late(row.series, at) for row in rows),
        revised=sum(row.revised for row in rows),
        since=since,
    )


class _Covered(NamedTuple):
    share: float
    gaps: int
    longest: timedelta


def _coverage(series: list[Series], since: datetime, until: datetime) -> dict[int, _Covered]:
    """Share of the time answered, holes between the stretches and after them, and the longest hole, of each series.

    What lies before its first answer is no hole, nor is a minute between two polls, nor what the next two readings at
    the pace of its account may still bring (as `unread_for` has it).
    """
    allowed = [2 * one.read_every + STALE_GRACE.total_seconds() for one in series]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH asked AS (
                SELECT s.id, s.allowed * interval '1 second' AS allowed, greatest(%(since)s, (
                    SELECT min(starts_at) FROM monitoring_pollcoverage WHERE series_id = s.id)) AS born
                FROM unnest(%(ids)s::int[], %(allowed)s::float8[]) AS s (id, allowed)
            ), own AS (
                SELECT series_id, born, allowed, greatest(starts_at, %(since)s) AS b, least(ends_at, %(until)s) AS e
                FROM monitoring_pollcoverage JOIN asked ON asked.id = series_id
                WHERE ends_at > %(since)s AND starts_at < %(until)s
            ), holes AS (
                SELECT series_id, born, allowed, e - b AS answered, b - coalesce(lag(e) OVER w, born) AS before,
                    CASE WHEN lead(b) OVER w IS NULL THEN %(until)s - e ELSE '0' END AS after
                FROM own WINDOW w AS (PARTITION BY series_id ORDER BY b)
            )
            SELECT series_id, extract(epoch FROM sum(answered))::float8 / extract(epoch FROM %(until)s - born)::float8,
                count(*) FILTER (WHERE before > interval '1 minute') + count(*) FILTER (WHERE after > allowed),
                greatest(max(before), max(after))
            FROM holes GROUP BY series_id, born
            """,
            {"ids": [one.pk for one in series], "allowed": allowed, "since": since, "until": until},
        )
        return {int(pk): _Covered(share, gaps, longest) for pk, share, gaps, longest in cursor.fetchall()}


def _points(series_ids: list[int], since: datetime, until: datetime) -> dict[int, tuple[int, int]]:
    """Five-minute points of each series, and how many rows of any resolution changed after they were stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT series_id, sum(points)::int, sum(revised)::int FROM ("
            " SELECT series_id, count(*) AS points, count(*) FILTER (WHERE rev > 0) AS revised FROM monitoring_point_5m"
            " WHERE series_id = ANY(%(ids)s) AND ts >= %(since)s AND ts < %(until)s GROUP BY series_id UNION ALL"
            " SELECT series_id, 0, count(*) FROM monitoring_point_1m"
            " WHERE series_id = ANY(%(ids)s) AND ts >= %(since)s AND ts < %(until)s AND rev > 0 GROUP BY series_id"
            ") p GROUP BY series_id",
            {"ids": series_ids, "since": since, "until": until},
        )
        return {int(pk): (points, revised) for pk, points, revised in cursor.fetchall()}


def _row(
    series: Series, covered: _Covered | None, points: tuple[int, int], at: datetime, whole: timedelta
) -> SeriesQuality:
    if covered is None:
        return SeriesQuality(series, 0.0, 1, whole, *points, "fail")
    share = min(1.0, covered.share)
    if is_late(series, at):
        state = "stale"
    elif series.newest_point_at is None and not points[0]:
        state = "unknown"
    else:
        state = "warn" if covered.gaps else "ok"
    return SeriesQuality(series, share, covered.gaps, covered.longest, *points, state)
