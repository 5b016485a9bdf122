"""Every operation that the simulator answers itself. The next one goes here, with its line in the contract test."""

from __future__ import annotations

from opsportal.local.aws import databases, identity, metricdata, puts, services
from opsportal.local.aws.alarm_answers import handlers
from opsportal.local.aws.alarms import AlarmBook
from opsportal.local.aws.calls import Handler
from opsportal.local.aws.world import World


def operations(world: World) -> dict[tuple[str, str], Handler]:
    """Return the handlers by boto3 service and operation."""
    cloudwatch: dict[str, Handler] = {
        "GetMetricData": metricdata.get_metric_data,
        "GetMetricStatistics": metricdata.get_metric_statistics,
        "ListMetrics": puts.list_metrics,
        "PutMetricData": puts.put_metric_data,
        **handlers(AlarmBook(world)),
    }
    return {
        ("acm", "DescribeCertificate"): services.describe_certificate,
        ("acm", "ListCertificates"): services.list_certificates,
        ("backup", "ListBackupJobs"): databases.list_backup_jobs,
        ("ecs", "DescribeServices"): services.describe_services,
        ("ecs", "ListClusters"): services.list_clusters,
        ("ecs", "ListServices"): services.list_services,
        ("elbv2", "DescribeLoadBalancers"): services.describe_load_balancers,
        ("elbv2", "DescribeTargetGroups"): services.describe_target_groups,
        ("elbv2", "DescribeTargetHealth"): services.describe_target_health,
        ("rds", "DescribeDBClusterSnapshots"): databases.describe_db_cluster_snapshots,
        ("rds", "DescribeDBClusters"): databases.describe_db_clusters,
        ("rds", "DescribeDBInstances"): databases.describe_db_instances,
        ("rds", "DescribeDBSnapshots"): databases.describe_db_snapshots,
        ("rds", "DescribeEvents"): databases.describe_events,
        ("sts", "AssumeRole"): identity.assume_role,
        ("sts", "GetCallerIdentity"): identity.get_caller_identity,
        **{("cloudwatch", name): handler for name, handler in cloudwatch.items()},
    }
