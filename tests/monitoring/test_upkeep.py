"""Pages behind the figures: capacity, cost, data quality."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from monitoring import store
from monitoring.collector.bill import read_bill
from monitoring.models import AlarmRule, AwsAccount, CostReading, PollCoverage, PollRun, Resource, ResourcePoll, Series
from monitoring.selectors.capacity import capacity
from monitoring.selectors.costs import account_costs
from monitoring.selectors.quality import quality
from monitoring.services.policy import service_metric_put
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.local.aws.catalogue import EXTERNAL_IDS, REGION, ROLE_NAME, SECOND_ACCOUNT
from opsportal.packs.models import PolicyEntry
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, account_of, metric_of, rule_of, series_named, service_of, write
from tests.local.aws.simulator import Simulator

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
CPU = {"ClusterName": "shop", "ServiceName": "web"}
GROWTH = {"cpu_growth_percent": 25.0, "cpu_average_percent": 70.0, "cpu_vertical_percent": 55.0, "tasks_min": 2.0,
          "tasks_max": 4.0}  # fmt: skip


def days_of(platform: Platform, values: list[float], *, at: datetime) -> Series:
    """CPU whose daily averages are these, up to yesterday, under an alarm at 80 %."""
    values_of = {"name": "CPU", "namespace": "AWS/ECS", "metric": "CPUUtilization", "dimensions": CPU,
                 "unit": "Percent", "stats": ["Average"]}  # fmt: skip
    metric = service_metric_put(by=BY, at=at, service=service_of(platform), key="cpu", values=values_of)
    indicator = {"value": {"namespace": "AWS/ECS", "metric": "CPUUtilization", "dimensions": CPU}}
    rule_of(platform, at=at, key="cpu", name="CPU high", indicator=indicator, stat="Average", unit="Percent")
    metric.refresh_from_db()
    series = series_named("CPUUtilization")
    first = floor_to(at, 86400) - timedelta(days=len(values))
    rows = [(series.pk, first + timedelta(days=n), 10, 10 * value) for n, value in enumerate(values)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO monitoring_point_1d (series_id, ts, n, sum) VALUES (%s, %s, %s, %s)", rows)
    return series


def declare(platform: Platform, figures: dict[str, float], group: str = "capacity") -> None:
    PolicyEntry.objects.create(
        platform=platform, group=group, key="growth", title="Growth a year", value="as planned", figures=figures,
        source_text="Guide §8",
    )  # fmt: skip


def test_a_trend_says_when_each_limit_is_reached_beside_the_guide(
    platform: Platform, viewer: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    at = now()
    days_of(platform, [40.0 + n for n in range(20)], at=at)
    declare(platform, GROWTH)
    (row,) = capacity(actor_for(viewer), at=at).rows
    yesterday = floor_to(at, 86400).date() - timedelta(days=1)
    found = {limit.name: limit.when for limit in row.limits}
    assert row.line is not None
    assert row.line.level == pytest.approx(59)
    assert found["alarm CPU high"] is not None
    assert found["alarm CPU high"].expected == yesterday + timedelta(days=21)
    assert found["average the guide allows"] is not None
    assert found["average the guide allows"].expected == yesterday + timedelta(days=11)
    assert row.assumed == [(0.25, "Guide §8")]
    text = client_for(viewer).get(reverse("monitoring:capacity")).content.decode()
    assert "+619 %" in text
    assert "+25" in text
    assert "CPU high" in text
    (answer,) = client_for(viewer).get("/api/v1/capacity/").json()["results"]
    assert (answer["level"], answer["slope"], answer["days"]) == (pytest.approx(59), pytest.approx(1), 20)
    assert answer["limits"][0]["expected"] == (yesterday + timedelta(days=21)).isoformat()


def test_too_little_history_is_refused_in_words(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    days_of(platform, [40.0] * 13, at=now())
    text = client_for(viewer).get(reverse("monitoring:capacity")).content.decode()
    assert "13 of the 14 days a trend needs." in text


def test_tasks_and_the_vertical_rule_are_held_against_live_figures(
    platform: Platform, viewer: User, actor_for: ActorFor
) -> None:
    at = now()
    days_of(platform, [50.0] * 9 + [60.0] * 6, at=at)
    declare(platform, GROWTH)
    Resource.objects.create(
        platform=platform, service=service_of(platform), account=account_of(platform, at=at), region=REGION,
        kind="ecs_service", identifier="shop/web", data={"running": 4, "desired": 4}, fetched_at=at,
    )  # fmt: skip
    found = capacity(actor_for(viewer), at=at)
    assert [(row.wanted, row.least, row.most, row.state) for row in found.scaling] == [(4, 2, 4, "warn")]
    assert [(row.over, row.known, row.state) for row in found.vertical] == [(6, 7, "ok")]


def test_a_baseline_s_limit_is_no_figure_of_the_metric(platform: Platform, viewer: User, actor_for: ActorFor) -> None:
    at = now()
    series = days_of(platform, [40.0] * 20, at=at)
    AlarmRule.objects.filter(key="cpu").update(measure="z", threshold=3.0)
    (row,) = capacity(actor_for(viewer), at=at).rows
    assert (row.metric.series, list(row.limits)) == (series, [])


def test_a_limit_of_peaks_is_held_against_the_days_peaks(platform: Platform, viewer: User, actor_for: ActorFor) -> None:
    at = now()
    series = days_of(platform, [40.0] * 20, at=at)
    declare(platform, {"cpu_average_percent": 70.0, "cpu_peak_percent": 90.0})
    first = floor_to(at, 86400) - timedelta(days=20)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_point_1d SET max = 60 + extract(epoch FROM ts - %s) / 86400 WHERE series_id = %s",
            [first, series.pk],
        )
    (row,) = capacity(actor_for(viewer), at=at).rows
    found = {limit.name: limit.when for limit in row.limits}
    assert found["peak the guide allows"] is not None
    assert found["peak the guide allows"].expected == first.date() + timedelta(days=30)
    assert found["average the guide allows"] is not None
    assert found["average the guide allows"].expected is None


def test_a_metric_that_went_silent_has_neither_trend_nor_vertical_verdict(
    platform: Platform, viewer: User, actor_for: ActorFor
) -> None:
    at = now()
    days_of(platform, [60.0] * 20, at=at - timedelta(days=10))
    declare(platform, GROWTH)
    found = capacity(actor_for(viewer), at=at)
    assert found.rows[0].line is None
    assert found.rows[0].refused.startswith("Silent since")
    assert {limit.when for limit in found.rows[0].limits} == {None}
    assert [(row.known, row.state) for row in found.vertical] == [(0, "unknown")]


def test_capacity_asks_as_much_for_many_metrics_and_shows_no_stranger(
    platform: Platform, viewer: User, stranger: User, actor_for: ActorFor
) -> None:
    at = now()
    days_of(platform, [40.0] * 20, at=at)
    counts = []
    for many in (1, 8):
        for number in range(1, many):
            values = {"name": f"CPU {number}", "namespace": "AWS/ECS", "metric": "CPUUtilization", "dimensions": CPU,
                      "unit": "Percent", "stats": ["Average"]}  # fmt: skip
            row = service_metric_put(by=BY, at=at, service=service_of(platform), key=f"cpu{number}", values=values)
            type(row).objects.filter(pk=row.pk).update(series=series_named("CPUUtilization"))
        with CaptureQueriesContext(connection) as captured:
            assert len(capacity(actor_for(viewer), at=at).rows) == many
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 7
    assert capacity(actor_for(stranger), at=at).total == 0


def second_account(platform: Platform, at: datetime) -> AwsAccount:
    account = account_of(platform, at=at, account_id=SECOND_ACCOUNT)
    account.role_arn = f"arn:aws:iam::{SECOND_ACCOUNT}:role/{ROLE_NAME}"
    account.external_id = EXTERNAL_IDS[SECOND_ACCOUNT]
    account.save()
    return account


def test_the_bill_is_read_once_a_day(
    platform: Platform, viewer: User, simulated_aws: Simulator, actor_for: ActorFor, client_for: ClientFor
) -> None:
    at = now()
    account = account_of(platform, at=at, account_id=simulated_aws.account.account_id)
    account.role_arn, account.external_id = str(simulated_aws.account.role_arn), str(simulated_aws.account.external_id)
    account.save()
    PollRun.objects.create(account=account, region=REGION, period=60, started_at=at, state="ok", metrics_billed=50_000)
    assert read_bill(account=account, at=at)
    assert not read_bill(account=account, at=at + timedelta(hours=23))
    rows = CostReading.objects.count()
    assert read_bill(account=account, at=at + timedelta(hours=25))
    assert CostReading.objects.count() >= rows > 7
    (found,) = account_costs(actor_for(viewer), at=at + timedelta(hours=25))
    assert found.month_usd is not None
    assert found.forecast_usd is not None
    assert found.month_usd == sum(row.now_usd for row in found.services) <= found.forecast_usd
    assert found.services[0].name == "Amazon Relational Database Service"
    assert not found.is_late
    text = client_for(viewer).get(reverse("monitoring:cost")).content.decode()
    assert "Amazon Relational Database Service" in text
    assert "0.50 USD" in text


def test_a_missing_permission_is_could_not_check(
    platform: Platform, viewer: User, simulated_aws: Simulator, client_for: ClientFor
) -> None:
    at = now()
    account = second_account(platform, at)
    assert simulated_aws.url == settings.AWS_ENDPOINT_URL
    assert read_bill(account=account, at=at)
    assert ResourcePoll.objects.get(kind="cost").permission == "ce:GetCostAndUsage"
    assert not CostReading.objects.exists()
    text = client_for(viewer).get(reverse("monitoring:cost")).content.decode()
    assert "Could not check" in text
    assert "ce:GetCostAndUsage" in text
    (answer,) = client_for(viewer).get("/api/v1/costs/").json()["results"]
    assert (answer["month_usd"], answer["permission"]) == (None, "ce:GetCostAndUsage")


def test_a_failed_question_keeps_the_bill(
    platform: Platform, viewer: User, dead_aws: None, actor_for: ActorFor
) -> None:
    at = now()
    account = account_of(platform, at=at)
    month = at.date().replace(day=1)
    CostReading.objects.create(
        account=account, month=month, service="AWS Backup", usd=Decimal("12.50"), is_estimated=True,
        fetched_at=at - timedelta(days=3),
    )  # fmt: skip
    ResourcePoll.objects.create(
        account=account, region="us-east-1", kind="cost", tried_at=at - timedelta(days=3),
        fetched_at=at - timedelta(days=3),
    )  # fmt: skip
    assert read_bill(account=account, at=at)
    assert CostReading.objects.get().usd == Decimal("12.50")
    (found,) = account_costs(actor_for(viewer), at=at)
    assert found.is_late
    assert found.poll is not None
    assert found.poll.error


def test_budgets_stand_beside_the_bill(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    declare(platform, {}, group="cost")
    text = client_for(viewer).get(reverse("monitoring:cost")).content.decode()
    assert "as planned" in text
    assert "no amount in guide" in text


def test_quality_tells_never_answered_from_late_and_from_holes(
    platform: Platform, viewer: User, stranger: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    at = floor_to(now(), 300)
    metric_of(platform, at=at)
    rule_of(platform, at=at)
    requests, connections = series_named("RequestCount"), series_named("DatabaseConnections")
    (row, other) = quality(actor_for(viewer), at=at).rows
    assert {row.state, other.state} == {"fail"}
    write(requests, [1.0] * 12, end=at, period=300, column="sum")
    week = store.floor_to(at - timedelta(days=7), 300)
    PollCoverage.objects.all().delete()
    store.cover([requests.pk], week, at)
    store.cover([connections.pk], week, week + timedelta(days=3))
    store.cover([connections.pk], week + timedelta(days=4), at)
    Series.objects.update(watermark=at, newest_point_at=at)
    found = {row.series.pk: row for row in quality(actor_for(viewer), at=at).rows}
    assert found[requests.pk][1:3] == (1.0, 0)
    assert found[requests.pk].points == 12
    assert found[requests.pk].state == "ok"
    Series.objects.update(newest_point_at=None)  # as it is of a history that was loaded, not read
    found = {row.series.pk: row for row in quality(actor_for(viewer), at=at).rows}
    assert (found[requests.pk].state, found[connections.pk].state) == ("ok", "unknown")
    Series.objects.update(newest_point_at=at)
    found = {row.series.pk: row for row in quality(actor_for(viewer), at=at).rows}
    assert found[connections.pk].coverage == pytest.approx(6 / 7)
    assert found[connections.pk][3] == timedelta(days=1)
    assert (found[connections.pk].gaps, found[connections.pk].state) == (1, "warn")
    write(requests, [2.0], end=at, period=300, column="sum")
    assert quality(actor_for(viewer), at=at).revised == 1
    Series.objects.filter(pk=requests.pk).update(watermark=at - timedelta(hours=1))
    assert quality(actor_for(viewer), at=at).rows[0].state == "stale"
    assert quality(actor_for(stranger), at=at).total == 0
    answers = client_for(viewer).get("/api/v1/data-quality/").json()["results"]
    assert {answer["series"]: answer["gaps"] for answer in answers} == {requests.pk: 0, connections.pk: 1}
    page: Any = client_for(viewer).get(reverse("monitoring:quality"))
    assert reverse("monitoring:series-points", args=[requests.pk]) in page.content.decode()


def test_a_young_series_and_one_read_each_hour_have_no_gap(
    platform: Platform, viewer: User, actor_for: ActorFor
) -> None:
    at = floor_to(now(), 300)
    metric_of(platform, at=at)
    series = series_named("RequestCount")
    PollCoverage.objects.all().delete()
    store.cover([series.pk], at - timedelta(days=1), at)
    Series.objects.update(watermark=at, newest_point_at=at)
    (row,) = (one for one in quality(actor_for(viewer), at=at).rows if one.series == series)
    assert row[1:3] == (1.0, 0)
    assert row.state == "ok"
    AwsAccount.objects.update(pace=2)
    later = at + timedelta(minutes=50)
    (row,) = (one for one in quality(actor_for(viewer), at=later).rows if one.series == series)
    assert (row.gaps, row.state) == (0, "ok")
    AwsAccount.objects.update(pace=0)
    (row,) = (one for one in quality(actor_for(viewer), at=later).rows if one.series == series)
    assert row.gaps == 1
