"""Services for the overview grid and the service page."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from monitoring.models import (
    WORST_FIRST,
    Alarm,
    AlarmOrigin,
    AlarmState,
    Annotation,
    AnnotationKind,
    Deployment,
    EvidenceResult,
    Resource,
    ResourceKind,
    ResourcePoll,
    Series,
    ServiceMetric,
)
from monitoring.models.sources import COMMON_POLL_SECONDS, CRITICAL_POLL_SECONDS, PACES, read_every
from monitoring.selectors.alarms import shown_state
from monitoring.selectors.points import STALE_GRACE
from monitoring.store import floor_to
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, head, rank_of
from opsportal.platforms.models import Service

SPARK = timedelta(hours=3)
STALE_AFTER = timedelta(minutes=12)
SERVICES = 200
WORST_RESOURCES = ("rank", "kind", "parent", "-made_at", "pk")


@dataclass(slots=True)
class Signal:
    """One metric of the grid: its newest figure and the last three hours."""

    metric: ServiceMetric
    values: list[float | None]
    newest: float | None
    at: datetime | None


@dataclass(slots=True)
class ServiceRow:
    """One service of the grid."""

    service: Service
    state: str = "unknown"  # ok, fail, warn, unknown, stale
    why: str = ""  # what keeps an unknown one from being judged
    firing: int = 0  # alarms; CloudWatch's own are told only where no other fires, as they are mostly twins
    rank: int | None = None
    label: str = ""
    tasks: Resource | None = None
    targets: Resource | None = None
    signals: list[Signal] = field(default_factory=list)
    read_at: datetime | None = None
    every: int = 0  # seconds between two readings of its most often read metric, of which read_at is the newest


def service_rows(actor: Actor, *, at: datetime, platform_id: int | None = None) -> Head[ServiceRow]:
    """The services the actor may see, worst first. Five queries."""
    services = Service.objects.visible_to(actor).select_related("platform", "environment")
    services = services.of_platform(platform_id)
    found = head(services.order_by(_trouble(at), "platform__key", "key", "pk"), SERVICES)
    rows = {service.pk: ServiceRow(service) for service in found.rows}
    alarms: dict[int, list[str]] = defaultdict(list)
    mirrored: Counter[int] = Counter()
    for alarm in Alarm.objects.judged().filter(service__in=rows).select_related("rule", "severity"):
        row = rows[alarm.service_id or 0]
        state = shown_state(alarm, at)
        alarms[row.service.pk].append(state)
        if state == AlarmState.ALARM:
            row.firing += alarm.origin != AlarmOrigin.CLOUDWATCH
            mirrored[row.service.pk] += alarm.origin == AlarmOrigin.CLOUDWATCH
            if alarm.severity and (row.rank is None or alarm.severity.rank < row.rank):
                row.rank, row.label = alarm.severity.rank, alarm.severity.label
    for resource in Resource.objects.filter(
        service__in=rows, kind__in=[ResourceKind.ECS_SERVICE, ResourceKind.TARGET_GROUP]
    ):
        row = rows[resource.service_id or 0]
        if resource.kind == ResourceKind.ECS_SERVICE:
            row.tasks = resource
        else:
            row.targets = resource
    _add_signals(rows, at)
    for pk, row in rows.items():
        row.firing = row.firing or mirrored[pk]
        row.state = _state(row, alarms[pk], at)
        if row.state == "unknown":
            watched = "alarms lack data" if alarms[pk] else "no alarm watches it"
            row.why = watched if row.read_at else "never read"
    order = {"fail": 0, "warn": 1, "stale": 2, "unknown": 3, "ok": 4}
    return Head(sorted(rows.values(), key=lambda row: (order[row.state], row.rank or 9)), found.total)


def _trouble(at: datetime) -> Case:
    """Worst first as PostgreSQL can tell before the list is cut: what `_state` may call red, amber, not seen, fine."""
    service = Q(service=OuterRef("pk"))
    parts = Resource.objects.filter(service, kind__in=[ResourceKind.ECS_SERVICE, ResourceKind.TARGET_GROUP])
    alarms = Alarm.objects.judged().filter(service)
    read = ServiceMetric.objects.filter(service, series__watermark__gte=at - STALE_AFTER)
    return Case(
        When(Exists(alarms.filter(state=AlarmState.ALARM)) | Exists(parts.filter(state="fail")), then=Value(0)),
        When(Exists(alarms.filter(state=AlarmState.WARNING)) | Exists(parts.filter(state="warn")), then=Value(1)),
        When(~Exists(read) | ~Exists(alarms.filter(state=AlarmState.OK)), then=Value(2)),
        default=Value(3),
    )


def _state(row: ServiceRow, alarms: Sequence[str], at: datetime) -> str:
    """Green needs fresh and judged; a firing alarm or a lost task is red."""
    broken = any(part is not None and part.state == "fail" for part in (row.tasks, row.targets))
    if row.firing or broken:
        return "fail"
    if row.read_at is None:
        return "unknown"
    if at - row.read_at > timedelta(seconds=2 * row.every) + STALE_GRACE:
        return "stale"
    if AlarmState.WARNING in alarms or any(
        part is not None and part.state == "warn" for part in (row.tasks, row.targets)
    ):
        return "warn"
    judged = [state for state in alarms if state == AlarmState.OK]
    return "ok" if judged else "unknown"


def _add_signals(rows: Mapping[int, ServiceRow], at: datetime) -> None:
    metrics = (
        ServiceMetric.objects.filter(service__in=rows, series__isnull=False)
        .select_related("series__account")
        .order_by("service_id", "position", "pk")
    )
    chosen: dict[int, list[ServiceMetric]] = defaultdict(list)
    for metric in metrics:
        row = rows[metric.service_id]
        if metric.series and metric.series.watermark:
            _note_reading(row, metric.series.watermark, metric.series.read_every)
        if len(chosen[metric.service_id]) < 3:
            chosen[metric.service_id].append(metric)
    values = recent_values([m for group in chosen.values() for m in group], at=at)
    for pk, group in chosen.items():
        for metric in group:
            points = values.get(metric.pk, {})
            grid = _grid(points, at)
            newest = max(points, default=None)
            rows[pk].signals.append(Signal(metric, grid, points[newest] if newest else None, newest))


def _note_reading(row: ServiceRow, read_at: datetime, every: int) -> None:
    """A service is as fresh as its most often read metrics: others may be old without anything being wrong."""
    if not row.every or every < row.every:
        row.read_at, row.every = read_at, every
    elif every == row.every and row.read_at is not None:
        row.read_at = max(row.read_at, read_at)


def recent_values(metrics: Sequence[ServiceMetric], *, at: datetime) -> dict[int, dict[datetime, float]]:
    """The first statistic of each metric over the last three hours at 5 minutes, in one query."""
    by_series: dict[int, list[ServiceMetric]] = defaultdict(list)
    for metric in metrics:
        by_series[metric.series_id or 0].append(metric)
    found: dict[int, dict[datetime, float]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT series_id, ts, n, sum, min, max, p50, p95, p99 FROM monitoring_point_5m"
            " WHERE series_id = ANY(%s) AND ts >= %s AND ts < %s ORDER BY ts",
            [list(by_series), floor_to(at - SPARK, 300), at],
        )
        for series_id, ts, *columns in cursor.fetchall():
            for metric in by_series[series_id]:
                value = _figure(metric, columns)
                if value is not None:
                    found[metric.pk][ts] = value
    return found


class Newest(NamedTuple):
    """The newest figure of a metric: of how many seconds, and when those were over."""

    value: float
    period: int
    ended_at: datetime


def newest_values(metrics: Sequence[ServiceMetric], *, at: datetime) -> dict[int, Newest]:
    """The first statistic of each metric at its finest period, not older than three hours, in one query."""
    if not metrics:
        return {}
    columns = "series_id, ts, n, sum, min, max, p50, p95, p99"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (series_id) * FROM (SELECT 60, {columns} FROM monitoring_point_1m"  # noqa: S608 - our columns
            " WHERE series_id = ANY(%(series)s) AND ts >= %(recent)s AND ts < %(at)s"
            f" UNION ALL SELECT 300, {columns} FROM monitoring_point_5m"
            " WHERE series_id = ANY(%(series)s) AND ts >= %(start)s AND ts < %(at)s) AS found (period)"
            " ORDER BY series_id, ts DESC, period",
            {
                "series": [metric.series_id for metric in metrics if metric.series_id],
                "recent": at - STALE_AFTER,
                "start": at - SPARK,
                "at": at,
            },
        )
        rows = {series_id: (period, ts, columns) for period, series_id, ts, *columns in cursor.fetchall()}
    found: dict[int, Newest] = {}
    for metric in metrics:
        if metric.series_id not in rows:
            continue
        period, ts, figures = rows[metric.series_id]
        value = _figure(metric, figures)
        if value is not None:
            found[metric.pk] = Newest(value, period, ts + timedelta(seconds=period))
    return found


def _figure(metric: ServiceMetric, columns: Sequence[Any]) -> float | None:
    """The first statistic of a metric from the columns n, sum, min, max, p50, p95 and p99."""
    n, total, low, high, p50, p95, p99 = columns
    figures = {
        "Average": total / n if n else None,
        "Sum": total,
        "SampleCount": n,
        "Minimum": low,
        "Maximum": high,
        "p50": p50,
        "p95": p95,
        "p99": p99,
    }
    return figures.get(metric.stats[0]) if metric.stats else None


def _grid(points: Mapping[datetime, float], at: datetime) -> list[float | None]:
    start = floor_to(at - SPARK, 300)
    return [points.get(start + timedelta(minutes=5 * n)) for n in range(int(SPARK / timedelta(minutes=5)))]


def metrics_of(service: Service) -> list[ServiceMetric]:
    """The metrics of a service's page, in the pack's order."""
    return list(service.metrics.select_related("series__account").order_by("position", "pk")[:24])


def resources_of(service: Service) -> list[Resource]:
    """Databases, tasks, targets and certificates of a service; the newest snapshot and backup job of each database."""
    rows = list(
        service.resources.exclude(kind__in=[ResourceKind.RDS_SNAPSHOT, ResourceKind.BACKUP_JOB]).order_by(
            "kind", "identifier"
        )[:40]
    )
    for kind in (ResourceKind.RDS_SNAPSHOT, ResourceKind.BACKUP_JOB):
        newest = service.resources.filter(kind=kind).order_by("parent", "-happened_at", "-pk").distinct("parent")
        rows += list(newest[:10])
    return rows


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened near now on the platform."""

    at: datetime
    text: str
    note: str
    url: str


def changes_near(service: Service, *, start: datetime, end: datetime) -> list[Change]:
    """Deployments, windows, drills and incidents of the service in a stretch of time, newest first."""
    deployments = Deployment.objects.filter(service=service, started_at__gte=start, started_at__lt=end)
    found = [
        Change(row.started_at, f"{'Restart' if row.is_restart else 'Deploy'} {row.label}",
               row.state.replace("_", " "), "")
        for row in deployments[:20]
    ]  # fmt: skip
    for mark in marks_near(service, start=start, end=end):
        title = "Restricted incident" if mark.restricted else f"{mark.ref} {mark.title}"
        found.append(
            Change(mark.starts_at, title, AnnotationKind(mark.kind).label, "" if mark.restricted else mark.url)
        )
    return sorted(found, key=lambda change: change.at, reverse=True)[:20]


def marks_near(service: Service, *, start: datetime, end: datetime) -> list[Annotation]:
    """Annotations over a stretch of time for a service or its whole platform."""
    rows = Annotation.objects.filter(platform_id=service.platform_id, starts_at__lt=end)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=start)).filter(Q(service=None) | Q(service=service))
    return list(rows.order_by("-starts_at", "-pk")[:50])


def unread_kinds(actor: Actor, *, size: int = 50) -> Head[ResourcePoll]:
    """Kinds of resources that could not be read, with the missing permission."""
    rows = ResourcePoll.objects.exclude(error="")
    if not actor.sees_all:
        rows = rows.filter(account__sources__platform_id__in=actor.platform_ids)
    return head(rows.select_related("account").order_by("kind", "pk").distinct(), size)


def stale_series(actor: Actor, *, at: datetime, platform_id: int | None = None, size: int = 30) -> Head[Series]:
    """Metrics that were not read for more than two of their intervals, those never read first."""
    rows = Series.objects.visible_to(actor).filter(enabled=True).select_related("platform", "service")
    rows = rows.of_platform(platform_id)
    late = Q(watermark=None) | Q(
        account=None, watermark__lt=at - timedelta(seconds=2 * CRITICAL_POLL_SECONDS) - STALE_GRACE
    )
    for pace in range(len(PACES)):
        for own in (CRITICAL_POLL_SECONDS, COMMON_POLL_SECONDS):
            oldest = at - timedelta(seconds=2 * read_every(own, pace)) - STALE_GRACE
            late |= Q(account__pace=pace, poll_every=own, watermark__lt=oldest)
    return head(rows.filter(late).order_by(F("watermark").asc(nulls_first=True), "pk"), size)


def newest_evidence(actor: Actor, *, since: datetime, platform_id: int | None = None) -> QuerySet[EvidenceResult]:
    """The newest answer to each check of each platform, the worst first. Other parameters make it another check."""
    rows = EvidenceResult.objects.visible_to(actor).filter(created_at__gt=since)
    rows = rows.of_platform(platform_id)
    key = ("platform_id", "check_name", "params")
    newest = rows.order_by(*key, "-created_at", "-pk").distinct(*key)
    found: QuerySet[EvidenceResult] = EvidenceResult.objects.filter(pk__in=newest.values("pk"))
    return found.select_related("platform").order_by(rank_of("verdict", WORST_FIRST), *key, "pk")
