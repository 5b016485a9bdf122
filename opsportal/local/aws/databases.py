"""RDS and AWS Backup of the living shop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from opsportal.local.aws import nights
from opsportal.local.aws.acts import FAILOVER_TAKES, REBOOT_TAKES, Act
from opsportal.local.aws.calls import AnswerError, Call, page, seconds_of
from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION, ZONES, Platform, resource_id

_SUNDAY: Final = 6
_GIB: Final = 1024**3
_MANUAL_WEEKS: Final = 5
_FRESH_WRITER_RELIEVES: Final = ("db-connections",)
_WAITS_FOR_RESTART: Final = "solemate"


def database_arn(owner: Platform) -> str:
    """Return the ARN of the platform's cluster or single instance."""
    kind = "cluster" if owner.database.aurora else "db"
    return f"arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{owner.database.identifier}"


def family(owner: Platform) -> str:
    """The family of parameters of that platform's engine."""
    return f"{'aurora-postgresql' if owner.database.aurora else 'postgres'}{owner.database.version.partition('.')[0]}"


def cluster_group(owner: Platform) -> str:
    """The parameter group of an Aurora cluster."""
    return f"{owner.database.identifier}-cluster-parameters"


def instance_group(owner: Platform) -> dict[str, Any]:
    """The parameter group of each instance; a cluster's instances keep the default."""
    if owner.database.aurora:
        return {"DBParameterGroupName": f"default.{family(owner)}", "ParameterApplyStatus": "in-sync"}
    status = "pending-reboot" if owner.key == _WAITS_FOR_RESTART else "in-sync"
    return {"DBParameterGroupName": f"{owner.database.identifier}-parameters", "ParameterApplyStatus": status}


def insights_id(instance: str) -> str:
    """What Performance Insights calls an instance."""
    return f"db-{resource_id(instance).upper()}"


def _owners(call: Call, *, aurora: bool | None = None) -> list[Platform]:
    return [p for p in PLATFORMS if aurora in {None, p.database.aurora}] if call.living else []


def _answer(call: Call, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shown, marker = page(rows, call.params.get("Marker"), call.params.get("MaxRecords"), code="InvalidParameterValue")
    return {name: shown} | ({"Marker": marker} if marker else {})


def describe_db_clusters(call: Call) -> dict[str, Any]:
    rows = [_cluster(call, owner) for owner in _owners(call, aurora=True)]
    wanted = call.params.get("DBClusterIdentifier")
    if wanted:
        rows = [row for row in rows if row["DBClusterIdentifier"] == wanted]
        if not rows:
            raise AnswerError("DBClusterNotFoundFault", f"DBCluster {wanted} not found.")
    return _answer(call, "DBClusters", rows)


def _writer(call: Call, owner: Platform) -> tuple[str, bool]:
    """Return the instance that writes, and whether the cluster is still failing over to it."""
    first = owner.database.instances[0]
    done = [act for act in call.world.acts("failover", owner.database.identifier) if act.at <= call.now]
    if not done:
        return first, False
    is_moving = call.now < done[-1].at + FAILOVER_TAKES
    writers = [first, *(str(act.value["writer"]) for act in done)]
    return (writers[-2], True) if is_moving else (writers[-1], False)


def _cluster(call: Call, owner: Platform) -> dict[str, Any]:
    database = owner.database
    writer, is_moving = _writer(call, owner)
    return {
        "DBClusterIdentifier": database.identifier,
        "DBClusterArn": database_arn(owner),
        "Engine": "aurora-postgresql",
        "EngineVersion": database.version,
        "Status": "failing-over" if is_moving else "available",
        "Endpoint": f"{database.identifier}.cluster-x.{REGION}.rds.amazonaws.com",
        "ReaderEndpoint": f"{database.identifier}.cluster-ro-x.{REGION}.rds.amazonaws.com",
        "Port": 5432,
        "MultiAZ": True,
        "AvailabilityZones": list(ZONES),
        "StorageEncrypted": True,
        "DeletionProtection": True,
        "AllocatedStorage": 1,
        "BackupRetentionPeriod": database.retention_days,
        "PreferredBackupWindow": f"{database.backup_hour:02}:00-{database.backup_hour:02}:30",
        "PreferredMaintenanceWindow": "sun:05:00-sun:06:00",
        "EarliestRestorableTime": call.now - timedelta(days=database.retention_days),
        "LatestRestorableTime": nights.restorable(call.world, owner, call.now),
        "ClusterCreateTime": _founded(call),
        "DBClusterParameterGroup": cluster_group(owner),
        "DBClusterMembers": [
            {
                "DBInstanceIdentifier": name,
                "IsClusterWriter": name == writer,
                "PromotionTier": number,
                "DBClusterParameterGroupStatus": "in-sync",
            }
            for number, name in enumerate(database.instances)
        ],
    }


def _founded(call: Call) -> datetime:
    return datetime(call.world.past.first_day.year - 1, 3, 2, 12, tzinfo=UTC)


def describe_db_instances(call: Call) -> dict[str, Any]:
    rows = [_instance(call, owner, n) for owner in _owners(call) for n in range(len(owner.database.instances))]
    wanted = call.params.get("DBInstanceIdentifier")
    if wanted:
        rows = [row for row in rows if row["DBInstanceIdentifier"] == wanted]
        if not rows:
            raise AnswerError("DBInstanceNotFound", f"DBInstance {wanted} not found.")
    return _answer(call, "DBInstances", rows)


def _instance(call: Call, owner: Platform, number: int) -> dict[str, Any]:
    database = owner.database
    name = database.instances[number]
    rebooted = [act for act in call.world.acts("reboot", name) if act.at <= call.now]
    is_down = bool(rebooted) and call.now < rebooted[-1].at + REBOOT_TAKES
    moves = sum(bool(act.value["forced"]) for act in rebooted)
    row: dict[str, Any] = {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}",
        "DBInstanceClass": database.instance_class,
        "DBInstanceStatus": "rebooting" if is_down else "available",
        "Engine": "aurora-postgresql" if database.aurora else "postgres",
        "EngineVersion": database.version,
        "AvailabilityZone": ZONES[(number + moves) % len(ZONES)],
        "AllocatedStorage": database.allocated_gib,
        "MultiAZ": not database.aurora and number == 0,
        "StorageEncrypted": True,
        "PubliclyAccessible": False,
        "BackupRetentionPeriod": database.retention_days,
        "InstanceCreateTime": _founded(call),
        "DBParameterGroups": [instance_group(owner)],
        "DbiResourceId": insights_id(name),
        # The demo keeps one database that says nothing of its load.
        "PerformanceInsightsEnabled": owner.key != "genai-demo",
        "Endpoint": {"Address": f"{name}.x.{REGION}.rds.amazonaws.com", "Port": 5432},
    }
    if database.aurora:
        row["DBClusterIdentifier"] = database.identifier
    elif number == 0:
        row["LatestRestorableTime"] = nights.restorable(call.world, owner, call.now)
    else:
        row["ReadReplicaSourceDBInstanceIdentifier"] = database.identifier
    return row


def describe_db_cluster_snapshots(call: Call) -> dict[str, Any]:
    rows = [row for owner in _owners(call, aurora=True) for row in _snapshots(call, owner)]
    rows = _chosen(call, rows, "DBClusterIdentifier", "DBClusterSnapshotIdentifier")
    return _answer(call, "DBClusterSnapshots", rows)


def describe_db_snapshots(call: Call) -> dict[str, Any]:
    rows = [row for owner in _owners(call, aurora=False) for row in _snapshots(call, owner)]
    return _answer(call, "DBSnapshots", _chosen(call, rows, "DBInstanceIdentifier", "DBSnapshotIdentifier"))


def _chosen(call: Call, rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    wanted = {key: call.params[key] for key in (*keys, "SnapshotType") if call.params.get(key)}
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _snapshots(call: Call, owner: Platform) -> list[dict[str, Any]]:
    name, days = owner.database.identifier, owner.database.retention_days
    rows = [
        _snapshot(call, owner, f"rds:{name}-{night.at:%Y-%m-%d-%H-%M}", "automated", night.at)
        for night in nights.nights(call.world, owner, call.now, days)
        if not night.failed
    ]
    sunday = (call.now - timedelta(days=(call.now.weekday() - _SUNDAY) % 7)).replace(
        hour=6, minute=0, second=0, microsecond=0
    )
    for week in range(_MANUAL_WEEKS):
        at = sunday - timedelta(weeks=week)
        if at <= call.now:
            rows.append(_snapshot(call, owner, f"manual-backup-{name}-{at:%Y%m%d}", "manual", at))
    taken = [act for act in call.world.acts("snapshot", name) if act.at <= call.now]
    rows += [_snapshot(call, owner, str(act.value["name"]), "manual", act.at) for act in taken]
    return rows


def create_db_cluster_snapshot(call: Call) -> dict[str, Any]:
    source = str(call.params["DBClusterIdentifier"])
    owner = _owner_of(call, source, "DBClusterNotFoundFault", aurora=True)
    name, fault = str(call.params["DBClusterSnapshotIdentifier"]), "DBClusterSnapshotAlreadyExistsFault"
    return {"DBClusterSnapshot": _take(call, owner, name, "DBClusterSnapshotIdentifier", fault)}


def create_db_snapshot(call: Call) -> dict[str, Any]:
    source = str(call.params["DBInstanceIdentifier"])
    owner = _owner_of(call, source, "DBInstanceNotFound", aurora=False)
    name = str(call.params["DBSnapshotIdentifier"])
    return {"DBSnapshot": _take(call, owner, name, "DBSnapshotIdentifier", "DBSnapshotAlreadyExists")}


def _owner_of(call: Call, identifier: str, code: str, *, aurora: bool) -> Platform:
    for owner in _owners(call, aurora=aurora):
        if owner.database.identifier == identifier:
            return owner
    raise AnswerError(code, f"{identifier} not found.")


def _take(call: Call, owner: Platform, name: str, key: str, code: str) -> dict[str, Any]:
    if any(row[key] == name for row in _snapshots(call, owner)):
        raise AnswerError(code, f"Cannot create the snapshot because one with the identifier {name} already exists.")
    act = Act("snapshot", owner.database.identifier, call.now, {"name": name})
    call.world.act(act, after=nights.SNAPSHOT_TAKES)
    return _snapshot(call, owner, name, "manual", call.now)


def failover_db_cluster(call: Call) -> dict[str, Any]:
    owner = _owner_of(call, str(call.params["DBClusterIdentifier"]), "DBClusterNotFoundFault", aurora=True)
    writer, is_moving = _writer(call, owner)
    target = call.params.get("TargetDBInstanceIdentifier")
    target = target or next(name for name in owner.database.instances if name != writer)
    if is_moving:
        raise AnswerError("InvalidDBClusterStateFault", "The cluster is failing over already.")
    if target == writer or target not in owner.database.instances:
        raise AnswerError("InvalidDBInstanceState", f"{target} is no reader of this cluster.")
    act = Act("failover", owner.database.identifier, call.now, {"writer": target})
    call.world.act(act, relieves=_FRESH_WRITER_RELIEVES, platform=owner.key, after=FAILOVER_TAKES)
    return {"DBCluster": _cluster(call, owner)}


def reboot_db_instance(call: Call) -> dict[str, Any]:
    wanted = str(call.params["DBInstanceIdentifier"])
    for owner in _owners(call):
        for number, name in enumerate(owner.database.instances):
            if name != wanted:
                continue
            before = _instance(call, owner, number)
            if before["DBInstanceStatus"] != "available":
                raise AnswerError("InvalidDBInstanceState", f"Database instance {name} is not in available state.")
            forced = bool(call.params.get("ForceFailover"))
            if forced and not before["MultiAZ"]:
                raise AnswerError("InvalidParameterCombination", f"{name} is not a Multi-AZ instance.")
            ends = _FRESH_WRITER_RELIEVES if number == 0 else ()
            act = Act("reboot", name, call.now, {"forced": forced})
            call.world.act(act, relieves=ends, platform=owner.key, after=REBOOT_TAKES)
            return {"DBInstance": _instance(call, owner, number)}
    raise AnswerError("DBInstanceNotFound", f"DBInstance {wanted} not found.")


def _snapshot(call: Call, owner: Platform, name: str, kind: str, at: datetime) -> dict[str, Any]:
    done = call.now >= at + nights.SNAPSHOT_TAKES
    percent = 100 if done else int((call.now - at) / nights.SNAPSHOT_TAKES * 100)
    shared = {
        "SnapshotCreateTime": at,
        "SnapshotType": kind,
        "Status": "available" if done else "creating",
        "PercentProgress": percent,
        "AllocatedStorage": owner.database.allocated_gib,
        "Engine": "aurora-postgresql" if owner.database.aurora else "postgres",
        "EngineVersion": owner.database.version,
    }
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:{{}}:{name}"
    if owner.database.aurora:
        return shared | {
            "DBClusterSnapshotIdentifier": name,
            "DBClusterIdentifier": owner.database.identifier,
            "DBClusterSnapshotArn": arn.format("cluster-snapshot"),
            "StorageEncrypted": True,
        }
    return shared | {
        "DBSnapshotIdentifier": name,
        "DBInstanceIdentifier": owner.database.identifier,
        "DBSnapshotArn": arn.format("snapshot"),
        "Encrypted": True,
    }


def describe_events(call: Call) -> dict[str, Any]:
    params, now = call.params, call.now.timestamp()
    end = seconds_of(params["EndTime"]) if params.get("EndTime") else now
    start = seconds_of(params["StartTime"]) if params.get("StartTime") else end - 60 * int(params.get("Duration") or 60)
    start = max(start, now - 14 * 86_400)
    rows = [
        row
        for owner in _owners(call)
        for row in _events(call, owner)
        if start <= row["Date"].timestamp() < end
        and params.get("SourceIdentifier") in {None, row["SourceIdentifier"]}
        and params.get("SourceType") in {None, row["SourceType"]}
    ]
    rows.sort(key=lambda row: (row["Date"], row["SourceIdentifier"]))
    return _answer(call, "Events", rows)


def _events(call: Call, owner: Platform) -> list[dict[str, Any]]:
    found = []
    for night in nights.nights(call.world, owner, call.now, 15):
        if night.failed:
            found.append(_event(owner, night.at, "Automated backup could not be taken", "failure"))
            continue
        found.append(_event(owner, night.at, "Backing up DB instance", "backup"))
        finished = night.at + nights.SNAPSHOT_TAKES
        if finished <= call.now:
            found.append(_event(owner, finished, "Finished DB Instance backup", "backup"))
    for drill in call.world.past.drills:
        if drill.platform == owner.key and drill.kind == "failover":
            found.append(_event(owner, drill.at, "Started failover to the replica", "failover"))
            done = drill.at + timedelta(minutes=drill.recovery_minutes)
            found.append(_event(owner, done, "Completed failover to the replica", "failover"))
    found += _acted(call, owner)
    return [row for row in found if row["Date"] <= call.now]


def _acted(call: Call, owner: Platform) -> list[dict[str, Any]]:
    """What RDS says of the changes that plans made."""
    found = []
    for act in call.world.acts("failover", owner.database.identifier):
        found.append(_event(owner, act.at, f"Started failover to DB instance: {act.value['writer']}", "failover"))
        said = f"Completed failover to DB instance: {act.value['writer']}"
        found.append(_event(owner, act.at + FAILOVER_TAKES, said, "failover"))
    for name in owner.database.instances:
        source = {
            "SourceIdentifier": name,
            "SourceType": "db-instance",
            "SourceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}",
        }
        for act in call.world.acts("reboot", name):
            if act.value["forced"]:
                found.append(_event(owner, act.at, "Multi-AZ instance failover started", "failover") | source)
            up_at = act.at + REBOOT_TAKES
            found.append(_event(owner, up_at, "DB instance restarted", "availability") | source)
    return found


def _event(owner: Platform, at: datetime, message: str, category: str) -> dict[str, Any]:
    return {
        "SourceIdentifier": owner.database.identifier,
        "SourceType": "db-cluster" if owner.database.aurora else "db-instance",
        "SourceArn": database_arn(owner),
        "Message": message,
        "EventCategories": [category],
        "Date": at,
    }


def list_backup_jobs(call: Call) -> dict[str, Any]:
    params = call.params
    after = seconds_of(params["ByCreatedAfter"]) if params.get("ByCreatedAfter") else 0.0
    before = seconds_of(params["ByCreatedBefore"]) if params.get("ByCreatedBefore") else float("inf")
    rows = [
        row
        for owner in _owners(call)
        for row in _jobs(call, owner)
        if after <= row["CreationDate"].timestamp() < before
        and params.get("ByState") in {None, row["State"]}
        and params.get("ByResourceArn") in {None, row["ResourceArn"]}
    ]
    rows.sort(key=lambda row: row["CreationDate"], reverse=True)
    code = "InvalidParameterValueException"
    shown, token = page(rows, params.get("NextToken"), params.get("MaxResults"), code=code, largest=1000)
    return {"BackupJobs": shown} | ({"NextToken": token} if token else {})


def _jobs(call: Call, owner: Platform) -> list[dict[str, Any]]:
    found = []
    for night in nights.nights(call.world, owner, call.now, 60):
        at = night.at + nights.JOB_AFTER
        if at > call.now:
            continue
        done = call.now >= at + nights.JOB_TAKES
        state = "FAILED" if night.failed else "COMPLETED" if done else "RUNNING"
        identity = hashlib.sha256(f"{owner.key}{at.isoformat()}".encode()).hexdigest()
        row = {
            "AccountId": ACCOUNT,
            "BackupJobId": str(UUID(identity[:32])).upper(),
            "BackupVaultName": f"{owner.key}-vault",
            "ResourceArn": database_arn(owner),
            "ResourceName": owner.database.identifier,
            "ResourceType": "Aurora" if owner.database.aurora else "RDS",
            "State": state,
            "PercentDone": "100.0" if state == "COMPLETED" else "0.0",
            "BackupSizeInBytes": 0 if night.failed else 42 * _GIB + at.toordinal() % 90 * _GIB // 12,
            "CreationDate": at,
            "StartBy": at + timedelta(hours=8),
        }
        if night.failed:
            row["StatusMessage"] = "The role of the backup plan may not create a snapshot."
            row["CompletionDate"] = at + timedelta(minutes=1)
        elif done:
            row["CompletionDate"] = at + nights.JOB_TAKES
        found.append(row)
    return found
