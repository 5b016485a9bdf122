"""Values are a function of series and minute: minutes add up to buckets, a restart shows the same past."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION, platform
from opsportal.local.aws.metricdata import Points, Question, points
from opsportal.local.aws.metrics import Metric, metrics
from opsportal.local.aws.shapes import Errors, Latency, Requests
from opsportal.local.aws.world import World

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
METRICS = list(metrics())


def ask(world: World, metric: Metric, stat: str, period: int, minutes: int, *, end: datetime = NOW) -> Points:
    start = end - timedelta(minutes=minutes)
    question = Question(
        metric.namespace,
        metric.name,
        frozenset(metric.dimensions),
        stat,
        period,
        start.timestamp(),
        end.timestamp(),
        NOW.timestamp(),
    )
    return points(world, ACCOUNT, REGION, question)


def metric_of(key: str, name: str, *, dimensions: int = 1) -> Metric:
    return next(m for m in METRICS if m.platform == key and m.name == name and len(m.dimensions) == dimensions)


@pytest.fixture
def world() -> World:
    return World(today=NOW.date())


def additive(metric: Metric) -> list[str]:
    if isinstance(metric.shape, Requests | Errors):
        return ["Sum", "SampleCount"]
    return ["SampleCount", "TC(:0.1)", "TC(0.05:0.2)"] if isinstance(metric.shape, Latency) else ["Sum"]


@pytest.mark.parametrize("troubled", [False, True], ids=["calm", "under a fault"])
def test_minutes_add_up_to_five_minutes_and_these_to_an_hour(world: World, troubled: bool) -> None:
    if troubled:
        for fault in ("db-connections", "error-rate", "latency", "service-down"):
            at = NOW - timedelta(minutes=47, seconds=20)
            world.start_fault(fault, at=at, minutes=13, platform="shop-management")
    for metric in (m for m in METRICS if m.platform == "shop-management"):
        for stat in additive(metric):
            fine, coarse = ask(world, metric, stat, 60, 60), ask(world, metric, stat, 300, 60)
            assert {at // 300 * 300 for at in fine} == set(coarse), (metric.name, stat)
            for bucket, value in coarse.items():
                summed = sum(v for at, v in fine.items() if at // 300 * 300 == bucket)
                assert math.isclose(summed, value, rel_tol=1e-9), (metric.name, stat)
            hour = ask(world, metric, stat, 3600, 60)
            assert math.isclose(sum(hour.values()), sum(coarse.values()), rel_tol=1e-9), (metric.name, stat)


@pytest.mark.parametrize("period", [300, 3600])
def test_extremes_and_means_of_a_period_are_those_of_its_minutes(world: World, period: int) -> None:
    world.start_fault("service-down", at=NOW - timedelta(minutes=80), minutes=7)
    for metric in (m for m in METRICS if m.platform == "solemate"):
        fine = {stat: ask(world, metric, stat, 60, 180) for stat in ("Minimum", "Maximum", "Sum", "SampleCount")}
        for stat, pick in (("Minimum", min), ("Maximum", max)):
            for start, value in ask(world, metric, stat, period, 180).items():
                inside = [v for at, v in fine[stat].items() if start <= at < start + period]
                assert math.isclose(pick(inside), value, rel_tol=1e-9, abs_tol=1e-9), (metric.name, stat)
        for start, value in ask(world, metric, "Average", period, 180).items():
            total, number = (
                sum(v for at, v in fine[stat].items() if start <= at < start + period)
                for stat in ("Sum", "SampleCount")
            )
            assert math.isclose(total / number, value, rel_tol=1e-9, abs_tol=1e-9), metric.name


def test_a_percentile_is_where_that_share_lies(world: World) -> None:
    metric = metric_of("bookstore", "TargetResponseTime")
    number = next(iter(ask(world, metric, "SampleCount", 3600, 60).values()))
    for percent in (50, 90, 95, 99):
        value = next(iter(ask(world, metric, f"p{percent}", 3600, 60).values()))
        below = next(iter(ask(world, metric, f"TC(:{value})", 3600, 60).values()))
        assert abs(below / number - percent / 100) < 0.001


def test_sample_counts_of_times_are_the_requests(world: World) -> None:
    for owner in PLATFORMS:
        requests = ask(world, metric_of(owner.key, "RequestCount"), "Sum", 60, 30)
        assert ask(world, metric_of(owner.key, "TargetResponseTime"), "SampleCount", 60, 30) == requests


def test_traffic_has_a_day_and_a_week(world: World) -> None:
    shop = metric_of("shop-management", "RequestCount")
    daily = ask(world, shop, "Sum", 3600, 24 * 60)
    assert max(daily.values()) > 3 * min(daily.values())
    weekly = ask(world, shop, "Sum", 86_400, 7 * 24 * 60, end=datetime(2026, 3, 11, tzinfo=UTC))
    sunday = int(datetime(2026, 3, 8, tzinfo=UTC).timestamp())
    assert weekly[sunday] < 0.8 * max(weekly.values())


def test_a_calm_shop_crosses_no_line_of_its_standing_alarms(world: World) -> None:
    for owner in PLATFORMS:
        connections = [
            m
            for m in METRICS
            if m.platform == owner.key and m.name == "DatabaseConnections" and m.platform != "phase-09"
        ]
        calm_end = datetime(2026, 3, 11, tzinfo=UTC) - timedelta(days=29)
        for metric in connections:
            values = ask(world, metric, "Maximum", 3600, 3 * 24 * 60, end=calm_end)
            assert max(values.values()) < 80, (metric.platform, metric.dimensions)


def test_present_and_future_minutes_are_not_there_yet(world: World) -> None:
    metric = metric_of("bookstore", "RequestCount")
    question = Question(
        metric.namespace,
        metric.name,
        frozenset(metric.dimensions),
        "Sum",
        60,
        NOW.timestamp() - 300,
        NOW.timestamp() + 3600,
        NOW.timestamp() + 30,
    )
    assert max(points(world, ACCOUNT, REGION, question)) == int(NOW.timestamp()) - 60


def test_an_untouched_minute_without_errors_has_no_datapoint(world: World) -> None:
    metric = metric_of("genai-demo", "HTTPCode_Target_5XX_Count")
    found = ask(world, metric, "Sum", 60, 600)
    assert 0 < len(found) < 600
    assert min(found.values()) >= 1


@pytest.mark.parametrize(
    "fault, key, metric_name, stat, low, high",
    [
        ("db-connections", "shop-management", "DatabaseConnections", "Maximum", 81, 140),
        ("db-connections", "shop-management", "database_connections", "Average", 81, 140),
        ("latency", "genai-demo", "TargetResponseTime", "p95", 5, 20),
        ("service-down", "solemate", "HTTPCode_ELB_5XX_Count", "Sum", 500, 10_000),
        ("error-rate", "bookstore", "HTTPCode_Target_5XX_Count", "Sum", 100, 2000),
    ],
)
def test_a_fault_moves_its_metric_from_its_first_minute_and_no_longer_than_it_lasts(
    world: World, fault: str, key: str, metric_name: str, stat: str, low: float, high: float
) -> None:
    at = NOW - timedelta(minutes=20, seconds=-25)
    world.start_fault(fault, at=at, minutes=10)
    metric = metric_of(key, metric_name)
    found = ask(world, metric, stat, 60, 30)
    first = int(at.timestamp()) // 60 * 60
    inside = [value for minute, value in found.items() if first <= minute < first + 600]
    assert len(inside) == 10
    assert all(low <= value <= high for value in inside), inside
    outside = [value for minute, value in found.items() if not first <= minute < first + 600]
    assert all(not low <= value <= high for value in outside), outside


def test_writers_share_of_errors_makes_the_budget_burn(world: World) -> None:
    world.start_fault("db-connections", at=NOW - timedelta(minutes=10), minutes=10)
    bad = sum(ask(world, metric_of("shop-management", "HTTPCode_Target_5XX_Count"), "Sum", 60, 10).values())
    asked = sum(ask(world, metric_of("shop-management", "RequestCount"), "Sum", 60, 10).values())
    assert 0.05 < bad / asked < 0.08
    assert platform("shop-management").services[0].name == "shop-management-api"
