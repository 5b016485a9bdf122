"""What keeps an RDS database in order: maintenance that waits, parameters against the engine's defaults, log files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class PendingMaintenance:
    """An action that waits for a database. `applies_at` is when RDS does it by itself, None where it never will."""

    database: str
    arn: str
    action: str
    description: str
    opt_in: str
    applies_at: datetime | None
    forced_at: datetime | None


@dataclass(frozen=True, slots=True)
class DbParameter:
    """A parameter that somebody set. `default` is the engine's own; "" where it has none."""

    name: str
    value: str
    default: str
    apply_type: str
    apply_method: str


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """A parameter group and what in it differs from the defaults of its family."""

    name: str
    family: str
    changed: tuple[DbParameter, ...]


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file that RDS keeps of an instance."""

    name: str
    bytes: int
    written_at: datetime


def pending_maintenance(account: AwsAccount, region: str) -> list[PendingMaintenance]:
    """Return what waits for any database of the region, by database and action."""
    found: list[PendingMaintenance] = []
    with guard(account, region, "rds:DescribePendingMaintenanceActions"):
        pages = client(account, "rds", region).get_paginator("describe_pending_maintenance_actions")
        for page in pages.paginate():
            found.extend(
                PendingMaintenance(
                    database=item["ResourceIdentifier"].rpartition(":")[2],
                    arn=item["ResourceIdentifier"],
                    action=action["Action"],
                    description=action.get("Description", ""),
                    opt_in=action.get("OptInStatus", ""),
                    applies_at=action.get("CurrentApplyDate"),
                    forced_at=action.get("ForcedApplyDate"),
                )
                for item in page["PendingMaintenanceActions"]
                for action in item.get("PendingMaintenanceActionDetails", [])
            )
    return sorted(found, key=lambda item: (item.database, item.action))


def parameter_group(
    account: AwsAccount, region: str, *, name: str, of: Literal["cluster", "instance"]
) -> ParameterGroup:
    """Return a group with the parameters whose value is not the default of its family."""
    family = _family(account, region, name, of)
    changed = [row for row in _parameters(account, region, name, of) if "ParameterValue" in row]
    usual = _defaults(account, region, family, of) if changed else {}
    return ParameterGroup(
        name=name,
        family=family,
        changed=tuple(
            DbParameter(
                name=row["ParameterName"],
                value=row["ParameterValue"],
                default=usual.get(row["ParameterName"], ""),
                apply_type=row.get("ApplyType", ""),
                apply_method=row.get("ApplyMethod", ""),
            )
            for row in sorted(changed, key=lambda row: str(row["ParameterName"]))
            if row["ParameterValue"] != usual.get(row["ParameterName"], "")
        ),
    )


def _family(account: AwsAccount, region: str, name: str, of: str) -> str:
    asked = client(account, "rds", region)
    if of == "cluster":
        with guard(account, region, "rds:DescribeDBClusterParameterGroups"):
            groups: Any = asked.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=name)
            return str(groups["DBClusterParameterGroups"][0]["DBParameterGroupFamily"])
    with guard(account, region, "rds:DescribeDBParameterGroups"):
        groups = asked.describe_db_parameter_groups(DBParameterGroupName=name)
        return str(groups["DBParameterGroups"][0]["DBParameterGroupFamily"])


def _parameters(account: AwsAccount, region: str, name: str, of: str) -> list[Any]:
    asked = client(account, "rds", region)
    if of == "cluster":
        with guard(account, region, "rds:DescribeDBClusterParameters"):
            cluster = asked.get_paginator("describe_db_cluster_parameters")
            pages: Any = cluster.paginate(DBClusterParameterGroupName=name, Source="user")
            return [row for page in pages for row in page["Parameters"]]
    with guard(account, region, "rds:DescribeDBParameters"):
        pages = asked.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=name, Source="user")
        return [row for page in pages for row in page["Parameters"]]


def _defaults(account: AwsAccount, region: str, family: str, of: str) -> dict[str, str]:
    asked = client(account, "rds", region)
    if of == "cluster":
        with guard(account, region, "rds:DescribeEngineDefaultClusterParameters"):
            cluster = asked.get_paginator("describe_engine_default_cluster_parameters")
            found: Any = list(cluster.paginate(DBParameterGroupFamily=family))
    else:
        with guard(account, region, "rds:DescribeEngineDefaultParameters"):
            found = list(
                asked.get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily=family)
            )
    rows = (row for page in found for row in page["EngineDefaults"].get("Parameters", []))
    return {row["ParameterName"]: row.get("ParameterValue", "") for row in rows}


def log_files(account: AwsAccount, region: str, *, instance: str) -> list[LogFile]:
    """Return the log files of an instance, the newest first."""
    found: list[LogFile] = []
    with guard(account, region, "rds:DescribeDBLogFiles"):
        pages = client(account, "rds", region).get_paginator("describe_db_log_files")
        for page in pages.paginate(DBInstanceIdentifier=instance):
            found.extend(
                LogFile(
                    name=item["LogFileName"],
                    bytes=item.get("Size", 0),
                    written_at=datetime.fromtimestamp(item.get("LastWritten", 0) / 1000, UTC),
                )
                for item in page["DescribeDBLogFiles"]
            )
    return sorted(found, key=lambda item: (item.written_at, item.name), reverse=True)
