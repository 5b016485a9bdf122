"""CloudWatch: datapoints, alarms and their history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import (
        GetMetricDataInputTypeDef,
        MetricAlarmTypeDef,
        MetricDataQueryTypeDef,
    )

QUERIES_PER_REQUEST: Final = 500
DATAPOINTS_PER_REQUEST: Final = 100_800


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One statistic of one metric. `key` is the caller's own name for it; `period` is in seconds.

    `dimensions` are (name, value) pairs and match exactly, in any order.
    """

    key: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    period: int


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The datapoints of one query, oldest first, merged over every page.

    `complete` is true only when CloudWatch said so: a gap in a result that is not complete means
    that we do not know.
    """

    key: str
    points: tuple[tuple[datetime, float], ...]
    status: str
    messages: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm as CloudWatch holds it. `state` is OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    arn: str
    description: str
    state: str
    state_reason: str
    state_updated_at: datetime
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison: str
    threshold: float
    treat_missing_data: str
    actions_enabled: bool


@dataclass(frozen=True, slots=True)
class AlarmHistoryItem:
    """One entry of an alarm's history. `kind` is StateUpdate, ConfigurationUpdate or Action."""

    alarm: str
    kind: str
    summary: str
    data: str
    at: datetime


def metric_data(
    account: AwsAccount, region: str, queries: Sequence[MetricQuery], *, start: datetime, end: datetime
) -> list[MetricResult]:
    """Return one result per query, in the order asked, for the half-open interval from start to end.

    Align start and end to the period; then the buckets are those of CloudWatch whatever the age.
    Raises AwsError when a request fails; nothing of that batch is returned then.
    """
    results: list[MetricResult] = []
    for first in range(0, len(queries), QUERIES_PER_REQUEST):
        batch = queries[first : first + QUERIES_PER_REQUEST]
        results.extend(_batch(account, region, batch, start, end))
    return results


def _batch(
    account: AwsAccount, region: str, batch: Sequence[MetricQuery], start: datetime, end: datetime
) -> Iterator[MetricResult]:
    points: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    status: dict[str, str] = {}
    messages: dict[str, list[str]] = defaultdict(list)
    request: GetMetricDataInputTypeDef = {
        "MetricDataQueries": [_query(f"m{number}", query) for number, query in enumerate(batch)],
        "StartTime": start,
        "EndTime": end,
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": DATAPOINTS_PER_REQUEST,
    }
    while True:
        with guard(account, region, "cloudwatch:GetMetricData"):
            page = client(account, "cloudwatch", region).get_metric_data(**request)
        general = [_message(m.get("Code"), m.get("Value")) for m in page.get("Messages", [])]
        for result in page["MetricDataResults"]:
            key = result["Id"]
            points[key].extend(zip(result["Timestamps"], result["Values"], strict=True))
            # A series cut by a page reads PartialData until its last page; the last word counts.
            status[key] = result["StatusCode"]
            messages[key].extend(_message(m.get("Code"), m.get("Value")) for m in result.get("Messages", []))
            messages[key].extend(general)
        token = page.get("NextToken")
        if not token:
            break
        request["NextToken"] = token
    for number, query in enumerate(batch):
        key = f"m{number}"
        found = status.get(key, "Missing")
        yield MetricResult(
            key=query.key,
            points=tuple(sorted(points[key])),
            status=found,
            messages=tuple(dict.fromkeys(messages[key])),
            complete=found == "Complete",
        )


def _query(identity: str, query: MetricQuery) -> MetricDataQueryTypeDef:
    return {
        "Id": identity,
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
            },
            "Period": query.period,
            "Stat": query.stat,
        },
        "ReturnData": True,
    }


def _message(code: str | None, value: str | None) -> str:
    return ": ".join(part for part in (code, value) if part)


def alarms(account: AwsAccount, region: str, *, state: str | None = None, prefix: str | None = None) -> list[Alarm]:
    """Return the metric alarms of one region, by name; optionally of one state or name prefix only."""
    found: list[Alarm] = []
    with guard(account, region, "cloudwatch:DescribeAlarms"):
        pages = client(account, "cloudwatch", region).get_paginator("describe_alarms")
        options: dict[str, Any] = {}
        if state:
            options["StateValue"] = state
        if prefix:
            options["AlarmNamePrefix"] = prefix
        for page in pages.paginate(AlarmTypes=["MetricAlarm"], **options):
            found.extend(_alarm(item) for item in page["MetricAlarms"])
    return sorted(found, key=lambda alarm: alarm.name)


def _alarm(item: MetricAlarmTypeDef) -> Alarm:
    periods = item.get("EvaluationPeriods", 1)
    return Alarm(
        name=item["AlarmName"],
        arn=item["AlarmArn"],
        description=item.get("AlarmDescription", ""),
        state=item["StateValue"],
        state_reason=item.get("StateReason", ""),
        state_updated_at=item["StateUpdatedTimestamp"],
        namespace=item.get("Namespace", ""),
        metric=item.get("MetricName", ""),
        dimensions=tuple(sorted((pair["Name"], pair["Value"]) for pair in item.get("Dimensions", []))),
        stat=item.get("Statistic") or item.get("ExtendedStatistic", ""),
        period=item.get("Period", 0),
        evaluation_periods=periods,
        datapoints_to_alarm=item.get("DatapointsToAlarm", periods),
        comparison=item.get("ComparisonOperator", ""),
        threshold=item.get("Threshold", 0.0),
        treat_missing_data=item.get("TreatMissingData", "missing"),
        actions_enabled=item.get("ActionsEnabled", True),
    )


def alarm_history(
    account: AwsAccount, region: str, *, start: datetime, end: datetime, alarm: str | None = None
) -> list[AlarmHistoryItem]:
    """Return what happened to alarms between start and end, oldest first: states, definitions, actions.

    CloudWatch keeps 30 days.
    """
    found: list[AlarmHistoryItem] = []
    with guard(account, region, "cloudwatch:DescribeAlarmHistory"):
        pages = client(account, "cloudwatch", region).get_paginator("describe_alarm_history")
        options: dict[str, Any] = {"AlarmName": alarm} if alarm else {}
        for page in pages.paginate(StartDate=start, EndDate=end, **options):
            found.extend(
                AlarmHistoryItem(
                    alarm=item["AlarmName"],
                    kind=item["HistoryItemType"],
                    summary=item.get("HistorySummary", ""),
                    data=item.get("HistoryData", ""),
                    at=item["Timestamp"],
                )
                for item in page["AlarmHistoryItems"]
            )
    return sorted(found, key=lambda item: (item.at, item.alarm))
