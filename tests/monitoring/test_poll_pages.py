"""The polls page, one pass, a stale chart, and what /metrics says of the collector."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.models import AwsAccount, PollRun, RegionPoll, Series
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.monitoring import REGION, account_of, metric_of, rule_of, series_named, write

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def account(platform: Platform) -> AwsAccount:
    at = now()
    rule_of(platform, at=at)
    return account_of(platform, at=at)


def run_of(account: AwsAccount, minutes: int, state: str = "ok", **values: object) -> PollRun:
    fields = {"region": REGION, "period": 60, "requests": 2, "metrics_billed": 7, "lag_seconds": 90} | values
    return PollRun.objects.create(account=account, started_at=now() - minutes * MINUTE, state=state, **fields)


def test_passes_are_narrowed_by_state_account_and_region_and_open(
    account: AwsAccount, viewer: User, client_for: ClientFor
) -> None:
    well, ill = run_of(account, 2), run_of(account, 1, "failed", error="AWS is away <b>", refused=3, throttles=1)
    far = run_of(account, 3, "partial", region="eu-west-1", error="half", late_revisions=4)
    client, page = client_for(viewer), reverse("monitoring:polls")
    links = {run: reverse("monitoring:poll-run", args=[run.pk]) for run in (well, ill, far)}

    def shown(**query: str) -> set[PollRun]:
        text = client.get(page, query).text
        return {run for run, link in links.items() if link in text}

    assert shown() == {well, ill, far}
    assert shown(show="trouble") == {ill, far}
    assert shown(show="late") == {far}
    assert shown(show="nonsense") == {well, ill, far}
    assert shown(account=account.account_id, region=REGION) == {well, ill}
    Series.objects.update(last_status="PartialData")
    text = client.get(links[ill]).text
    assert "AWS is away &lt;b&gt;" in text
    assert "3 datapoints were refused" in text
    assert "DatabaseConnections" in text


def test_many_passes_come_by_pages(account: AwsAccount, viewer: User, client_for: ClientFor) -> None:
    for n in range(60):
        run_of(account, n)
    client = client_for(viewer)
    first = client.get(reverse("monitoring:polls")).text
    assert first.count("/monitoring/polls/") < 60
    assert "cursor=" in first


def test_the_meter_says_what_the_month_costs_and_that_it_slows_down(
    account: AwsAccount, viewer: User, client_for: ClientFor
) -> None:
    run_of(account, 1, metrics_billed=200_000)
    AwsAccount.objects.update(pace=2, cost_cap_usd=1)
    RegionPoll.objects.create(account=account, region=REGION, share=0.25, failed_in_row=2)
    text = client_for(viewer).get(reverse("monitoring:polls")).text
    assert "2.00 USD" in text
    assert "The budget slows polling down" in text
    assert "every 60 min" in text
    assert "raise it, or read fewer metrics" in text
    assert "at 25 %" in text
    assert "no answer, 2 in a row" in text


def test_passes_of_others_do_not_exist(account: AwsAccount, stranger: User, client_for: ClientFor) -> None:
    run = run_of(account, 1)
    assert client_for(stranger).get(reverse("monitoring:poll-run", args=[run.pk])).status_code == 404


def test_a_chart_older_than_two_intervals_says_so_and_turns_grey(
    platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    metric = metric_of(platform, at=now())
    series, chart = series_named("RequestCount"), reverse("monitoring:metric-chart", args=[metric.pk])
    write(series, [5.0] * 12, end=now() - 2 * MINUTE, period=300, column="sum")
    client = client_for(viewer)
    assert "is-stale" not in client.get(chart).text
    Series.objects.filter(pk=series.pk).update(watermark=now() - 25 * MINUTE)
    text = client.get(chart).text
    assert "is-stale" in text
    assert "stale, 25\xa0min" in text


def test_metrics_count_what_the_collector_asked(account: AwsAccount, client: Client) -> None:
    run_of(account, 1, lag_seconds=120)
    RegionPoll.objects.create(account=account, region=REGION, requests=12, metrics_billed=900, late_revisions=4)
    text = client.get("/metrics").text
    labels = f'{{account="{account.account_id}",region="{REGION}"}}'
    assert f"opsportal_collector_requests_total{labels} 12.0" in text
    assert f"opsportal_collector_metrics_billed_total{labels} 900.0" in text
    assert f"opsportal_collector_late_revisions_total{labels} 4.0" in text
    assert f"opsportal_collector_lag_seconds{labels} 120.0" in text
    assert f"opsportal_collector_share{labels} 1.0" in text
