"""RDS and Aurora: clusters, instances, snapshots, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """An instance of a cluster. Exactly one is the writer."""

    instance: str
    writer: bool


@dataclass(frozen=True, slots=True)
class DbCluster:
    """An Aurora cluster. `latest_restorable_at` minus now is the recovery point reached."""

    identifier: str
    arn: str
    engine: str
    engine_version: str
    status: str
    members: tuple[ClusterMember, ...]
    earliest_restorable_at: datetime | None
    latest_restorable_at: datetime | None
    backup_retention_days: int
    backup_window: str
    maintenance_window: str
    multi_az: bool
    encrypted: bool
    deletion_protection: bool
    endpoint: str
    parameter_group: str = ""


@dataclass(frozen=True, slots=True)
class DbInstance:
    """A database instance. `cluster` is None where it stands alone, `replica_of` where it is not a read replica.

    `parameters_state` is in-sync, pending-reboot or applying; `resource_id` is what Performance Insights calls it.
    """

    identifier: str
    arn: str
    cluster: str | None
    replica_of: str | None
    engine: str
    engine_version: str
    instance_class: str
    status: str
    zone: str
    allocated_gib: int
    multi_az: bool
    encrypted: bool
    publicly_accessible: bool
    backup_retention_days: int
    latest_restorable_at: datetime | None
    parameter_group: str = ""
    parameters_state: str = ""
    resource_id: str = ""
    insights: bool = False


@dataclass(frozen=True, slots=True)
class DbSnapshot:
    """A snapshot of a cluster or of an instance; `source` is the identifier of either."""

    identifier: str
    arn: str
    source: str
    source_kind: Literal["cluster", "instance"]
    kind: str
    status: str
    created_at: datetime | None
    allocated_gib: int
    encrypted: bool
    percent: int


@dataclass(frozen=True, slots=True)
class RdsEvent:
    """What RDS says happened. It keeps 14 days."""

    source: str
    source_kind: str
    message: str
    categories: tuple[str, ...]
    at: datetime


def clusters(account: AwsAccount, region: str, *, identifier: str | None = None) -> list[DbCluster]:
    """Return every cluster of the region, or that one, by identifier."""
    options: dict[str, Any] = {"DBClusterIdentifier": identifier} if identifier else {}
    found: list[DbCluster] = []
    with guard(account, region, "rds:DescribeDBClusters"):
        for page in client(account, "rds", region).get_paginator("describe_db_clusters").paginate(**options):
            found.extend(
                DbCluster(
                    identifier=item["DBClusterIdentifier"],
                    arn=item["DBClusterArn"],
                    engine=item["Engine"],
                    engine_version=item.get("EngineVersion", ""),
                    status=item["Status"],
                    members=tuple(
                        ClusterMember(instance=member["DBInstanceIdentifier"], writer=member["IsClusterWriter"])
                        for member in item.get("DBClusterMembers", [])
                    ),
                    earliest_restorable_at=item.get("EarliestRestorableTime"),
                    latest_restorable_at=item.get("LatestRestorableTime"),
                    backup_retention_days=item.get("BackupRetentionPeriod", 0),
                    backup_window=item.get("PreferredBackupWindow", ""),
                    maintenance_window=item.get("PreferredMaintenanceWindow", ""),
                    multi_az=item.get("MultiAZ", False),
                    encrypted=item.get("StorageEncrypted", False),
                    deletion_protection=item.get("DeletionProtection", False),
                    endpoint=item.get("Endpoint", ""),
                    parameter_group=item.get("DBClusterParameterGroup", ""),
                )
                for item in page["DBClusters"]
            )
    return sorted(found, key=lambda cluster: cluster.identifier)


def instances(account: AwsAccount, region: str, *, identifier: str | None = None) -> list[DbInstance]:
    """Return every instance of the region, or that one, by identifier."""
    options: dict[str, Any] = {"DBInstanceIdentifier": identifier} if identifier else {}
    found: list[DbInstance] = []
    with guard(account, region, "rds:DescribeDBInstances"):
        for page in client(account, "rds", region).get_paginator("describe_db_instances").paginate(**options):
            found.extend(
                DbInstance(
                    identifier=item["DBInstanceIdentifier"],
                    arn=item["DBInstanceArn"],
                    cluster=item.get("DBClusterIdentifier"),
                    replica_of=item.get("ReadReplicaSourceDBInstanceIdentifier"),
                    engine=item["Engine"],
                    engine_version=item.get("EngineVersion", ""),
                    instance_class=item["DBInstanceClass"],
                    status=item["DBInstanceStatus"],
                    zone=item.get("AvailabilityZone", ""),
                    allocated_gib=item.get("AllocatedStorage", 0),
                    multi_az=item.get("MultiAZ", False),
                    encrypted=item.get("StorageEncrypted", False),
                    publicly_accessible=item.get("PubliclyAccessible", False),
                    backup_retention_days=item.get("BackupRetentionPeriod", 0),
                    latest_restorable_at=item.get("LatestRestorableTime"),
                    parameter_group=_group(item).get("DBParameterGroupName", ""),
                    parameters_state=_group(item).get("ParameterApplyStatus", ""),
                    resource_id=item.get("DbiResourceId", ""),
                    insights=item.get("PerformanceInsightsEnabled", False),
                )
                for item in page["DBInstances"]
            )
    return sorted(found, key=lambda instance: instance.identifier)


def _group(item: Mapping[str, Any]) -> Mapping[str, Any]:
    groups: Sequence[Mapping[str, Any]] = item.get("DBParameterGroups") or [{}]
    return groups[0]


def cluster_snapshots(account: AwsAccount, region: str, *, cluster: str | None = None) -> list[DbSnapshot]:
    """Return automated and manual snapshots of clusters, newest first; one still running has no time yet and leads."""
    found: list[DbSnapshot] = []
    options: dict[str, Any] = {"DBClusterIdentifier": cluster} if cluster else {}
    with guard(account, region, "rds:DescribeDBClusterSnapshots"):
        for page in client(account, "rds", region).get_paginator("describe_db_cluster_snapshots").paginate(**options):
            found.extend(
                DbSnapshot(
                    identifier=item["DBClusterSnapshotIdentifier"],
                    arn=item["DBClusterSnapshotArn"],
                    source=item["DBClusterIdentifier"],
                    source_kind="cluster",
                    kind=item["SnapshotType"],
                    status=item["Status"],
                    created_at=item.get("SnapshotCreateTime"),
                    allocated_gib=item.get("AllocatedStorage", 0),
                    encrypted=item.get("StorageEncrypted", False),
                    percent=item.get("PercentProgress", 0),
                )
                for item in page["DBClusterSnapshots"]
            )
    return _newest_first(found)


def instance_snapshots(account: AwsAccount, region: str, *, instance: str | None = None) -> list[DbSnapshot]:
    """Return automated and manual snapshots of instances that stand alone, newest first."""
    found: list[DbSnapshot] = []
    options: dict[str, Any] = {"DBInstanceIdentifier": instance} if instance else {}
    with guard(account, region, "rds:DescribeDBSnapshots"):
        for page in client(account, "rds", region).get_paginator("describe_db_snapshots").paginate(**options):
            found.extend(
                DbSnapshot(
                    identifier=item["DBSnapshotIdentifier"],
                    arn=item["DBSnapshotArn"],
                    source=item["DBInstanceIdentifier"],
                    source_kind="instance",
                    kind=item["SnapshotType"],
                    status=item["Status"],
                    created_at=item.get("SnapshotCreateTime"),
                    allocated_gib=item.get("AllocatedStorage", 0),
                    encrypted=item.get("Encrypted", False),
                    percent=item.get("PercentProgress", 0),
                )
                for item in page["DBSnapshots"]
            )
    return _newest_first(found)


def _newest_first(found: list[DbSnapshot]) -> list[DbSnapshot]:
    return sorted(found, key=lambda s: (s.created_at is None, s.created_at, s.identifier), reverse=True)


def events(account: AwsAccount, region: str, *, start: datetime, end: datetime) -> list[RdsEvent]:
    """Return what happened to databases between start and end, oldest first."""
    found: list[RdsEvent] = []
    with guard(account, region, "rds:DescribeEvents"):
        pages = client(account, "rds", region).get_paginator("describe_events")
        for page in pages.paginate(StartTime=start, EndTime=end):
            found.extend(
                RdsEvent(
                    source=item.get("SourceIdentifier", ""),
                    source_kind=item.get("SourceType", ""),
                    message=item.get("Message", ""),
                    categories=tuple(item.get("EventCategories", [])),
                    at=item["Date"],
                )
                for item in page["Events"]
            )
    return sorted(found, key=lambda event: (event.at, event.source))
