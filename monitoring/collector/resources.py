"""Reading resources: databases, snapshots, backup jobs, services, targets, certificates, and CloudWatch's own alarms.

Each kind is read by itself: a missing permission leaves the others alone, keeps the old rows and names the permission.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from monitoring.collector import inventory, upkeep
from monitoring.collector.found import Found, data_of
from monitoring.collector.ownership import Owners
from monitoring.models import AwsAccount, Resource, ResourceKind, ResourcePoll
from monitoring.services.accounts import aws_session
from monitoring.services.marks import deployment_put
from opsportal.aws import acm, backup, ecs, elb, rds
from opsportal.aws.errors import AwsError, AwsUnreachableError
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.core.actor import system_actor

JOBS_BACK: Final = timedelta(days=3)
SNAPSHOTS_KEPT: Final = 40  # newest per source; the rest is AWS's business
CERTIFICATE_WARN: Final = timedelta(days=30)
CERTIFICATE_FAIL: Final = timedelta(days=7)
BY: Final = system_actor("monitoring.resources")


def _clusters(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    for item in rds.clusters(session, region):
        state = "ok" if item.status == "available" else "warn"
        yield Found(
            item.identifier,
            data_of(item),
            state,
            f"{item.engine} {item.engine_version}, {item.status}",
            owner=(item.identifier,),
            happened_at=item.latest_restorable_at,
            arn=item.arn,
        )


def _instances(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    for item in rds.instances(session, region):
        state = "ok" if item.status == "available" else "warn"
        yield Found(
            item.identifier,
            data_of(item),
            state,
            f"{item.instance_class}, {item.status}",
            parent=item.cluster or "",
            owner=(item.identifier, item.cluster or ""),
            happened_at=item.latest_restorable_at,
            arn=item.arn,
        )


def _snapshots(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    seen: dict[str, int] = {}
    for item in [*rds.cluster_snapshots(session, region), *rds.instance_snapshots(session, region)]:
        seen[item.source] = seen.get(item.source, 0) + 1
        if seen[item.source] > SNAPSHOTS_KEPT:
            continue
        state = {"available": "ok", "failed": "fail"}.get(item.status, "unknown")
        yield Found(
            item.arn or item.identifier,
            data_of(item),
            state,
            f"{item.kind}, {item.status}",
            parent=item.source,
            owner=(item.source,),
            happened_at=item.created_at,
            arn=item.arn,
        )


def _backup_jobs(session: AwsSession, region: str, at: datetime) -> Iterable[Found]:
    for item in backup.jobs(session, region, created_after=at - JOBS_BACK):
        state = {"COMPLETED": "ok", "RUNNING": "unknown", "CREATED": "unknown", "PENDING": "unknown"}.get(
            item.state, "fail"
        )
        yield Found(
            item.job_id,
            data_of(item),
            state,
            f"{item.state.lower()} {item.message}".strip()[:200],
            parent=item.vault,
            owner=(item.vault, item.resource_arn.rpartition(":")[2]),
            happened_at=item.created_at,
        )


def _services(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    for item in ecs.services(session, region):
        whole = item.running >= item.desired > 0
        state = "ok" if whole else "fail" if item.running == 0 else "warn"
        data = data_of(item)
        data["events"] = data["events"][:10]
        yield Found(
            f"{item.cluster}/{item.name}",
            data,
            state,
            f"{item.running} of {item.desired} tasks",
            parent=item.cluster,
            owner=(f"{item.cluster}/{item.name}",),
            arn=item.arn,
        )


def _target_groups(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    for group in elb.target_groups(session, region):
        targets = elb.target_health(session, region, group.arn)
        healthy = sum(target.state == "healthy" for target in targets)
        state = "unknown" if not targets else "ok" if healthy == len(targets) else "warn" if healthy else "fail"
        data = data_of(group) | {"targets": [data_of(target) for target in targets]}
        said = f"{healthy} of {len(targets)} healthy"
        yield Found(group.dimension, data, state, said, owner=(group.dimension,), arn=group.arn)


def _load_balancers(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    for item in elb.load_balancers(session, region):
        state = "ok" if item.state == "active" else "warn"
        said = f"{item.kind}, {item.state}"
        yield Found(item.dimension, data_of(item), state, said, owner=(item.dimension,), arn=item.arn)


def _certificates(session: AwsSession, region: str, at: datetime) -> Iterable[Found]:
    for item in acm.certificates(session, region):
        left = item.not_after - at if item.not_after else None
        state = "unknown" if left is None else "ok"
        if left is not None and left < CERTIFICATE_WARN:
            state = "fail" if left < CERTIFICATE_FAIL else "warn"
        text = "no end date" if left is None else f"{left.days} days left"
        yield Found(
            item.arn,
            data_of(item),
            state,
            text,
            parent=item.domain,
            owner=(item.domain, *item.names),
            happened_at=item.not_after,
            arn=item.arn,
        )


READERS: Final[Mapping[str, Callable[[AwsSession, str, datetime], Iterable[Found]]]] = {
    ResourceKind.RDS_CLUSTER: _clusters,
    ResourceKind.RDS_INSTANCE: _instances,
    ResourceKind.RDS_SNAPSHOT: _snapshots,
    ResourceKind.BACKUP_JOB: _backup_jobs,
    ResourceKind.ECS_SERVICE: _services,
    ResourceKind.TARGET_GROUP: _target_groups,
    ResourceKind.CERTIFICATE: _certificates,
    ResourceKind.LOAD_BALANCER: _load_balancers,
    **upkeep.READERS,
    ResourceKind.OTHER: inventory.tagged,
}
# What changes by the day is not asked each time.
SELDOM: Final = (*upkeep.READERS, ResourceKind.LOAD_BALANCER, ResourceKind.OTHER)
SELDOM_EVERY: Final = timedelta(minutes=14)


def due_kinds(*, account: AwsAccount, region: str, at: datetime) -> list[str]:
    """The kinds to be read now: all but those of SELDOM that were tried lately."""
    lately = ResourcePoll.objects.filter(
        account=account, region=region, kind__in=SELDOM, tried_at__gt=at - SELDOM_EVERY
    )
    tried = set(lately.values_list("kind", flat=True))
    return [kind for kind in READERS if kind not in tried]


def poll_resources(*, account: AwsAccount, region: str, at: datetime, kinds: Iterable[str] = tuple(READERS)) -> int:
    """Read the kinds, one transaction each; returns how many could be read. Never raises for what AWS does."""
    session, owners, read = aws_session(account), Owners(account), 0
    silent: AwsUnreachableError | None = None
    for kind in kinds:
        try:
            if silent is not None:
                raise silent  # who gave no answer is not asked six times more, with the worker waiting
            found = list(READERS[kind](session, region, at))
        except AwsError as error:
            silent = error if isinstance(error, AwsUnreachableError) and error.is_silence else None
            values: dict[str, Any] = {"tried_at": at, "error": str(error)[:500], "permission": error.permission[:80]}
            ResourcePoll.objects.update_or_create(account=account, region=region, kind=kind, defaults=values)
            continue
        _store(account, region, kind, found, owners, at)
        read += 1
    inventory.watchers_put(account=account, region=region)
    return read


def _store(account: AwsAccount, region: str, kind: str, found: list[Found], owners: Owners, at: datetime) -> None:
    rows = []
    if kind == ResourceKind.OTHER:
        found = inventory.tags_put(account, region, found)
    for item in found:
        service = owners.service_for(item.owner)
        rows.append(
            Resource(
                platform_id=service.platform_id if service else None,
                service_id=service.pk if service else None,
                account=account,
                region=region,
                kind=kind,
                identifier=item.identifier[:255],
                arn=item.arn[:255],
                parent=item.parent[:255],
                state=item.state,
                summary=item.summary[:200],
                data=dict(item.data),
                happened_at=item.happened_at,
                fetched_at=at,
            )
        )
    with transaction.atomic():
        before = _deployed(account, region) if kind == ResourceKind.ECS_SERVICE else {}
        Resource.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["account", "region", "kind", "identifier"],
            update_fields=[
                "platform",
                "service",
                "arn",
                "parent",
                "state",
                "summary",
                "data",
                "happened_at",
                "fetched_at",
            ],
        )
        Resource.objects.filter(account=account, region=region, kind=kind, fetched_at__lt=at).delete()
        values: dict[str, Any] = {"tried_at": at, "fetched_at": at, "error": "", "permission": ""}
        ResourcePoll.objects.update_or_create(account=account, region=region, kind=kind, defaults=values)
        if kind == ResourceKind.ECS_SERVICE:
            _note_deployments(found, before, owners, at)


def _deployed(account: AwsAccount, region: str) -> dict[str, list[Mapping[str, Any]]]:
    """The deployments that each ECS service had when it was last read."""
    rows = Resource.objects.filter(account=account, region=region, kind=ResourceKind.ECS_SERVICE)
    return dict(rows.values_list("identifier", "data__deployments"))


def _began(deployment: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(deployment["created_at"])


def _is_restart(deployment: Mapping[str, Any], known: Iterable[Mapping[str, Any]]) -> bool:
    """Whether it runs the task definition of the service's deployment before it; unknown of the first one seen."""
    earlier = [row for row in known if _began(row) < _began(deployment)]
    newest = max(earlier, key=_began, default=None)
    return newest is not None and newest["task_definition"] == deployment["task_definition"]


def _note_deployments(
    found: list[Found], before: Mapping[str, list[Mapping[str, Any]]], owners: Owners, at: datetime
) -> None:
    for item in found:
        service = owners.service_for(item.owner)
        if service is None:
            continue
        known = [*item.data["deployments"], *(before.get(item.identifier) or ())]
        for deployment in item.data["deployments"]:
            rollout = {"IN_PROGRESS": "in_progress", "FAILED": "failed"}.get(deployment["rollout"], "completed")
            finished = datetime.fromisoformat(deployment["updated_at"]) if rollout != "in_progress" else None
            deployment_put(
                by=BY,
                at=at,
                platform=service.platform,
                service=service,
                external_id=deployment["identifier"][:120],
                label=deployment["task_definition"].rpartition("/")[2],
                state=rollout,
                started_at=_began(deployment),
                finished_at=finished,
                detail=deployment["rollout_reason"],
                is_restart=_is_restart(deployment, known),
                is_production=service.environment.is_production,
            )
