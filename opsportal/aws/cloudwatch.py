"""CloudWatch: datapoints, alarms and their history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from opsportal.aws.errors import AwsUnreachableError, guard
from opsportal.aws.session import AwsAccount, client

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import (
        GetMetricDataInputTypeDef,
        GetMetricDataOutputTypeDef,
        MetricAlarmTypeDef,
        MetricDataQueryTypeDef,
    )

QUERIES_PER_REQUEST: Final = 500
DATAPOINTS_PER_REQUEST: Final = 100_800
_PERMISSION: Final = "cloudwatch:GetMetricData"


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


@dataclass(slots=True)
class MetricResult:
    """The datapoints of one query as two columns, in the order of the answer, merged over every page.

    `times` are the starts of the periods in epoch seconds. `complete` is true only when CloudWatch said so: a gap in a
    result that is not complete means that we do not know.
    """

    key: str
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    status: str = "Missing"
    messages: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.status == "Complete"

    @property
    def points(self) -> list[tuple[datetime, float]]:
        """(start of the period, value), oldest first."""
        return sorted(
            (datetime.fromtimestamp(at, UTC), value) for at, value in zip(self.times, self.values, strict=True)
        )


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
    account: AwsAccount,
    region: str,
    queries: Sequence[MetricQuery],
    *,
    start: datetime,
    end: datetime,
    before_page: Callable[[], None] = lambda: None,
) -> list[MetricResult]:
    """Return one result per query, in the order asked, for the half-open interval from start to end.

    Align start and end to the period; then the buckets are those of CloudWatch whatever the age. `before_page` is
    called before each request. Raises AwsError when a request fails; nothing of that batch is returned then.
    """
    results: list[MetricResult] = []
    for first in range(0, len(queries), QUERIES_PER_REQUEST):
        batch = queries[first : first + QUERIES_PER_REQUEST]
        found = {f"m{number}": MetricResult(query.key) for number, query in enumerate(batch)}
        for page in _pages(account, region, batch, start, end, before_page):
            _merge(found, page)
        results += found.values()
    return results


def _pages(
    account: AwsAccount,
    region: str,
    batch: Sequence[MetricQuery],
    start: datetime,
    end: datetime,
    before_page: Callable[[], None],
) -> Iterator[GetMetricDataOutputTypeDef]:
    request: GetMetricDataInputTypeDef = {
        "MetricDataQueries": [_query(f"m{number}", query) for number, query in enumerate(batch)],
        "StartTime": start,
        "EndTime": end,
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": DATAPOINTS_PER_REQUEST,
    }
    seen: set[str] = set()
    while True:
        before_page()
        with guard(account, region, _PERMISSION):
            page = client(account, "cloudwatch", region).get_metric_data(**request)
        yield page
        token = page.get("NextToken")
        if not token:
            return
        if token in seen:
            what = f"{_PERMISSION} in {region} of account {account.account_id}"
            detail = "the answer names a page that was there before"
            raise AwsUnreachableError(what=what, permission=_PERMISSION, code="RepeatedPage", detail=detail)
        seen.add(token)
        request["NextToken"] = token


def _merge(found: dict[str, MetricResult], page: GetMetricDataOutputTypeDef) -> None:
    general = [_message(m.get("Code"), m.get("Value")) for m in page.get("Messages", [])]
    for answer in page.get("MetricDataResults", []):
        result = found.get(answer["Id"])
        if result is None:
            continue
        times: list[Any] = list(answer.get("Timestamps", []))
        if times and isinstance(times[0], datetime):  # botocore's own parser read this page
            times = [at.timestamp() for at in times]
        # A series cut by a page reads PartialData until its last page; the last word counts.
        result.status = answer["StatusCode"]
        if len(times) == len(answer.get("Values", [])):
            result.times += map(int, times)
            result.values += answer["Values"]
        else:
            result.status = "Malformed"
        said = [_message(m.get("Code"), m.get("Value")) for m in answer.get("Messages", [])]
        result.messages += [text for text in (*said, *general) if text not in result.messages]


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
