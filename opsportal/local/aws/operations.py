"""Every operation that the simulator answers itself. The next one goes here, with its line in the contract test."""

from __future__ import annotations

from opsportal.local.aws import costs, databases, identity, logs, metricdata, names, puts, services, traces, upkeep
from opsportal.local.aws.alarm_answers import handlers
from opsportal.local.aws.alarms import AlarmBook
from opsportal.local.aws.calls import Handler


def operations(book: AlarmBook) -> dict[tuple[str, str], Handler]:
    """Return the handlers by boto3 service and operation; `book` holds the alarms."""
    cloudwatch: dict[str, Handler] = {
        "GetMetricData": metricdata.get_metric_data,
        "GetMetricStatistics": metricdata.get_metric_statistics,
        "ListMetrics": puts.list_metrics,
        "PutMetricData": puts.put_metric_data,
        **handlers(book),
    }
    return {
        ("acm", "DescribeCertificate"): services.describe_certificate,
        ("acm", "ListCertificates"): services.list_certificates,
        ("backup", "ListBackupJobs"): databases.list_backup_jobs,
        ("ce", "GetCostAndUsage"): costs.get_cost_and_usage,
        ("ecs", "DescribeServices"): services.describe_services,
        ("ecs", "DescribeTaskDefinition"): services.describe_task_definition,
        ("ecs", "ListClusters"): services.list_clusters,
        ("ecs", "ListServices"): services.list_services,
        ("ecs", "UpdateService"): services.update_service,
        ("elbv2", "DescribeLoadBalancers"): services.describe_load_balancers,
        ("elbv2", "DescribeTargetGroups"): services.describe_target_groups,
        ("elbv2", "DescribeTargetHealth"): services.describe_target_health,
        ("logs", "GetQueryResults"): logs.get_query_results,
        ("logs", "StartQuery"): logs.start_query,
        ("logs", "StopQuery"): logs.stop_query,
        ("rds", "CreateDBClusterSnapshot"): databases.create_db_cluster_snapshot,
        ("rds", "CreateDBSnapshot"): databases.create_db_snapshot,
        ("rds", "DescribeDBClusterSnapshots"): databases.describe_db_cluster_snapshots,
        ("rds", "DescribeDBClusters"): databases.describe_db_clusters,
        ("rds", "DescribeDBInstances"): databases.describe_db_instances,
        ("rds", "DescribeDBSnapshots"): databases.describe_db_snapshots,
        ("rds", "DescribeEvents"): databases.describe_events,
        ("rds", "FailoverDBCluster"): databases.failover_db_cluster,
        ("rds", "RebootDBInstance"): databases.reboot_db_instance,
        ("route53", "ChangeResourceRecordSets"): names.change_resource_record_sets,
        ("route53", "ListHostedZones"): names.list_hosted_zones,
        ("route53", "ListResourceRecordSets"): names.list_resource_record_sets,
        ("sts", "AssumeRole"): identity.assume_role,
        ("sts", "GetCallerIdentity"): identity.get_caller_identity,
        ("xray", "GetSamplingRules"): traces.get_sampling_rules,
        ("xray", "GetServiceGraph"): traces.get_service_graph,
        ("xray", "GetTraceSummaries"): traces.get_trace_summaries,
        **upkeep.HANDLERS,
        **{("cloudwatch", name): handler for name, handler in cloudwatch.items()},
    }
