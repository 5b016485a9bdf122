"""The upkeep of RDS: pending maintenance, parameters against the defaults, log files, load; and what happened to it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from monitoring.collector.found import Found, data_of
from monitoring.collector.ownership import Owners
from monitoring.models import AwsAccount, RdsEvent, ResourceKind, ResourcePoll
from monitoring.services.accounts import aws_session
from opsportal.aws import insights, rds, rds_upkeep
from opsportal.aws.errors import AwsError
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.core.formats import number, plural

APPLIES_SOON: Final = timedelta(days=14)
LOGS_QUIET: Final = timedelta(days=1)
LOGS_KEPT: Final = 48  # newest per instance; count and size are of all
LOAD_OVER: Final = timedelta(hours=1)
LOCKS_SHARE: Final = 0.5  # of the load: more of it waiting for locks is a warning
EVENTS_KIND: Final = "rds_event"
EVENTS_BACK: Final = timedelta(days=14) - timedelta(minutes=5)  # what RDS still has
EVENTS_AGAIN: Final = timedelta(hours=1)  # what came late


def _maintenance(session: AwsSession, region: str, at: datetime) -> Iterable[Found]:
    for item in rds_upkeep.pending_maintenance(session, region):
        when = item.applies_at or item.forced_at
        soon = when is not None and when - at < APPLIES_SOON
        said = f"by itself on {when:%Y-%m-%d}" if when else "waits, no date set"
        yield Found(
            f"{item.database}:{item.action}",
            data_of(item),
            "warn" if soon else "ok",
            f"{item.action}: {said}",
            parent=item.database,
            happened_at=when,
            owner=(item.database,),
        )


def _parameters(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    instances = rds.instances(session, region)
    used: dict[tuple[str, str], list[str]] = {}
    for cluster in rds.clusters(session, region):
        used.setdefault(("cluster", cluster.parameter_group), []).append(cluster.identifier)
    for instance in instances:
        used.setdefault(("instance", instance.parameter_group), []).append(instance.identifier)
    waiting = {row.parameter_group for row in instances if row.parameters_state == "pending-reboot"}
    for (of, name), databases in sorted(used.items()):
        if not name:
            continue
        group = rds_upkeep.parameter_group(session, region, name=name, of="cluster" if of == "cluster" else "instance")
        waits = of == "instance" and name in waiting
        said = f"{len(group.changed)} differ from {group.family}"
        yield Found(
            f"{of}:{name}",
            data_of(group) | {"databases": databases, "waits_for_restart": waits},
            "warn" if waits else "ok",
            f"{said}, waits for a restart" if waits else said,
            parent=databases[0],
            owner=tuple(databases),
        )


def _logs(session: AwsSession, region: str, at: datetime) -> Iterable[Found]:
    for instance in rds.instances(session, region):
        files = rds_upkeep.log_files(session, region, instance=instance.identifier)
        newest = files[0].written_at if files else None
        state = "unknown" if newest is None else "warn" if at - newest > LOGS_QUIET else "ok"
        size = sum(file.bytes for file in files)
        yield Found(
            instance.identifier,
            {"files": [data_of(file) for file in files[:LOGS_KEPT]], "count": len(files), "bytes": size},
            state,
            f"{plural(len(files), 'file')}, {number(size, 'Bytes')}",
            parent=instance.cluster or "",
            happened_at=newest,
            owner=(instance.identifier, instance.cluster or ""),
        )


def _load(session: AwsSession, region: str, at: datetime) -> Iterable[Found]:
    for instance in rds.instances(session, region):
        data, state, said = dict[str, Any](), "unknown", "Performance Insights is switched off"
        if instance.insights:
            waits, statements = (
                insights.top_load(
                    session, region, resource_id=instance.resource_id, group=group, start=at - LOAD_OVER, end=at
                )
                for group in ("db.wait_event", "db.sql_tokenized")
            )
            data = {
                name: [data_of(load) for load in top] for name, top in (("waits", waits), ("statements", statements))
            }
            whole = sum(load.sessions for load in waits)
            locks = sum(load.sessions for load in waits if load.name.startswith("Lock:"))
            state = "warn" if locks > LOCKS_SHARE * whole else "ok"
            said = f"{number(whole)} active sessions" + (f", most {waits[0].name}" if waits else "")
        yield Found(
            instance.identifier,
            data,
            state,
            said,
            parent=instance.cluster or "",
            happened_at=at if data else None,
            owner=(instance.identifier, instance.cluster or ""),
        )


READERS: Final[Mapping[str, Callable[[AwsSession, str, datetime], Iterable[Found]]]] = {
    ResourceKind.RDS_MAINTENANCE: _maintenance,
    ResourceKind.RDS_PARAMETERS: _parameters,
    ResourceKind.RDS_LOGS: _logs,
    ResourceKind.RDS_LOAD: _load,
}


def read_events(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Read what happened since the last answer and keep it; returns how many were new. Never raises for AWS."""
    last = ResourcePoll.objects.filter(account=account, region=region, kind=EVENTS_KIND).first()
    start = at - EVENTS_BACK
    if last is not None and last.fetched_at is not None:
        start = max(start, last.fetched_at - EVENTS_AGAIN)
    try:
        found = rds.events(aws_session(account), region, start=start, end=at)
    except AwsError as error:
        values = {"tried_at": at, "error": str(error)[:500], "permission": error.permission[:80]}
        ResourcePoll.objects.update_or_create(account=account, region=region, kind=EVENTS_KIND, defaults=values)
        return 0
    owners, rows = Owners(account), []
    for item in found:
        service = owners.service_for((item.source,))
        rows.append(
            RdsEvent(
                platform_id=service.platform_id if service else None,
                service_id=service.pk if service else None,
                account=account,
                region=region,
                source=item.source[:255],
                source_kind=item.source_kind[:40],
                happened_at=item.at,
                message=item.message[:500],
                categories=list(item.categories),
            )
        )
    with transaction.atomic():
        before = RdsEvent.objects.filter(account=account, region=region).count()
        RdsEvent.objects.bulk_create(rows, ignore_conflicts=True)
        values = {"tried_at": at, "fetched_at": at, "error": "", "permission": ""}
        ResourcePoll.objects.update_or_create(account=account, region=region, kind=EVENTS_KIND, defaults=values)
        return RdsEvent.objects.filter(account=account, region=region).count() - before
