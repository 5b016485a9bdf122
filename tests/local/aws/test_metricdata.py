"""GetMetricData as CloudWatch answers it: alignment, exact dimensions, pages, limits, the ladder, honest refusals."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsportal.local.aws import metricdata, puts
from opsportal.local.aws.calls import AnswerError, Call
from opsportal.local.aws.catalogue import ACCOUNT, REGION
from opsportal.local.aws.world import World

NOW = datetime(2026, 3, 11, 12, 0, 20, tzinfo=UTC)
BASE = datetime(2026, 3, 11, 10, 0, tzinfo=UTC)
PAIR = [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}]
ECS = [
    {"Name": "ClusterName", "Value": "bookstore-cluster"},
    {"Name": "ServiceName", "Value": "bookstore-api"},
]


@pytest.fixture
def world() -> World:
    """An hour of a metric of our own: 100 times a minute, and errors from nought to four."""
    world = World(today=NOW.date())
    for minute in range(60):
        at = BASE + timedelta(minutes=minute)
        rows = [
            {
                "MetricName": "time",
                "Dimensions": PAIR,
                "Timestamp": at,
                "Values": [0.1, 0.2, 0.9],
                "Counts": [90, 4, 6],
            },
            {"MetricName": "asked", "Dimensions": PAIR, "Timestamp": at, "Value": 100},
            {"MetricName": "failed", "Dimensions": PAIR, "Timestamp": at, "Value": minute % 5},
        ]
        puts.put_metric_data(call(world, {"Namespace": "N", "MetricData": rows}))
    return world


def call(world: World, params: dict[str, Any], *, account: str = ACCOUNT) -> Call:
    return Call(world, account, REGION, params, NOW)


def query(identity: str, name: str, stat: str, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": more.pop("namespace", "N"), "MetricName": name, "Dimensions": more.pop("dimensions", PAIR)}
    period = more.pop("period", 300)
    return {"Id": identity, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


def ask(world: World, *queries: dict[str, Any], **more: Any) -> dict[str, dict[int, float]]:
    params = {
        "MetricDataQueries": list(queries),
        "StartTime": more.pop("start", BASE),
        "EndTime": more.pop("end", BASE + timedelta(hours=1)),
        **more,
    }
    answer = metricdata.get_metric_data(call(world, params))
    return {c.identity: dict(zip(c.times, c.values, strict=True)) for c in answer.results}


def refusal(world: World, *queries: dict[str, Any], **more: Any) -> str:
    with pytest.raises(AnswerError) as caught:
        ask(world, *queries, **more)
    assert caught.value.code == "ValidationError"
    return caught.value.message


def test_statistics_of_values_with_counts(world: World) -> None:
    wanted = {
        "Sum": 5 * (9 + 0.8 + 5.4),
        "SampleCount": 500,
        "Average": 0.152,
        "Minimum": 0.1,
        "Maximum": 0.9,
        "p50": 0.1,
        "p90": 0.1,
        "p94": 0.2,
        "p95": 0.9,
        "TC(:0.1)": 450,
        "TC(0.1:0.5)": 20,
        "PR(:0.2)": 94,
        "TS(0.5:)": 27,
        "TM(0.1:0.5)": 0.2,
    }
    found = ask(world, *(query(f"q{n}", "time", stat) for n, stat in enumerate(wanted)))
    for number, (stat, value) in enumerate(wanted.items()):
        assert list(found[f"q{number}"].values()) == pytest.approx([value] * 12), stat


def test_dimensions_match_exactly_and_in_any_order(world: World) -> None:
    found = ask(
        world,
        query("same", "asked", "Sum", dimensions=PAIR[::-1]),
        query("fewer", "asked", "Sum", dimensions=PAIR[:1]),
        query("none", "asked", "Sum", dimensions=[]),
        query("space", "asked", "Sum", namespace="M"),
        query("half", "CPUUtilization", "Average", namespace="AWS/ECS", dimensions=ECS[1:]),
        query("both", "CPUUtilization", "Average", namespace="AWS/ECS", dimensions=ECS),
    )
    assert {name for name, rows in found.items() if rows} == {"same", "both"}


def test_periods_are_aligned_and_the_end_is_exclusive(world: World) -> None:
    start = BASE + timedelta(seconds=157)
    found = ask(world, query("a", "asked", "Sum"), start=start, end=BASE + timedelta(minutes=10))["a"]
    assert found == {int(BASE.timestamp()): 500.0, int(BASE.timestamp()) + 300: 500.0}


def test_the_newest_point_comes_first_unless_asked_otherwise(world: World) -> None:
    down = list(ask(world, query("a", "asked", "Sum"))["a"])
    up = list(ask(world, query("a", "asked", "Sum"), ScanBy="TimestampAscending")["a"])
    assert up == sorted(up)
    assert down == up[::-1]


def test_arithmetic_and_fill(world: World) -> None:
    queries = [query("asked", "asked", "Sum", ReturnData=False), query("failed", "failed", "Sum", ReturnData=False)]
    found = ask(world, *queries, {"Id": "rate", "Expression": "100 * failed / (asked - 0)"})
    assert list(found) == ["rate"]
    assert list(found["rate"].values()) == [2.0] * 12
    longer = {"end": BASE + timedelta(minutes=70)}
    filled = ask(world, queries[1], {"Id": "full", "Expression": "FILL(failed, 0) + 1"}, **longer)["full"]
    assert max(filled.items()) == (int(BASE.timestamp()) + 3900, 1.0)


@pytest.mark.parametrize(
    "expression",
    [
        "SEARCH('{N} time', 'Sum', 300)",
        "SELECT AVG(time) FROM N",
        "asked ** 2",
        "ANOMALY_DETECTION_BAND(asked)",
        "other + 1",
        "1 + 1",
        "asked +",
        "(" * 300,
    ],
)
def test_what_cannot_be_computed_is_refused_and_never_empty(world: World, expression: str) -> None:
    assert refusal(world, query("asked", "asked", "Sum"), {"Id": "x", "Expression": expression})


def test_limits_are_refused_in_words(world: World) -> None:
    one = query("a", "asked", "Sum")
    many = [query(f"m{n}", "asked", "Sum") for n in range(501)]
    assert "500" in refusal(world, *many)
    assert "Id" in refusal(world, query("Bad-Id", "asked", "Sum"))
    assert "unique" in refusal(world, one, one)
    assert "Period" in refusal(world, query("a", "asked", "Sum", period=7))
    assert "Stat" in refusal(world, query("a", "asked", "p"))
    assert "Stat" in refusal(world, query("a", "asked", "tm99"))
    assert "StartTime" in refusal(world, one, end=BASE)
    assert "MaxDatapoints" in refusal(world, one, MaxDatapoints=100_801)


def test_pages_hold_every_point_once(world: World) -> None:
    size = random.Random(3)
    queries = [query(name, name, "Sum", period=60) for name in ("asked", "failed", "time", "nothing")]
    for limit in (1, 7, 60, 61, size.randrange(100, 180)):
        found: dict[str, list[int]] = {}
        params = {
            "MetricDataQueries": queries,
            "StartTime": BASE,
            "EndTime": NOW,
            "MaxDatapoints": limit,
        }
        last: dict[str, str] = {}
        for _ in range(200):
            answer = metricdata.get_metric_data(call(world, params))
            assert sum(len(column.times) for column in answer.results) <= limit
            for column in answer.results:
                found.setdefault(column.identity, []).extend(column.times)
                last[column.identity] = column.status
            if answer.next_token is None:
                break
            params["NextToken"] = answer.next_token
        assert {name: len(times) for name, times in found.items()} == {
            "asked": 60,
            "failed": 60,
            "time": 60,
            "nothing": 0,
        }
        assert all(len(set(times)) == len(times) for times in found.values())
        assert set(last.values()) == {"Complete"}


def test_a_token_of_another_request_is_refused(world: World) -> None:
    params = {"MetricDataQueries": [query("a", "asked", "Sum")], "StartTime": BASE, "EndTime": NOW, "MaxDatapoints": 3}
    token = metricdata.get_metric_data(call(world, params)).next_token
    for bad in ("rubbish", token):
        with pytest.raises(AnswerError) as caught:
            metricdata.get_metric_data(call(world, {**params, "MaxDatapoints": 4, "NextToken": bad}))
        assert caught.value.code == "InvalidNextToken"


@pytest.mark.parametrize("period, kept", [(60, 15), (300, 63), (3600, 455)])
def test_the_ladder_drops_what_cloudwatch_no_longer_keeps(world: World, period: int, kept: int) -> None:
    cpu = {"namespace": "AWS/ECS", "dimensions": ECS, "period": period}
    edge = NOW - timedelta(days=kept)
    near = timedelta(hours=3)
    found = ask(world, query("a", "CPUUtilization", "Average", **cpu), start=edge - near, end=edge + near)["a"]
    assert found
    assert min(found) >= edge.timestamp()
    assert min(found) <= edge.timestamp() + period


def test_only_the_account_of_the_shop_has_its_metrics(world: World) -> None:
    params = {
        "MetricDataQueries": [query("a", "CPUUtilization", "Average", namespace="AWS/ECS", dimensions=ECS)],
        "StartTime": BASE,
        "EndTime": NOW,
    }
    assert metricdata.get_metric_data(call(world, params)).results[0].values
    assert not metricdata.get_metric_data(call(world, params, account="222222222222")).results[0].values


def test_puts_take_two_weeks_back_and_two_hours_ahead(world: World) -> None:
    for at in (NOW - timedelta(days=15), NOW + timedelta(hours=3)):
        with pytest.raises(AnswerError):
            puts.put_metric_data(call(world, {"Namespace": "N", "MetricData": [{"MetricName": "x", "Timestamp": at}]}))
    with pytest.raises(AnswerError):
        puts.put_metric_data(call(world, {"Namespace": "AWS/ECS", "MetricData": []}))


def test_metrics_are_listed_by_filter(world: World) -> None:
    every = puts.list_metrics(call(world, {}))
    assert len(every["Metrics"]) > 200
    some = puts.list_metrics(call(world, {"Namespace": "AWS/RDS", "Dimensions": [{"Name": "DBClusterIdentifier"}]}))
    assert {row["Namespace"] for row in some["Metrics"]} == {"AWS/RDS"}
    assert len(some["Metrics"]) == 9


def test_statistics_come_plain_and_extended_together(world: World) -> None:
    params = {
        "Namespace": "N",
        "MetricName": "time",
        "Dimensions": PAIR,
        "StartTime": BASE,
        "EndTime": BASE + timedelta(minutes=5),
        "Period": 300,
        "Statistics": ["Average"],
        "ExtendedStatistics": ["p95"],
    }
    (row,) = metricdata.get_metric_statistics(call(world, params))["Datapoints"]
    assert row["Average"] == pytest.approx(0.152)
    assert row["ExtendedStatistics"] == {"p95": 0.9}
