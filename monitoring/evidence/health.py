"""Checks about services, metrics, certificates and databases."""

from datetime import datetime, timedelta
from typing import Any, Final

from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.evidence.sources import SERIES_STALE, resources, unknown
from monitoring.models import WORST_FIRST, ResourceKind, ServiceMetric, TargetDatabase, Verdict
from monitoring.selectors.points import stat_values
from opsportal.core.formats import number
from opsportal.targets.database import DatabaseTargetError, read_rows

CERTIFICATE_DANGER: Final = 7  # days
NO_MONITOR: Final = "{name}: the sessions of other roles are hidden from its reader; it needs the role pg_monitor."


@check("service.healthy", title="Services are healthy")
def service_healthy(context: CheckContext) -> Finding:
    """Every ECS service runs the tasks it wants and every load balancer target is healthy."""
    asked: dict[str, Any] = {"calls": ["ecs:DescribeServices", "elasticloadbalancing:DescribeTargetHealth"]}
    seen = resources(context, ResourceKind.ECS_SERVICE, ResourceKind.TARGET_GROUP)
    if seen.trouble or not seen.rows:
        why = seen.trouble or "No service of this platform is known."
        return unknown(why, fetched_at=seen.fetched_at, asked=asked)
    worst = min(seen.rows, key=lambda row: WORST_FIRST.index(row.state))
    got = {row.identifier: row.summary for row in seen.rows}
    healthy = sum(row.state == "ok" for row in seen.rows)
    summary = f"{healthy} of {len(seen.rows)} healthy"
    if worst.state != "ok":
        summary += f"; {worst.identifier.rpartition('/')[2]}: {worst.summary}"
    return Finding(verdict=worst.state, summary=summary, fetched_at=seen.fetched_at, asked=asked, got=got)


@check(
    "metric.within",
    title="Metric within limits",
    params={"service": str, "metric": str, "stat": str, "minutes": int, "maximum": float, "minimum": float},
)
def metric_within(context: CheckContext) -> Finding:
    """The worst 5-minute figure of a metric lay within its limits for the last `minutes`."""
    params = context.params
    start = context.at - timedelta(minutes=int(params.get("minutes", 60)))
    stat = str(params.get("stat", "Average"))
    metric = (
        ServiceMetric.objects.filter(
            platform_id=context.platform_id, key=params["metric"], service__key=params["service"]
        )
        .select_related("series")
        .first()
    )
    asked: dict[str, Any] = {"call": "cloudwatch:GetMetricData", "stat": stat, "since": start.isoformat()}
    if metric is None or metric.series is None:
        return unknown("This metric is not read.", fetched_at=context.at, asked=asked)
    asked |= {"namespace": metric.namespace, "metric": metric.metric, "dimensions": metric.dimensions}
    points = stat_values(series=metric.series, stat=stat, period=300, start=start, end=context.at)
    newest: datetime = points[-1][0] if points else start
    if not points or metric.series.watermark is None or context.at - metric.series.watermark > SERIES_STALE:
        return unknown("No fresh datapoint.", fetched_at=newest, asked=asked)
    worst_high = max(points, key=lambda point: point[1])
    worst_low = min(points, key=lambda point: point[1])
    high, low = params.get("maximum"), params.get("minimum")
    got = {
        "points": len(points),
        "highest": worst_high[1],
        "highest_at": worst_high[0].isoformat(),
        "lowest": worst_low[1],
    }
    over = high is not None and worst_high[1] > float(high)
    under = low is not None and worst_low[1] < float(low)
    shown, limit = (worst_low[1], low) if under else (worst_high[1], high)
    summary = f"{metric.name} {stat} {number(shown, metric.unit)}, limit {number(float(limit or 0), metric.unit)}"
    verdict = Verdict.FAIL if over or under else Verdict.OK
    return Finding(verdict=verdict, summary=summary, fetched_at=newest, asked=asked, got=got)


@check("cert.days_left", title="Certificates last", params={"min_days": int})
def cert_days_left(context: CheckContext) -> Finding:
    """No certificate ends within `min_days`."""
    least = int(context.params.get("min_days", 30))
    asked: dict[str, Any] = {"calls": ["acm:ListCertificates", "acm:DescribeCertificate"], "min_days": least}
    seen = resources(context, ResourceKind.CERTIFICATE)
    rows = [row for row in seen.rows if row.happened_at is not None]
    if seen.trouble or not rows:
        why = seen.trouble or "No certificate of this platform is known."
        return unknown(why, fetched_at=seen.fetched_at, asked=asked)
    left = {row.parent: (row.happened_at - context.at).days for row in rows if row.happened_at}
    name, days = min(left.items(), key=lambda item: item[1])
    verdict = Verdict.OK if days >= least else Verdict.WARN if days >= CERTIFICATE_DANGER else Verdict.FAIL
    summary = f"{name}: {days} days left"
    return Finding(verdict=verdict, summary=summary, fetched_at=seen.fetched_at, asked=asked, got={"days_left": left})


@check("db.connections", title="Database connections", params={"database": str, "max_percent": float})
def db_connections(context: CheckContext) -> Finding:
    """The platform's own database has connections to spare."""
    limit = float(context.params.get("max_percent", 80))
    statement = (
        "SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS used,"
        " count(*) FILTER (WHERE backend_type IS NULL) AS hidden,"
        " current_setting('max_connections')::int AS allowed FROM pg_stat_activity"
    )
    asked: dict[str, Any] = {"sql": statement, "max_percent": limit}
    target = TargetDatabase.objects.filter(
        platform_id=context.platform_id, key=context.params.get("database", "")
    ).first()
    if target is None:
        return unknown("This database is not known.", fetched_at=context.at, asked=asked)
    try:
        row = read_rows(target.reader, statement)[0]
    except DatabaseTargetError as error:
        return unknown(str(error), fetched_at=context.at, asked=asked)
    if row["hidden"]:
        return unknown(NO_MONITOR.format(name=target.name), fetched_at=context.at, asked=asked)
    share = 100 * int(row["used"]) / int(row["allowed"])
    verdict = Verdict.FAIL if share > limit else Verdict.OK
    summary = f"{row['used']} of {row['allowed']} connections"
    return Finding(verdict=verdict, summary=summary, fetched_at=context.at, asked=asked, got=dict(row))
