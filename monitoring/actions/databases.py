"""Take a snapshot, fail over, reboot an instance: RDS and Aurora."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms

from monitoring.actions.base import (
    Action,
    ActionForm,
    AwsCall,
    Drafted,
    Place,
    ResourceField,
    State,
    Wanted,
    place_of,
    read,
    register_call,
)
from monitoring.models import Resource, ResourceKind
from opsportal.aws import rds
from opsportal.plans.models import RiskClass
from opsportal.plans.services import PlannedCall, PlanRefusedError

CLUSTER, INSTANCE = ResourceKind.RDS_CLUSTER, ResourceKind.RDS_INSTANCE


def _cluster(place: Place, name: str) -> rds.DbCluster:
    return rds.clusters(place.reading, place.region, identifier=name)[0]


def _instance(place: Place, name: str) -> rds.DbInstance:
    return rds.instances(place.reading, place.region, identifier=name)[0]


def _cluster_snapshot(place: Place, request: Mapping[str, Any]) -> State:
    source, name = request["DBClusterIdentifier"], request["DBClusterSnapshotIdentifier"]
    rows = rds.cluster_snapshots(place.reading, place.region, cluster=source)
    return {"database": _cluster(place, source).status, "snapshot": name if name in _names(rows) else ""}


def _instance_snapshot(place: Place, request: Mapping[str, Any]) -> State:
    source, name = request["DBInstanceIdentifier"], request["DBSnapshotIdentifier"]
    rows = rds.instance_snapshots(place.reading, place.region, instance=source)
    return {"database": _instance(place, source).status, "snapshot": name if name in _names(rows) else ""}


def _names(rows: list[rds.DbSnapshot]) -> set[str]:
    return {row.identifier for row in rows if row.status != "failed"}


def _writer(place: Place, request: Mapping[str, Any]) -> State:
    found = _cluster(place, request["DBClusterIdentifier"])
    writer = next((member.instance for member in found.members if member.writer), "")
    return {"status": found.status, "writer": writer}


def _zone(place: Place, request: Mapping[str, Any]) -> State:
    found = _instance(place, request["DBInstanceIdentifier"])
    return {"status": found.status, "zone": found.zone}


def _has_moved(state: State, params: Mapping[str, Any]) -> bool:
    return state["status"] == "available" and state["zone"] != params["expects"]["zone"]


def _status(place: Place, request: Mapping[str, Any]) -> State:
    return {"status": _instance(place, request["DBInstanceIdentifier"]).status}


def _is_rebooting(state: State, _params: Mapping[str, Any]) -> bool:
    """Taken for done once it reboots; a reboot that is over leaves nothing that would prove it was this one."""
    return state["status"] == "rebooting"


SNAPSHOT_OF_CLUSTER: Final = register_call(
    AwsCall(
        operation="rds.snapshot-cluster",
        action="rds:CreateDBClusterSnapshot",
        risk=RiskClass.NAMED,
        look=_cluster_snapshot,
    )
)
SNAPSHOT_OF_INSTANCE: Final = register_call(
    AwsCall(
        operation="rds.snapshot-instance",
        action="rds:CreateDBSnapshot",
        risk=RiskClass.NAMED,
        look=_instance_snapshot,
    )
)
FAILOVER: Final = register_call(
    AwsCall(
        operation="rds.failover",
        action="rds:FailoverDBCluster",
        risk=RiskClass.ONE_SHOT,
        look=_writer,
        seconds=120,
    )
)
FAILOVER_TO_STANDBY: Final = register_call(
    AwsCall(
        operation="rds.failover-standby",
        action="rds:RebootDBInstance",
        risk=RiskClass.ONE_SHOT,
        look=_zone,
        reached=_has_moved,
        seconds=150,
    )
)
REBOOT: Final = register_call(
    AwsCall(
        operation="rds.reboot",
        action="rds:RebootDBInstance",
        risk=RiskClass.ONE_SHOT,
        look=_status,
        reached=_is_rebooting,
        seconds=20,
    )
)


class SnapshotForm(ActionForm):
    """Which database."""

    target = ResourceField(CLUSTER, INSTANCE, label="Database")

    def prepare(self) -> None:
        # AWS snapshots a cluster as a whole, and a replica's data is its source's.
        field = self.fields["target"]
        assert isinstance(field, ResourceField)
        field.offer(self.platform, fits=lambda row: row.kind == CLUSTER or not _hangs_on_another(row))


class FailoverForm(ActionForm):
    """Which cluster, or which instance with a standby; and to which reader."""

    target = ResourceField(CLUSTER, INSTANCE, label="Database")
    to = forms.ChoiceField(
        required=False,
        label="Reader that shall write",
        error_messages={"invalid_choice": "%(value)s is in none of this platform's clusters as they were last read."},
    )

    def prepare(self) -> None:
        target, to = self.fields["target"], self.fields["to"]
        assert isinstance(target, ResourceField)
        assert isinstance(to, forms.ChoiceField)
        target.offer(self.platform, fits=lambda row: row.kind == CLUSTER or bool(row.data.get("multi_az")))
        to.choices = [("", "The first one, of a cluster"), *_members(target.found.values())]


class RebootForm(ActionForm):
    """Which instance."""

    target = ResourceField(INSTANCE, label="Instance")


def _members(rows: Iterable[Resource]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Of each cluster its members; which of them writes may have changed since it was last read."""
    return [
        (row.identifier, [(one["instance"], _said_of(one)) for one in members])
        for row in rows
        if row.kind == CLUSTER and (members := row.data.get("members"))
    ]


def _said_of(member: Mapping[str, Any]) -> str:
    name = str(member["instance"])
    return f"{name}, wrote when last read" if member["writer"] else name


def _hangs_on_another(row: Resource) -> bool:
    return bool(row.data.get("cluster") or row.data.get("replica_of"))


def _snapshot(wanted: Wanted) -> Drafted:
    resource: Resource = wanted.values["target"]
    place, source = place_of(resource), resource.identifier
    name = f"opsportal-{source}"[:40].rstrip("-") + f"-{wanted.at:%Y%m%d-%H%M}"
    kind, request = (
        (SNAPSHOT_OF_CLUSTER, {"DBClusterIdentifier": source, "DBClusterSnapshotIdentifier": name})
        if resource.kind == CLUSTER
        else (SNAPSHOT_OF_INSTANCE, {"DBInstanceIdentifier": source, "DBSnapshotIdentifier": name})
    )
    state = read(place, lambda: kind.look(place, request), source)
    _must_be_available(source, str(state["database"]))
    call = kind.planned(
        place, target=source, request=request, state=state, wants={"snapshot": name}, effect=f"makes {name}"
    )
    return Drafted(
        f"Snapshot of {source}",
        f"RDS begins the snapshot {name}; readers and writers go on. Done here means that AWS has begun it: the "
        "database's page shows when it is available. Cost: backup storage per GiB and month until somebody deletes it.",
        [call],
    )


def _must_be_available(name: str, status: str) -> None:
    if status != "available":
        raise PlanRefusedError(f"{name} is {status}, not available: AWS would refuse. Nothing was stored.")


def _failover(wanted: Wanted) -> Drafted:
    resource: Resource = wanted.values["target"]
    place = place_of(resource)
    call = (
        _of_cluster(place, resource, wanted.values["to"]) if resource.kind == CLUSTER else _to_standby(place, resource)
    )
    return Drafted(
        f"Fail over {resource.identifier}",
        f"Effect: {call.effect}. Every connection to the writer is dropped, and nothing is written "
        "for half a minute to two minutes; what was committed stays. No charge.",
        [call],
    )


def _of_cluster(place: Place, resource: Resource, to: str) -> PlannedCall:
    request = {"DBClusterIdentifier": resource.identifier}
    found: rds.DbCluster = read(place, lambda: _cluster(place, resource.identifier), resource.identifier)
    _must_be_available(resource.identifier, found.status)
    writer = next((member.instance for member in found.members if member.writer), "")
    readers = [member.instance for member in found.members if not member.writer]
    if not readers:
        raise PlanRefusedError(f"{resource.identifier} has no reader to fail over to. Nothing was stored.")
    if to and to not in readers:
        what = "writes already" if to == writer else "is not in it any more"
        raise PlanRefusedError(
            f"{to} {what}: of {resource.identifier} can take over {', '.join(readers)}. Nothing was stored."
        )
    to = to or readers[0]
    health = read(place, lambda: _instance(place, to), to).status
    _must_be_available(to, health)
    return FAILOVER.planned(
        place,
        target=resource.identifier,
        request={**request, "TargetDBInstanceIdentifier": to},
        state={"status": found.status, "writer": writer},
        wants={"status": "available", "writer": to},
        effect=f"{to} becomes the writer in place of {writer}",
    )


def _to_standby(place: Place, resource: Resource) -> PlannedCall:
    found: rds.DbInstance = read(place, lambda: _instance(place, resource.identifier), resource.identifier)
    _must_be_available(resource.identifier, found.status)
    if not found.multi_az:
        raise PlanRefusedError(f"{resource.identifier} has no standby in another zone. Nothing was stored.")
    return FAILOVER_TO_STANDBY.planned(
        place,
        target=resource.identifier,
        request={"DBInstanceIdentifier": resource.identifier, "ForceFailover": True},
        state={"status": found.status, "zone": found.zone},
        wants={"status": "available", "zone": "another one"},
        effect=f"the standby takes over from {found.zone}",
    )


def _reboot(wanted: Wanted) -> Drafted:
    resource: Resource = wanted.values["target"]
    place = place_of(resource)
    found: rds.DbInstance = read(place, lambda: _instance(place, resource.identifier), resource.identifier)
    _must_be_available(resource.identifier, found.status)
    call = REBOOT.planned(
        place,
        target=resource.identifier,
        request={"DBInstanceIdentifier": resource.identifier},
        state={"status": found.status},
        wants={"status": "rebooting"},
        effect=f"{resource.identifier} restarts in {found.zone}",
    )
    return Drafted(
        f"Reboot {resource.identifier}",
        "Every connection to it is dropped, and it answers nobody for one to a few minutes; its caches are cold after "
        "that. Done here means that it reboots: the database's page shows when it is available again. No charge.",
        [call],
    )


ACTIONS: Final = (
    Action(
        key="take-snapshot",
        label="Take a snapshot",
        does="Makes a manual snapshot of a cluster or a single instance; nothing is interrupted.",
        form=SnapshotForm,
        draft=_snapshot,
    ),
    Action(
        key="fail-over",
        label="Fail over a database",
        does="Makes a reader of a cluster its writer, or gives an instance to its standby. Connections drop.",
        form=FailoverForm,
        draft=_failover,
    ),
    Action(
        key="reboot-instance",
        label="Reboot an instance",
        does="Restarts one database instance. Connections drop, and it is away for a minute or more.",
        form=RebootForm,
        draft=_reboot,
    ),
)
