"""Pages of monitoring."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse

from monitoring.intake.deployments.told import told
from monitoring.models import MOST_CHARTS, Alarm, AlarmState, AlertSource, Chart, Series, ServiceMetric
from monitoring.services.deployments import deployment_report
from monitoring.services.inbound import inbound_judge
from monitoring.services.ratings import alarm_rate
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform, Service
from tests.factories.dashboards import dashboard_of
from tests.factories.databases import answered, database_of, event_of, resource_of
from tests.factories.heartbeats import beaten, heartbeat_of
from tests.factories.incidents import alarm, transition
from tests.factories.intake import fired, post, source_of, together
from tests.factories.monitoring import account_of, metric_of, rule_of, service_of
from tests.factories.probes import FINE, answered_for, probe_of


def _databases(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        answered(database_of(platform, f"db-{number}"), at=at)
    for number in range(min(count, 12)):  # beyond the page the rest is counted, once
        name = f"{platform.key}-{number}"
        resource_of(platform, at=at, identifier=name)
        for kind in ("rds_snapshot", "rds_parameters", "rds_maintenance", "backup_job"):
            said = {"action": "db-upgrade", "description": "minor version"}
            resource_of(platform, at=at, identifier=f"{name}:{kind}", kind=kind, parent=name, data=said)
        event_of(platform, at=at, message=name)
    return f"/monitoring/databases/?platform={platform.key}"


def _database_answer(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    database = database_of(platform)
    for number in range(count):
        answered(database, at=at - timedelta(minutes=15 * number), rows=min(count, 60))
    return f"/monitoring/databases/{database.pk}/slow/"


def _inventory(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        resource_of(platform, at=at, identifier=f"{platform.key}-{number}")
    return f"/monitoring/resources/?platform={platform.key}"


def _probes(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        probe_of(platform, at=at, key=f"p{number}", service=service_of(platform))
    return "/monitoring/probes/"


def _probe(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    probe = probe_of(platform, at=at)
    answered_for(probe, [FINE] * count, end=at)
    return f"/monitoring/probes/{probe.pk}/"


def _heartbeats(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        heartbeat_of(platform, at=at, key=f"h{number}", service=service_of(platform))
    return "/monitoring/heartbeats/"


def _heartbeat(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    job, key = heartbeat_of(platform, at=at)
    for _ in range(count):
        beaten(key, at=at)
    return f"/monitoring/heartbeats/{job.pk}/"


def _deployments(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        item = told(identity=("api", number), label=f"v{number}", state="completed", service="web")
        deployment_report(by=by, at=at, platform=platform, item=item)
    return "/monitoring/deployments/"


def _metrics(platform: Platform, at: datetime, count: int) -> Service:
    """A service's CPU so many times, each with a series of its own."""
    account, service = account_of(platform, at=at, account_id=f"{platform.pk:012}"), service_of(platform)
    names = [{"ServiceName": f"{platform.key}-{number}"} for number in range(count)]
    series = Series.objects.bulk_create(
        Series(
            platform=platform, service=service, account=account, region="us-east-1", namespace="AWS/ECS",
            name="CPUUtilization", dimensions=one, dimensions_hash=one["ServiceName"], stats=["Average"],
        )
        for one in names
    )  # fmt: skip
    ServiceMetric.objects.bulk_create(
        ServiceMetric(
            platform=platform, service=service, key=f"cpu-{number}", name="CPU", namespace="AWS/ECS",
            metric="CPUUtilization", dimensions=one.dimensions, stats=["Average"], position=number, series=one,
        )
        for number, one in enumerate(series)
    )  # fmt: skip
    return service


def _service(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    return reverse("monitoring:service", args=[_metrics(platform, at, count).pk])


def _charts(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    return reverse("monitoring:service-charts", args=[_metrics(platform, at, count).pk]) + "?compare=7d"


def _capacity(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    _metrics(platform, at, count)
    return f"/monitoring/capacity/?platform={platform.key}"


def _quality(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    _metrics(platform, at, count)
    return f"/monitoring/quality/?platform={platform.key}"


def _alert_groups(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    _, link = source_of(platform, at=at)
    post(link, together(*(fired(f"Fault {number}", starts=at.isoformat()) for number in range(count))))
    inbound_judge(at=at)
    for number in range(count):
        alarm(platform, key=f"g{number}", signal="g", state=AlarmState.ALARM, since=at)
    Alarm.objects.filter(platform=platform, key__startswith="g").update(
        origin="alert", alert_source=AlertSource.objects.get(platform=platform)
    )
    return f"/monitoring/alerts/?platform={platform.key}"


def _alert_group(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    _, link = source_of(platform, at=at)
    post(link, together(*(fired("Slow", instance=str(number), starts=at.isoformat()) for number in range(count))))
    inbound_judge(at=at)
    return f"/monitoring/alarms/{Alarm.objects.get(platform=platform, origin='alert').pk}/"


def _inbound(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    _, link = source_of(platform, at=at)
    for _ in range(count):
        post(link, b"{}")
    return f"/monitoring/inbound/?platform={platform.key}"


def _alert_sources(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        source_of(platform, at=at, name=f"Source {number}")
    return "/settings/alert-sources/"


def _alarm_week(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        alarm_rate(
            by=by, at=at, word="noise",
            transition=transition(alarm(platform, key=f"w{number}", signal=f"w{number}"), "alarm", at),
        )  # fmt: skip
    return f"/monitoring/alarms/week/?platform={platform.key}"


def _alarm_rules(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        rule_of(platform, at=at, key=f"rule-{number}", name=f"Rule {number}")
    return reverse("monitoring:rules")


def _many_charts(platform: Platform, at: datetime, count: int) -> list[Chart]:
    for number in range(min(count, MOST_CHARTS)):
        metric_of(platform, at=at, key=f"m{number}", name=f"{platform.key}-{number}")
    return [Chart("web", f"m{number}") for number in range(min(count, MOST_CHARTS))]


def _dashboards(platform: Platform, _by: Actor, _at: datetime, count: int) -> str:
    for number in range(count):
        dashboard_of(platform, name=f"Board {number}")
    return "/monitoring/dashboards/"


def _dashboard(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    return f"/monitoring/dashboards/{dashboard_of(platform, charts=_many_charts(platform, at, count)).pk}/"


def _dashboard_charts(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    return f"{_dashboard(platform, by, at, count)}charts/"


def _dashboard_edit(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    return f"{_dashboard(platform, by, at, count)}edit/"


def _alarm_lint(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _alarm_rules(platform, by, at, count)
    return reverse("monitoring:rule-lint")


MONITORING_PAGES: Final[dict[str, Callable[[Platform, Actor, datetime, int], str]]] = {
    "databases": _databases,
    "answers of a database": _database_answer,
    "inventory": _inventory,
    "probes": _probes,
    "probe": _probe,
    "heartbeats": _heartbeats,
    "heartbeat": _heartbeat,
    "deployments": _deployments,
    "service": _service,
    "charts of a service": _charts,
    "dashboards": _dashboards,
    "dashboard": _dashboard,
    "charts of a dashboard": _dashboard_charts,
    "dashboard editor": _dashboard_edit,
    "capacity": _capacity,
    "data quality": _quality,
    "alert groups": _alert_groups,
    "alert group": _alert_group,
    "inbound messages": _inbound,
    "alert sources": _alert_sources,
    "alarms of a week": _alarm_week,
    "alarm rules": _alarm_rules,
    "lint of alarm rules": _alarm_lint,
}
