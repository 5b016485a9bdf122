"""The calls the portal makes, the policy that allows exactly these, and a check of a role call by call."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from opsportal.aws import costs, insights, rds, xray
from opsportal.aws.errors import AwsDeniedError, AwsError, AwsRejectedError, guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class Operation:
    """One read call. `action` is what IAM calls it; `asks` is why the portal needs it."""

    service: str
    name: str
    action: str
    asks: str


@dataclass(frozen=True, slots=True)
class PermissionResult:
    """What came of one call made as that role. `operation` is the IAM action."""

    operation: str
    verdict: Literal["allowed", "denied", "could_not_check"]
    detail: str


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("acm", "DescribeCertificate", "acm:DescribeCertificate", "when a certificate ends and who uses it"),
    Operation("acm", "ListCertificates", "acm:ListCertificates", "which certificates there are"),
    Operation("backup", "ListBackupJobs", "backup:ListBackupJobs", "whether last night's backups ended well"),
    Operation("ce", "GetCostAndUsage", "ce:GetCostAndUsage", "what the account costs, by month and service"),
    Operation("cloudwatch", "DescribeAlarmHistory", "cloudwatch:DescribeAlarmHistory", "which alarms rang overnight"),
    Operation("cloudwatch", "DescribeAlarms", "cloudwatch:DescribeAlarms", "the alarms that CloudWatch keeps"),
    Operation("cloudwatch", "GetMetricData", "cloudwatch:GetMetricData", "the datapoints behind every figure"),
    Operation("ecs", "DescribeServices", "ecs:DescribeServices", "wanted and running tasks, deployments"),
    Operation("ecs", "DescribeTaskDefinition", "ecs:DescribeTaskDefinition", "where a service's containers log to"),
    Operation("ecs", "ListClusters", "ecs:ListClusters", "which clusters there are"),
    Operation("ecs", "ListServices", "ecs:ListServices", "which services there are"),
    Operation(
        "elbv2",
        "DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancers",
        "which load balancers there are",
    ),
    Operation(
        "elbv2",
        "DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroups",
        "which target groups there are",
    ),
    Operation(
        "elbv2",
        "DescribeTargetHealth",
        "elasticloadbalancing:DescribeTargetHealth",
        "which targets are healthy",
    ),
    Operation("logs", "GetQueryResults", "logs:GetQueryResults", "the lines a question to the logs found"),
    Operation("logs", "StartQuery", "logs:StartQuery", "error lines beside an incident, queries of runbooks"),
    Operation("logs", "StopQuery", "logs:StopQuery", "to end a question to the logs that takes too long"),
    Operation("pi", "DescribeDimensionKeys", "pi:DescribeDimensionKeys", "what a database waits for and works on"),
    *(
        Operation("rds", name, f"rds:{name}", asks)
        for name, asks in (
            ("DescribeDBClusterParameterGroups", "of which family a cluster's parameters are"),
            ("DescribeDBClusterParameters", "which parameters of a cluster were set"),
            ("DescribeDBLogFiles", "the log files of a database and when they were written"),
            ("DescribeDBParameterGroups", "of which family an instance's parameters are"),
            ("DescribeDBParameters", "which parameters of an instance were set"),
            ("DescribeEngineDefaultClusterParameters", "what a cluster's parameters are by default"),
            ("DescribeEngineDefaultParameters", "what an instance's parameters are by default"),
            ("DescribePendingMaintenanceActions", "maintenance that waits for a database, and until when"),
        )
    ),
    Operation("rds", "DescribeDBClusterSnapshots", "rds:DescribeDBClusterSnapshots", "the age of cluster snapshots"),
    Operation("rds", "DescribeDBClusters", "rds:DescribeDBClusters", "clusters and their restorable time"),
    Operation("rds", "DescribeDBInstances", "rds:DescribeDBInstances", "database instances and their state"),
    Operation("rds", "DescribeDBSnapshots", "rds:DescribeDBSnapshots", "the age of instance snapshots"),
    Operation("rds", "DescribeEvents", "rds:DescribeEvents", "failovers, backups and restarts of databases"),
    Operation("resourcegroupstaggingapi", "GetResources", "tag:GetResources", "the tags of every resource"),
    Operation("route53", "ListHostedZones", "route53:ListHostedZones", "which zone holds a record"),
    Operation("route53", "ListResourceRecordSets", "route53:ListResourceRecordSets", "what a record says now"),
    Operation("sts", "GetCallerIdentity", "sts:GetCallerIdentity", "proof of the role and its account"),
    Operation("xray", "GetSamplingRules", "xray:GetSamplingRules", "which share of the requests is traced"),
    Operation("xray", "GetServiceGraph", "xray:GetServiceGraph", "who calls whom, and what fails there"),
    Operation("xray", "GetTraceSummaries", "xray:GetTraceSummaries", "the newest requests that failed"),
)
CHECK_SECONDS: Final = 10.0
_HASTY_READ_SECONDS: Final = 3
_CALLS_AT_ONCE: Final = 6
# AWS answers this one to everybody, so a policy need not name it; the portal's own identity assumes the role.
UNLISTED_ACTIONS: Final = frozenset({"sts:GetCallerIdentity"})


def policy_document() -> dict[str, Any]:
    """Return the permissions policy of the role: every action the code calls, and none beside."""
    actions = sorted({operation.action for operation in OPERATIONS} - UNLISTED_ACTIONS)
    return {
        "Version": "2012-10-17",
        # None of these reads can be limited to a resource in every service, so the list of verbs is the limit.
        "Statement": [{"Sid": "OpsportalRead", "Effect": "Allow", "Action": actions, "Resource": "*"}],
    }


def policy_json() -> str:
    """Return the policy as the text to paste into IAM."""
    return json.dumps(policy_document(), indent=2)


def trust_policy_json(*, portal_principal: str, external_id: str) -> str:
    """Return the role's trust policy: only the portal, and only with that external id."""
    statement = {
        "Sid": "OpsportalAssume",
        "Effect": "Allow",
        "Principal": {"AWS": portal_principal},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def check_permissions(account: AwsAccount, *, at: datetime, seconds: float = CHECK_SECONDS) -> list[PermissionResult]:
    """Make each call once, with the smallest question, in the account's first region, within `seconds`.

    An answer that the thing asked about does not exist proves the right to ask. A call that is
    throttled, unanswered or not made in time proves nothing: could_not_check, never allowed.
    """
    hasty, region = hurried(account), account.regions[0]
    pool = ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="permissions")
    asked = {
        operation: pool.submit(_check, hasty, region, operation, _QUESTIONS[operation.action], at)
        for operation in OPERATIONS
    }
    done, _ = wait(asked.values(), timeout=seconds)
    # A person waits for the page: what is still under way ends by its own time-out, unheard.
    pool.shutdown(wait=False, cancel_futures=True)
    late = f"no answer within {seconds:g} s"
    return [
        future.result() if future in done else PermissionResult(operation.action, "could_not_check", late)
        for operation, future in asked.items()
    ]


def hurried(account: AwsAccount) -> AwsAccount:
    """The account asked once and briefly, for calls that a person waits for."""
    return replace(account, attempts=1, read_seconds=_HASTY_READ_SECONDS)


def _check(
    account: AwsAccount,
    region: str,
    operation: Operation,
    ask: Callable[[AwsAccount, str, datetime], object],
    end: datetime,
) -> PermissionResult:
    try:
        with guard(account, region, operation.action):
            ask(account, region, end)
    except AwsDeniedError as error:
        return PermissionResult(operation.action, "denied", error.detail)
    except AwsRejectedError as error:
        return PermissionResult(operation.action, "allowed", f"asked about nothing real: {error.code}")
    except AwsError as error:
        return PermissionResult(operation.action, "could_not_check", f"{error.code}: {error.detail}")
    return PermissionResult(operation.action, "allowed", "")


def _arn(account: AwsAccount, service: str, region: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{account.account_id}:{resource}"


_NOBODY: Final = "opsportal-permission-check"


def _ask_insights(account: AwsAccount, region: str, end: datetime) -> object:
    """A database that it does not know it refuses like one that may not be asked: a real one has to be found first."""
    known = next((row for row in rds.instances(account, region) if row.insights), None)
    if known is None:
        said = "no instance has Performance Insights switched on"
        raise AwsError(what=region, permission="pi:DescribeDimensionKeys", code="NothingToAsk", detail=said)
    start = end - timedelta(minutes=5)
    return insights.top_load(
        account, region, resource_id=known.resource_id, group="db.wait_event", start=start, end=end
    )


_QUESTIONS: Final[dict[str, Callable[[AwsAccount, str, datetime], object]]] = {
    "acm:DescribeCertificate": lambda a, r, _: client(a, "acm", r).describe_certificate(
        CertificateArn=_arn(a, "acm", r, "certificate/00000000-0000-0000-0000-000000000000")
    ),
    "acm:ListCertificates": lambda a, r, _: client(a, "acm", r).list_certificates(MaxItems=1),
    "backup:ListBackupJobs": lambda a, r, _: client(a, "backup", r).list_backup_jobs(MaxResults=1),
    "cloudwatch:DescribeAlarmHistory": lambda a, r, _: client(a, "cloudwatch", r).describe_alarm_history(MaxRecords=1),
    "cloudwatch:DescribeAlarms": lambda a, r, _: client(a, "cloudwatch", r).describe_alarms(MaxRecords=1),
    "cloudwatch:GetMetricData": lambda a, r, end: client(a, "cloudwatch", r).get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m0",
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount"},
                    "Period": 300,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime=end - timedelta(minutes=5),
        EndTime=end,
    ),
    # Billed like any other question to Cost Explorer: 0.01 USD.
    "ce:GetCostAndUsage": lambda a, _, end: costs.month_costs(a, start=end.date() - timedelta(days=1), end=end.date()),
    "ecs:DescribeServices": lambda a, r, _: client(a, "ecs", r).describe_services(cluster=_NOBODY, services=[_NOBODY]),
    "ecs:DescribeTaskDefinition": lambda a, r, _: client(a, "ecs", r).describe_task_definition(taskDefinition=_NOBODY),
    "ecs:ListClusters": lambda a, r, _: client(a, "ecs", r).list_clusters(maxResults=1),
    "ecs:ListServices": lambda a, r, _: client(a, "ecs", r).list_services(cluster=_NOBODY, maxResults=1),
    "elasticloadbalancing:DescribeLoadBalancers": lambda a, r, _: client(a, "elbv2", r).describe_load_balancers(
        PageSize=1
    ),
    "elasticloadbalancing:DescribeTargetGroups": lambda a, r, _: client(a, "elbv2", r).describe_target_groups(
        PageSize=1
    ),
    "elasticloadbalancing:DescribeTargetHealth": lambda a, r, _: client(a, "elbv2", r).describe_target_health(
        TargetGroupArn=_arn(a, "elasticloadbalancing", r, f"targetgroup/{_NOBODY}/0000000000000000")
    ),
    "logs:GetQueryResults": lambda a, r, _: client(a, "logs", r).get_query_results(
        queryId="00000000-0000-0000-0000-000000000000"
    ),
    "logs:StartQuery": lambda a, r, end: client(a, "logs", r).start_query(
        logGroupNames=[_NOBODY],
        startTime=int(end.timestamp()) - 60,
        endTime=int(end.timestamp()),
        queryString="fields @message | limit 1",
    ),
    "logs:StopQuery": lambda a, r, _: client(a, "logs", r).stop_query(queryId="00000000-0000-0000-0000-000000000000"),
    "pi:DescribeDimensionKeys": _ask_insights,
    "rds:DescribeDBClusterParameterGroups": lambda a, r, _: client(a, "rds", r).describe_db_cluster_parameter_groups(
        MaxRecords=20
    ),
    "rds:DescribeDBClusterParameters": lambda a, r, _: client(a, "rds", r).describe_db_cluster_parameters(
        DBClusterParameterGroupName=_NOBODY
    ),
    "rds:DescribeDBLogFiles": lambda a, r, _: client(a, "rds", r).describe_db_log_files(DBInstanceIdentifier=_NOBODY),
    "rds:DescribeDBParameterGroups": lambda a, r, _: client(a, "rds", r).describe_db_parameter_groups(MaxRecords=20),
    "rds:DescribeDBParameters": lambda a, r, _: client(a, "rds", r).describe_db_parameters(
        DBParameterGroupName=_NOBODY
    ),
    "rds:DescribeEngineDefaultClusterParameters": lambda a, r, _: client(
        a, "rds", r
    ).describe_engine_default_cluster_parameters(DBParameterGroupFamily="aurora-postgresql16", MaxRecords=20),
    "rds:DescribeEngineDefaultParameters": lambda a, r, _: client(a, "rds", r).describe_engine_default_parameters(
        DBParameterGroupFamily="postgres16", MaxRecords=20
    ),
    "rds:DescribePendingMaintenanceActions": lambda a, r, _: client(a, "rds", r).describe_pending_maintenance_actions(
        MaxRecords=20
    ),
    "rds:DescribeDBClusterSnapshots": lambda a, r, _: client(a, "rds", r).describe_db_cluster_snapshots(MaxRecords=20),
    "rds:DescribeDBClusters": lambda a, r, _: client(a, "rds", r).describe_db_clusters(MaxRecords=20),
    "rds:DescribeDBInstances": lambda a, r, _: client(a, "rds", r).describe_db_instances(MaxRecords=20),
    "rds:DescribeDBSnapshots": lambda a, r, _: client(a, "rds", r).describe_db_snapshots(MaxRecords=20),
    "rds:DescribeEvents": lambda a, r, _: client(a, "rds", r).describe_events(MaxRecords=20),
    "tag:GetResources": lambda a, r, _: client(a, "resourcegroupstaggingapi", r).get_resources(ResourcesPerPage=1),
    "route53:ListHostedZones": lambda a, r, _: client(a, "route53", r).list_hosted_zones(MaxItems="1"),
    "route53:ListResourceRecordSets": lambda a, r, _: client(a, "route53", r).list_resource_record_sets(
        HostedZoneId="Z00000000000000000000", MaxItems="1"
    ),
    "sts:GetCallerIdentity": lambda a, r, _: client(a, "sts", r).get_caller_identity(),
    "xray:GetSamplingRules": lambda a, r, _: client(a, "xray", r).get_sampling_rules(),
    "xray:GetServiceGraph": lambda a, r, end: client(a, "xray", r).get_service_graph(
        StartTime=end - timedelta(minutes=1), EndTime=end
    ),
    "xray:GetTraceSummaries": lambda a, r, end: client(a, "xray", r).get_trace_summaries(
        StartTime=end - timedelta(minutes=1), EndTime=end, FilterExpression=xray.FAILED
    ),
}
