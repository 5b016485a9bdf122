"""Dashboards, and what stands behind each of their charts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from monitoring.charting import Asked
from monitoring.models import MOST_CHARTS, Chart, Dashboard, Origin, ServiceMetric
from monitoring.ranges import Range, running
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, Page, head, keyset_page
from opsportal.platforms.models import Platform, Service

PAGE: Final = 50
OFFERED: Final = 120  # metrics of a platform that the editor lets choose from: a page stays below 40 kB
NO_ACCOUNT: Final = "No AWS account is connected for this platform."
Metrics = Mapping[tuple[str, str], ServiceMetric]


def dashboards_of(actor: Actor, *, platform_id: int | None = None, origin: str = "") -> QuerySet[Dashboard]:
    """Those the actor may see: their own, and what is everybody's on their platforms."""
    rows = Dashboard.objects.visible_to(actor).of_platform(platform_id)
    return rows.of_origin(origin if origin in Origin.values else "").select_related("platform")


def dashboard_page(
    actor: Actor, *, platform_id: int | None, origin: str, cursor: str | None, size: int = PAGE
) -> Page[Dashboard]:
    """A page of them by name."""
    rows = dashboards_of(actor, platform_id=platform_id, origin=origin)
    return keyset_page(rows, order=("name", "pk"), cursor=cursor, size=size)


def metrics_named(platform_id: int, charts: Collection[Chart]) -> Metrics:
    """The metrics of a platform that charts name, by the keys of service and metric, in one query."""
    named = {(chart.service, chart.metric) for chart in charts if chart.metric}
    if not named:
        return {}
    wanted = Q()
    for service, metric in sorted(named):
        wanted |= Q(service__key=service, key=metric)
    rows = ServiceMetric.objects.filter(wanted, platform_id=platform_id).select_related("service", "series__account")
    return {(row.service.key, row.key): row for row in rows}


def metrics_offered(platform: Platform) -> Head[ServiceMetric]:
    """What a chart of the platform may show, service by service."""
    rows = ServiceMetric.objects.filter(platform=platform).select_related("service")
    return head(rows.order_by("service__name", "service_id", "position", "pk"), OFFERED)


def asked_charts(charts: Sequence[Chart], metrics: Metrics) -> list[Asked]:
    """Every chart as it is drawn, or why it is not read; services are named where there are several."""
    several = len({chart.service for chart in charts if chart.service}) > 1
    return [_asked(chart, metrics.get((chart.service, chart.metric)), several=several) for chart in charts]


def _asked(chart: Chart, metric: ServiceMetric | None, *, several: bool) -> Asked:
    if metric is None:
        return Asked(None, chart.stat, chart.title or f"{chart.service} {chart.metric}", "", why=_missing(chart))
    title = chart.title or (f"{metric.name}, {metric.service.name}" if several else metric.name)
    stat = chart.stat or metric.stats[0]
    is_read = metric.series is not None and stat in metric.stats
    why = "" if stat in metric.stats else f"Its statistics are {', '.join(metric.stats)}; {stat} is not among them."
    return Asked(
        metric.series if is_read else None,
        stat,
        title,
        metric.unit,
        metric_pk=metric.pk,
        stats=metric.stats,
        limits=chart.limits,
        note=chart.note,
        why=why or ("" if is_read else NO_ACCOUNT),
    )


def _missing(chart: Chart) -> str:
    if chart.metric:
        return f"The platform has no metric {chart.metric} of a service {chart.service}."
    return chart.note


def charts_of_service(service: Service) -> list[Chart]:
    """The charts of a service's page."""
    rows = service.metrics.order_by("position", "pk").values_list("key", flat=True)
    return [Chart(service.key, key) for key in rows[:MOST_CHARTS]]


def saved_range(dashboard: Dashboard, at: datetime) -> Range:
    """What a dashboard shows unless its address says otherwise."""
    if dashboard.starts_at is not None and dashboard.ends_at is not None:
        return Range("", dashboard.starts_at, dashboard.ends_at, dashboard.compare)
    return running(dashboard.range, at, dashboard.compare)
