"""What RDS says of its databases' upkeep, and the tags of the living shop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from opsportal.local.aws.calls import AnswerError, Call, Handler, page, seconds_of
from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION, Platform, resource_id
from opsportal.local.aws.databases import cluster_group, database_arn, family, insights_id, instance_group
from opsportal.local.aws.services import balancer_arn, certificate_arn, cluster_arn, service_arn, target_group_arn

# The engines' own values, of what is ever set here.
_DEFAULTS: Final = {
    "autovacuum_vacuum_scale_factor": "0.1",
    "idle_in_transaction_session_timeout": "86400000",
    "log_min_duration_statement": "-1",
    "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
    "rds.force_ssl": "1",
    "shared_preload_libraries": "pg_stat_statements",
    "work_mem": "4096",
}
_SET: Final[Mapping[str, Mapping[str, str]]] = {
    "bookstore": {"log_min_duration_statement": "1000", "rds.force_ssl": "1"},
    "shop-management": {"log_min_duration_statement": "500", "idle_in_transaction_session_timeout": "60000"},
    "solemate": {"max_connections": "200", "work_mem": "16384", "log_min_duration_statement": "1000"},
    "phase-09": {"max_connections": "500", "work_mem": "32768", "autovacuum_vacuum_scale_factor": "0.05"},
    "genai-demo": {"rds.force_ssl": "0"},
}
# By platform: action, what it says, after how many days of the first start it is done by itself (None: never).
_MAINTENANCE: Final[Mapping[str, Sequence[tuple[str, str, int | None]]]] = {
    "solemate": (("system-update", "New Operating System update is available", None),),
    "phase-09": (
        ("db-upgrade", "Automatic minor version upgrade to postgres 16.4", 9),
        ("ca-certificate-rotation", "Rotation of CA certificate", 40),
    ),
}
_STATEMENTS: Final = (
    ("SELECT * FROM orders WHERE customer_id = ? AND state = ? ORDER BY placed_at DESC LIMIT ?", 0.41),
    ("UPDATE carts SET touched_at = ? WHERE id = ANY (?)", 0.22),
    ("SELECT sum(quantity) FROM orders WHERE placed_at > ?", 0.12),
    ("INSERT INTO orders (customer_id, product_id, quantity) VALUES (?, ?, ?)", 0.07),
)
_WAITS: Final = (("CPU", 0.38), ("IO:DataFileRead", 0.21), ("IO:XactSync", 0.14), ("Client:ClientRead", 0.09))
_LOGS_KEPT: Final = 48  # one an hour


def _owners(call: Call) -> Sequence[Platform]:
    return PLATFORMS if call.living else ()


def _marked(call: Call, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shown, marker = page(rows, call.params.get("Marker"), call.params.get("MaxRecords"), code="InvalidParameterValue")
    return {name: shown} | ({"Marker": marker} if marker else {})


def describe_pending_maintenance_actions(call: Call) -> dict[str, Any]:
    first = datetime.combine(call.world.today, datetime.min.time(), UTC)
    rows = []
    for owner in _owners(call):
        details = []
        for action, description, days in _MAINTENANCE.get(owner.key, ()):
            detail: dict[str, Any] = {"Action": action, "Description": description}
            if days is not None:
                applies_at = first + timedelta(days=days, hours=5)
                if applies_at <= call.now:
                    continue
                detail |= {"CurrentApplyDate": applies_at, "AutoAppliedAfterDate": applies_at}
            details.append(detail)
        if details:
            rows.append({"ResourceIdentifier": database_arn(owner), "PendingMaintenanceActionDetails": details})
    return _marked(call, "PendingMaintenanceActions", rows)


def _group(call: Call, *, of_cluster: bool) -> tuple[str, str, Mapping[str, str]]:
    """The group that is asked about: its name, its family, what was set in it."""
    wanted = str(call.params.get("DBClusterParameterGroupName" if of_cluster else "DBParameterGroupName") or "")
    for owner in _owners(call):
        is_own = of_cluster == owner.database.aurora
        name = cluster_group(owner) if of_cluster else str(instance_group(owner)["DBParameterGroupName"])
        if name == wanted:
            return name, family(owner), _SET[owner.key] if is_own else {}
    raise AnswerError("DBParameterGroupNotFound", f"DBParameterGroup not found: {wanted}")


def describe_db_parameter_groups(call: Call) -> dict[str, Any]:
    if not call.params.get("DBParameterGroupName"):
        return {"DBParameterGroups": []}
    name, of, _ = _group(call, of_cluster=False)
    row = {"DBParameterGroupName": name, "DBParameterGroupFamily": of, "Description": "of the shop"}
    return _marked(call, "DBParameterGroups", [row])


def describe_db_cluster_parameter_groups(call: Call) -> dict[str, Any]:
    if not call.params.get("DBClusterParameterGroupName"):
        return {"DBClusterParameterGroups": []}
    name, of, _ = _group(call, of_cluster=True)
    row = {"DBClusterParameterGroupName": name, "DBParameterGroupFamily": of, "Description": "of the shop"}
    return _marked(call, "DBClusterParameterGroups", [row])


def describe_db_parameters(call: Call) -> dict[str, Any]:
    return _parameters(call, of_cluster=False)


def describe_db_cluster_parameters(call: Call) -> dict[str, Any]:
    return _parameters(call, of_cluster=True)


def _parameters(call: Call, *, of_cluster: bool) -> dict[str, Any]:
    _, _, own = _group(call, of_cluster=of_cluster)
    values = own if call.params.get("Source") == "user" else {**_DEFAULTS, **own}
    return _marked(call, "Parameters", [_parameter(name, value, is_set=name in own) for name, value in values.items()])


def _parameter(name: str, value: str, *, is_set: bool) -> dict[str, Any]:
    is_static = name in {"max_connections", "shared_preload_libraries"}
    return {
        "ParameterName": name,
        "ParameterValue": value,
        "Source": "user" if is_set else "engine-default",
        "ApplyType": "static" if is_static else "dynamic",
        "ApplyMethod": "pending-reboot" if is_static else "immediate",
        "IsModifiable": True,
    }


def describe_engine_default_parameters(call: Call) -> dict[str, Any]:
    rows = [_parameter(name, value, is_set=False) for name, value in sorted(_DEFAULTS.items())]
    found = _marked(call, "Parameters", rows)
    return {"EngineDefaults": {"DBParameterGroupFamily": str(call.params["DBParameterGroupFamily"]), **found}}


def describe_db_log_files(call: Call) -> dict[str, Any]:
    wanted = str(call.params.get("DBInstanceIdentifier") or "")
    if wanted not in {name for owner in _owners(call) for name in owner.database.instances}:
        raise AnswerError("DBInstanceNotFound", f"DBInstance {wanted} not found.")
    hour = call.now.replace(minute=0, second=0, microsecond=0)
    rows = []
    for back in range(_LOGS_KEPT):
        at = hour - timedelta(hours=back)
        written = call.now - timedelta(minutes=2) if back == 0 else at + timedelta(minutes=59)
        rows.append(
            {
                "LogFileName": f"error/postgresql.log.{at:%Y-%m-%d-%H}",
                "LastWritten": int(written.timestamp() * 1000),
                "Size": 180_000 + at.hour * 7_919,
            }
        )
    return _marked(call, "DescribeDBLogFiles", rows)


def describe_dimension_keys(call: Call) -> dict[str, Any]:
    wanted = str(call.params["Identifier"])
    owner = next(
        (own for own in _owners(call) if wanted in {insights_id(name) for name in own.database.instances}), None
    )
    if owner is None:
        raise AnswerError("NotAuthorizedException", f"{wanted} is not a database you may ask about.")
    group = str(call.params["GroupBy"]["Group"])
    is_held = any(
        fault.name == "db-connections" and fault.platform == owner.key for fault in call.world.active(call.now)
    )
    if group == "db.wait_event":
        found = [*_WAITS, ("Lock:transactionid", 6.2)] if is_held else list(_WAITS)
        keys = [{"Dimensions": {"db.wait_event.name": name}, "Total": load} for name, load in found]
    else:
        keys = [
            {
                "Dimensions": {"db.sql_tokenized.statement": text, "db.sql_tokenized.id": resource_id(text)},
                "Total": load,
            }
            for text, load in _STATEMENTS
        ]
    return {
        "AlignedStartTime": datetime.fromtimestamp(seconds_of(call.params["StartTime"]), UTC),
        "AlignedEndTime": datetime.fromtimestamp(seconds_of(call.params["EndTime"]), UTC),
        "Keys": sorted(keys, key=lambda key: -float(str(key["Total"]))),
    }


def get_resources(call: Call) -> dict[str, Any]:
    rows = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for owner in _owners(call)
        for arn, tags in _tagged(owner)
    ]
    size, token = call.params.get("ResourcesPerPage"), call.params.get("PaginationToken")
    shown, following = page(rows, token, size, code="InvalidParameterException")
    return {"ResourceTagMappingList": shown, "PaginationToken": following or ""}


def _tagged(owner: Platform) -> Iterator[tuple[str, dict[str, str]]]:
    """What carries tags, also what the simulator does not otherwise answer for."""
    common = {"Environment": "production", "Platform": owner.key}
    if owner.database.aurora:
        yield database_arn(owner), common | {"Tier": "data"}
    for name in owner.database.instances:
        yield f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}", common | {"Tier": "data"}
    yield balancer_arn(owner), common | {"Tier": "edge"}
    yield cluster_arn(owner), common
    for service in owner.services:
        yield service_arn(owner, service), common | {"Service": service.name}
        yield target_group_arn(owner, service), common | {"Service": service.name}
    yield f"arn:aws:elasticache:{REGION}:{ACCOUNT}:replicationgroup:{owner.cache}", common | {"Tier": "cache"}
    yield f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:{owner.key}-vault", common
    yield f"arn:aws:s3:::{owner.key}-assets-{ACCOUNT}", {"Platform": owner.key}
    if owner.certificate_imported:
        yield certificate_arn(owner), common


HANDLERS: Final[Mapping[tuple[str, str], Handler]] = {
    ("pi", "DescribeDimensionKeys"): describe_dimension_keys,
    ("rds", "DescribeDBClusterParameterGroups"): describe_db_cluster_parameter_groups,
    ("rds", "DescribeDBClusterParameters"): describe_db_cluster_parameters,
    ("rds", "DescribeDBLogFiles"): describe_db_log_files,
    ("rds", "DescribeDBParameterGroups"): describe_db_parameter_groups,
    ("rds", "DescribeDBParameters"): describe_db_parameters,
    ("rds", "DescribeEngineDefaultClusterParameters"): describe_engine_default_parameters,
    ("rds", "DescribeEngineDefaultParameters"): describe_engine_default_parameters,
    ("rds", "DescribePendingMaintenanceActions"): describe_pending_maintenance_actions,
    ("resourcegroupstaggingapi", "GetResources"): get_resources,
}
