"""Every operation the portal calls, through boto3 and HTTP, compared with botocore's own model."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import botocore.client
import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from opsportal.aws import (
    acm,
    backup,
    cloudwatch,
    costs,
    ecs,
    elb,
    insights,
    logs,
    policy,
    rds,
    rds_upkeep,
    route53,
    sts,
    tags,
    xray,
)
from opsportal.aws.errors import AwsDeniedError, AwsThrottledError, AwsUnreachableError
from opsportal.aws.session import AwsAccount, client, forget_clients
from opsportal.local.aws.alarms import AlarmBook
from opsportal.local.aws.calls import Call, MetricAnswer
from opsportal.local.aws.catalogue import ACCOUNT, REGION, platform
from opsportal.local.aws.databases import insights_id
from opsportal.local.aws.names import zone_id
from opsportal.local.aws.operations import operations
from opsportal.local.aws.world import World
from tests.local.aws.simulator import Simulator, aws_simulator

__all__ = ["aws_simulator"]
pytestmark = pytest.mark.aws

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (float, int),
    "float": (float, int),
    "timestamp": (datetime, int),  # the times of GetMetricData stay numbers (opsportal.aws.columns)
}


def faults_of(shape: Shape, value: Any, place: str) -> Iterator[str]:
    """Say wherever a value does not fit the model's shape: unknown or missing members, wrong types."""
    if isinstance(shape, StructureShape):
        yield from (f"{place}.{name}: not in the model" for name in value.keys() - shape.members.keys())
        yield from (f"{place}.{name}: required" for name in set(shape.required_members) - value.keys())
        for name in value.keys() & shape.members.keys():
            yield from faults_of(shape.members[name], value[name], f"{place}.{name}")
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value):
            yield from faults_of(shape.member, item, f"{place}[{number}]")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from faults_of(shape.value, item, f"{place}[{key}]")
    elif not isinstance(value, TYPES[shape.type_name]):
        yield f"{place}: {type(value).__name__} for {shape.type_name}"
    elif isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield f"{place}: {value} is none of {shape.enum}"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every call made by boto3 as (service, operation); each answer is compared with its model on the way."""
    calls: list[tuple[str, str]] = []
    original = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(self: Any, operation: str, params: dict[str, Any]) -> Any:
        answer = original(self, operation, params)
        calls.append((self.meta.service_model.service_name, operation))
        shape = self.meta.service_model.operation_model(operation).output_shape
        body = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        assert list(faults_of(shape, body, operation)) == []
        return answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record)
    return calls


def call_traces(account: AwsAccount, now: datetime) -> dict[str, int]:
    """The same of X-Ray."""
    hours = timedelta(hours=6)
    return {
        "sampling": len(xray.sampling_rules(account, REGION)),
        "trace edges": len(xray.service_graph(account, REGION, start=now - hours, end=now)),
        "error traces": len(xray.error_traces(account, REGION, start=now - hours, end=now, most=50)),
    }


def call_everything(account: AwsAccount, now: datetime) -> dict[str, int]:
    """Call each function of the package and say how many rows it gave."""
    week = now - timedelta(days=7)
    query = cloudwatch.MetricQuery(
        "connections",
        "AWS/RDS",
        "DatabaseConnections",
        (("DBClusterIdentifier", "shop-management-aurora"),),
        "Maximum",
        60,
    )
    groups = elb.target_groups(account, REGION)
    record = route53.record(account, REGION, name="www.bookstore.example.com", kind="CNAME")
    begun = client(account, "logs", REGION).start_query(
        logGroupNames=["/ecs/bookstore-api"], startTime=0, endTime=1, queryString=logs.ERRORS
    )
    return {
        "identity": len([sts.caller_identity(account)]),
        "clusters": len(rds.clusters(account, REGION)),
        "instances": len(rds.instances(account, REGION)),
        "cluster snapshots": len(rds.cluster_snapshots(account, REGION)),
        "instance snapshots": len(rds.instance_snapshots(account, REGION)),
        **upkeep_calls(account, now),
        "events": len(rds.events(account, REGION, start=week, end=now)),
        "jobs": len(backup.jobs(account, REGION, created_after=week)),
        "costs": len(costs.month_costs(account, start=now.date().replace(day=1), end=now.date() + timedelta(days=1))),
        "services": len(ecs.services(account, REGION)),
        "log groups": len(ecs.log_groups(account, REGION, "bookstore-api:41")),
        "log lines": len(
            logs.query(
                account,
                REGION,
                groups=["/ecs/bookstore-api"],
                text=logs.ERRORS,
                start=now - timedelta(hours=6),
                end=now,
            ).rows
        ),
        "stopped": int(logs.stop(account, REGION, begun["queryId"])),
        **call_traces(account, now),
        "record": len(record.values) if record else 0,
        "balancers": len(elb.load_balancers(account, REGION)),
        "targets": len(elb.target_health(account, REGION, groups[0].arn)),
        "certificates": len(acm.certificates(account, REGION)),
        "alarms": len(cloudwatch.alarms(account, REGION)),
        "history": len(cloudwatch.alarm_history(account, REGION, start=week, end=now)),
        "points": len(
            cloudwatch.metric_data(account, REGION, [query], start=now - timedelta(hours=1), end=now)[0].points
        ),
    }


def upkeep_calls(account: AwsAccount, now: datetime) -> dict[str, int]:
    """The calls about parameters, maintenance, log files, load and tags."""
    cluster = next(row for row in rds.clusters(account, REGION) if row.parameter_group)
    alone = next(row for row in rds.instances(account, REGION) if row.insights and not row.cluster)
    of_cluster = rds_upkeep.parameter_group(account, REGION, name=cluster.parameter_group, of="cluster")
    of_instance = rds_upkeep.parameter_group(account, REGION, name=alone.parameter_group, of="instance")
    span: dict[str, Any] = {"resource_id": alone.resource_id, "start": now - timedelta(hours=1), "end": now}
    return {
        "cluster parameters": len(of_cluster.changed),
        "instance parameters": len(of_instance.changed),
        "default differs": int(of_instance.changed[0].default != of_instance.changed[0].value),
        "maintenance": len(rds_upkeep.pending_maintenance(account, REGION)),
        "log files": len(rds_upkeep.log_files(account, REGION, instance=alone.identifier)),
        "waits": len(insights.top_load(account, REGION, group="db.wait_event", **span)),
        "statements": len(insights.top_load(account, REGION, group="db.sql_tokenized", **span)),
        "tags": len(tags.tags_by_arn(account, REGION)),
    }


def test_every_call_answers_as_the_model_says_and_the_policy_lists_exactly_these(
    aws_simulator: Simulator, recorded: list[tuple[str, str]]
) -> None:
    found = call_everything(aws_simulator.account, datetime.now(UTC).replace(second=0, microsecond=0))
    assert all(found.values()), found
    called = set(recorded) - {("sts", "AssumeRole")}
    assert called == {(operation.service, operation.name) for operation in policy.OPERATIONS}


def upkeep_asked(now: datetime) -> dict[str, dict[str, Any]]:
    """What the simulator is asked about upkeep, by operation."""
    return {
        "DescribeDBClusterParameterGroups": {"DBClusterParameterGroupName": "bookstore-production-cluster-parameters"},
        "DescribeDBClusterParameters": {"DBClusterParameterGroupName": "bookstore-production-cluster-parameters"},
        "DescribeDBLogFiles": {"DBInstanceIdentifier": "bookstore-production-1"},
        "DescribeDBParameterGroups": {"DBParameterGroupName": "production-postgres-parameters"},
        "DescribeDBParameters": {"DBParameterGroupName": "production-postgres-parameters"},
        "DescribeDimensionKeys": {
            "Identifier": insights_id("production-postgres"),
            "GroupBy": {"Group": "db.wait_event"},
            "StartTime": now,
            "EndTime": now,
        },
        "DescribeEngineDefaultClusterParameters": {"DBParameterGroupFamily": "aurora-postgresql15"},
        "DescribeEngineDefaultParameters": {"DBParameterGroupFamily": "postgres16"},
    }


def test_our_own_answers_name_no_member_that_the_model_lacks(tmp_path: Any) -> None:
    now = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
    world = World(today=now.date())
    world.start_fault("service-down", at=now - timedelta(minutes=2))
    asked_of_logs = {"logGroupNames": ["/ecs/bookstore-api"], "startTime": 0, "endTime": 1, "queryString": logs.ERRORS}
    world.remember_query("q", asked_of_logs)
    table = operations(AlarmBook(world))
    asked: dict[str, dict[str, Any]] = {
        "ListServices": {"cluster": "bookstore-cluster"},
        "DescribeServices": {"cluster": "production-cluster", "services": ["solemate-backend", "nothing"]},
        "GetCallerIdentity": {},
        "DescribeTaskDefinition": {"taskDefinition": "bookstore-api:41"},
        "GetQueryResults": {"queryId": "q"},
        "StartQuery": asked_of_logs,
        "StopQuery": {"queryId": "q"},
        "ListResourceRecordSets": {"HostedZoneId": zone_id(platform("bookstore"))},
        "DescribeEvents": {"Duration": 20_160},
        "GetServiceGraph": {"StartTime": now - timedelta(hours=1), "EndTime": now},
        "GetTraceSummaries": {"StartTime": now - timedelta(hours=6), "EndTime": now},
        **upkeep_asked(now),
        "GetCostAndUsage": {
            "Granularity": "MONTHLY",
            "TimePeriod": {"Start": "2026-02-01", "End": "2026-03-11"},
        },
    }
    account = AwsAccount(ACCOUNT, (REGION,), endpoint_url="http://127.0.0.1:1")
    arn = table["acm", "ListCertificates"](Call(world, ACCOUNT, REGION, {}, now))
    groups = table["elbv2", "DescribeTargetGroups"](Call(world, ACCOUNT, REGION, {}, now))
    assert not isinstance(arn, MetricAnswer)
    assert not isinstance(groups, MetricAnswer)
    asked["DescribeCertificate"] = {"CertificateArn": arn["CertificateSummaryList"][0]["CertificateArn"]}
    asked["DescribeTargetHealth"] = {"TargetGroupArn": groups["TargetGroups"][5]["TargetGroupArn"]}
    for operation in policy.OPERATIONS:
        if operation.name == "GetMetricData":
            continue
        answer = table[operation.service, operation.name](
            Call(world, ACCOUNT, REGION, asked.get(operation.name, {}), now)
        )
        model = client(account, operation.service, REGION).meta.service_model  # type: ignore[call-overload]
        shape = model.operation_model(operation.name).output_shape
        assert list(faults_of(shape, answer, operation.name)) == []


def test_no_operation_of_the_policy_changes_anything() -> None:
    verbs = ("Describe", "Get", "List")
    # A question to the logs is started and stopped, and reads like the others.
    assert [o.name for o in policy.OPERATIONS if not o.name.startswith(verbs)] == ["StartQuery", "StopQuery"]
    document = policy.policy_document()
    actions = document["Statement"][0]["Action"]
    assert actions == sorted(set(actions))
    assert not [action for action in actions if "*" in action]
    assert "sts:GetCallerIdentity" not in actions


def test_the_second_account_shows_denied_and_could_not_check(aws_simulator: Simulator) -> None:
    results = {
        r.operation: r.verdict for r in policy.check_permissions(aws_simulator.second_account, at=datetime.now(UTC))
    }
    assert {name for name, verdict in results.items() if verdict == "denied"} == {
        "acm:ListCertificates",
        "ce:GetCostAndUsage",
        "rds:DescribeDBClusterSnapshots",
    }
    assert {name for name, verdict in results.items() if verdict == "could_not_check"} == {
        "cloudwatch:DescribeAlarmHistory",
        "pi:DescribeDimensionKeys",  # there is no database to ask about
    }
    assert len(results) == len(policy.OPERATIONS)


def test_the_first_account_is_allowed_everything(aws_simulator: Simulator) -> None:
    results = policy.check_permissions(aws_simulator.account, at=datetime.now(UTC))
    assert {result.verdict for result in results} == {"allowed"}


def test_what_was_not_answered_in_time_could_not_be_checked(aws_simulator: Simulator) -> None:
    results = policy.check_permissions(aws_simulator.account, at=datetime.now(UTC), seconds=0)
    assert len(results) == len(policy.OPERATIONS)
    assert results[-1].verdict == "could_not_check"
    assert "within 0 s" in results[-1].detail


def test_a_wrong_external_id_is_denied(aws_simulator: Simulator) -> None:
    account = aws_simulator.account_of("222222222222", external_id="guessed")
    with pytest.raises(AwsDeniedError) as caught:
        sts.caller_identity(account)
    assert "sts:AssumeRole" in caught.value.detail
    assert caught.value.kept


def test_denied_and_throttled_name_the_permission(aws_simulator: Simulator) -> None:
    account, now = aws_simulator.second_account, datetime.now(UTC)
    assert sts.caller_identity(account).account_id == "222222222222"
    with pytest.raises(AwsDeniedError) as denied:
        rds.cluster_snapshots(account, REGION)
    assert denied.value.permission == "rds:DescribeDBClusterSnapshots"
    with pytest.raises(AwsThrottledError) as throttled:
        cloudwatch.alarm_history(account, REGION, start=now - timedelta(days=1), end=now)
    assert throttled.value.permission == "cloudwatch:DescribeAlarmHistory"
    assert cloudwatch.alarms(account, REGION) == []


def test_nobody_there_is_unreachable() -> None:
    account = AwsAccount(ACCOUNT, (REGION,), endpoint_url="http://127.0.0.1:9", attempts=1)
    with pytest.raises(AwsUnreachableError) as caught:
        rds.clusters(account, REGION)
    assert caught.value.what == f"rds:DescribeDBClusters in us-east-1 of account {ACCOUNT}"
    forget_clients()


@pytest.mark.parametrize("role", [None, "arn:aws:iam::123456789012:role/opsportal-read"], ids=["own", "role"])
def test_a_portal_without_credentials_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str | None
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AwsDeniedError) as caught:
        ecs.services(AwsAccount(ACCOUNT, (REGION,), role, attempts=1), REGION)
    assert "credentials" in caught.value.detail
    forget_clients()


def test_pages_are_merged_per_series_in_the_order_asked(
    aws_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch, "DATAPOINTS_PER_REQUEST", 25)
    monkeypatch.setattr(cloudwatch, "QUERIES_PER_REQUEST", 2)
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    dimensions = (("ClusterName", "bookstore-cluster"), ("ServiceName", "bookstore-api"))
    queries = [
        cloudwatch.MetricQuery(f"{name}-{stat}", "AWS/ECS", name, dimensions, stat, 60)
        for name in ("CPUUtilization", "MemoryUtilization", "NoSuchMetric")
        for stat in ("Average", "Maximum")
    ]
    found = cloudwatch.metric_data(aws_simulator.account, REGION, queries, start=end - timedelta(minutes=40), end=end)
    assert [result.key for result in found] == [query.key for query in queries]
    assert [len(result.points) for result in found] == [40, 40, 40, 40, 0, 0]
    assert all(result.complete and result.status == "Complete" for result in found)
    for result in found:
        times = [at for at, _ in result.points]
        assert times == sorted(set(times))
        assert all(at.tzinfo is not None for at in times)


@pytest.mark.parametrize("gives_up", [True, False], ids=["given up", "answered"])
def test_a_question_to_the_logs_that_is_given_up_is_stopped(
    aws_simulator: Simulator,
    recorded: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    gives_up: bool,
) -> None:
    now = datetime.now(UTC)
    ask = partial(
        logs.query, aws_simulator.account, REGION, groups=["/ecs/bookstore-api"], text=logs.ERRORS, start=now, end=now
    )
    if gives_up:
        monkeypatch.setattr(logs, "ENDED", frozenset())  # it would run for ever
    ask(seconds=-1.0)
    assert (("logs", "StopQuery") in recorded) == gives_up
