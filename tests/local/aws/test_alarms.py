"""Alarms are evaluated: born with insufficient data, M of N, missing data as asked, with a history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsportal.local.aws import alarm_answers, puts
from opsportal.local.aws.alarms import AlarmBook, decide
from opsportal.local.aws.calls import AnswerError, Call
from opsportal.local.aws.catalogue import ACCOUNT, REGION
from opsportal.local.aws.standing import standing_alarms
from opsportal.local.aws.world import World

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
ALARM = {
    "AlarmName": "busy",
    "Namespace": "N",
    "MetricName": "load",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


class Shop:
    """One simulator's alarms, asked at minutes counted from noon."""

    def __init__(self) -> None:
        self.world = World(today=NOW.date())
        self._table = alarm_answers.handlers(AlarmBook(self.world))

    def do(self, operation: str, minute: float, **params: Any) -> Any:
        at = NOW + timedelta(minutes=minute)
        return self._table[operation](Call(self.world, ACCOUNT, REGION, params, at))

    def state(self, minute: float, name: str = "busy") -> str:
        (row,) = self.do("DescribeAlarms", minute, AlarmNames=[name])["MetricAlarms"]
        return str(row["StateValue"])

    def put(self, minute: int, value: float) -> None:
        at = NOW + timedelta(minutes=minute)
        row = {"MetricName": "load", "Timestamp": at, "Value": value}
        puts.put_metric_data(Call(self.world, ACCOUNT, REGION, {"Namespace": "N", "MetricData": [row]}, at))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_an_alarm_is_born_with_insufficient_data_and_walks_through_its_states(shop: Shop) -> None:
    shop.do("PutMetricAlarm", 0, **ALARM)
    assert shop.state(0.5) == "INSUFFICIENT_DATA"
    values = {0: 5, 1: 5, 2: 20, 3: 5, 4: 20, 5: 5, 6: 5}
    seen = {}
    for minute, value in values.items():
        shop.put(minute, value)
        seen[minute] = shop.state(minute + 1.1)
    assert seen == {0: "OK", 1: "OK", 2: "OK", 3: "OK", 4: "ALARM", 5: "OK", 6: "OK"}
    assert shop.state(12) == "INSUFFICIENT_DATA"
    items = shop.do("DescribeAlarmHistory", 12, AlarmName="busy", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [row["HistorySummary"] for row in items] == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to INSUFFICIENT_DATA",
    ]
    assert [row["Timestamp"] for row in items][1] == NOW + timedelta(minutes=5)


def test_history_is_the_same_whenever_it_is_asked_for() -> None:
    often, once = Shop(), Shop()
    for shop in (often, once):
        shop.do("PutMetricAlarm", 0, **ALARM)
        for minute, value in enumerate([5, 20, 20, 5, 5, 20, 20, 20, 5]):
            shop.put(minute, value)
            if shop is often:
                shop.state(minute + 1)
    ask = {"AlarmName": "busy", "StartDate": NOW, "EndDate": NOW + timedelta(hours=1)}
    assert often.do("DescribeAlarmHistory", 9, **ask) == once.do("DescribeAlarmHistory", 9, **ask)


@pytest.mark.parametrize(
    "treatment, expected",
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "OK"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_missing_data_is_treated_as_asked(treatment: str, expected: str) -> None:
    definition = {**ALARM, "TreatMissingData": treatment}
    assert decide(definition, [None, None, None], "OK") == expected


@pytest.mark.parametrize(
    "window, expected",
    [
        ([20.0, 5.0, 5.0], "OK"),
        ([20.0, 5.0, 20.0], "ALARM"),
        ([20.0, None, 20.0], "ALARM"),
        ([None, None, 20.0], "OK"),
        ([10.0, 10.0, 10.0], "OK"),
    ],
)
def test_m_of_n(window: list[float | None], expected: str) -> None:
    assert decide(ALARM, window, "OK") == expected


def test_standing_alarms_tell_of_a_fault_and_its_end(shop: Shop) -> None:
    assert {shop.state(0, row["AlarmName"]) for row in standing_alarms()} == {"OK"}
    shop.world.start_fault("db-connections", at=NOW, minutes=14)
    assert shop.state(11, "Database-High-Connections") == "ALARM"
    assert shop.state(11, "shop-management-target-5xx") == "ALARM"
    shop.world.heal(at=NOW + timedelta(minutes=12))
    assert shop.state(26, "Database-High-Connections") == "OK"


def test_standing_alarms_remember_the_faults_of_the_last_thirty_days(shop: Shop) -> None:
    rows = shop.do("DescribeAlarmHistory", 0, StartDate=NOW - timedelta(days=40), EndDate=NOW, MaxRecords=100)
    rang = {row["AlarmName"] for row in rows["AlarmHistoryItems"] if row["HistorySummary"].endswith("to ALARM")}
    assert {"Database-High-Connections", "solemate-no-healthy-target", "phase-09-target-5xx"} <= rang
    assert min(row["Timestamp"] for row in rows["AlarmHistoryItems"]) >= NOW - timedelta(days=30)


def test_history_and_alarms_come_in_pages(shop: Shop) -> None:
    names: list[str] = []
    token = None
    while True:
        page = shop.do("DescribeAlarms", 0, MaxRecords=5, NextToken=token)
        names += [row["AlarmName"] for row in page["MetricAlarms"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert names == sorted(row["AlarmName"] for row in standing_alarms())


def test_a_state_can_be_set_and_an_alarm_deleted(shop: Shop) -> None:
    shop.do("PutMetricAlarm", 0, **ALARM)
    shop.do("SetAlarmState", 0.1, AlarmName="busy", StateValue="ALARM", StateReason="try")
    assert shop.state(0.2) == "ALARM"
    shop.do("DeleteAlarms", 0.3, AlarmNames=["busy"])
    assert shop.do("DescribeAlarms", 0.4, AlarmNames=["busy"])["MetricAlarms"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"Metrics": [{"Id": "m"}]},
        {"DatapointsToAlarm": 4},
        {"TreatMissingData": "guess"},
    ],
)
def test_an_alarm_that_cannot_be_evaluated_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    with pytest.raises(AnswerError) as caught:
        shop.do("PutMetricAlarm", 0, **{**ALARM, **change})
    assert caught.value.code == "ValidationError"
