"""Silence of a log is noticed: as a state, as a check, as an alarm; not knowing is never fine (M-MET-12)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from monitoring import evaluation
from monitoring.evidence.runner import run_check
from monitoring.models import Alarm, AwsAccount, EvidenceResult, Series, ServiceMetric
from monitoring.selectors import log_pipeline
from monitoring.selectors.log_pipeline import LogPipeline, pipeline_of
from monitoring.services.binding import series_bind
from monitoring.services.policy import service_metric_put
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.logs import log_group_of
from tests.factories.monitoring import BY, REGION, account_of, rule_of, service_of, term, write

pytestmark = pytest.mark.django_db
FIVE = timedelta(minutes=5)
GROUP = {"LogGroupName": "/web"}


def pipeline(platform: Platform, at: datetime) -> LogPipeline:
    return pipeline_of(ServiceMetric.objects.filter(platform=platform), at=at)


def take_in(metric: ServiceMetric, lines: list[float | None], at: datetime) -> None:
    assert metric.series is not None
    write(metric.series, lines, end=at, period=300, column="sum")


def check(platform: Platform, at: datetime, **params: str) -> EvidenceResult:
    return run_check(platform=platform, name="logs.fresh", params=params, at=at, by=BY)


def test_a_group_that_takes_lines_in_is_fine_and_says_when_the_newest_came(platform: Platform, at: datetime) -> None:
    metric = log_group_of(platform, at=at)
    take_in(metric, [40.0, 12.0, None], at)
    (group,) = pipeline(platform, at).groups
    assert (group.name, group.state, group.newest_at) == ("/web", "ok", at - FIVE)
    found = check(platform, at)
    assert (found.verdict, found.summary) == ("ok", "1\u00a0log group fresh")
    assert found.fetched_at == at - FIVE


def test_silence_beyond_the_expectation_fails(platform: Platform, at: datetime) -> None:
    metric = log_group_of(platform, at=at)
    take_in(metric, [40.0, None, 0.0, None, None], at)
    (group,) = pipeline(platform, at).groups
    assert (group.state, group.why) == ("fail", "No line for 20 min.")
    found = check(platform, at, service="web")
    assert (found.verdict, found.summary) == ("fail", "/web: No line for 20 min.")


def test_what_never_logged_is_silent_and_what_was_never_read_is_not_known(platform: Platform, at: datetime) -> None:
    metric = log_group_of(platform, at=at)
    (group,) = pipeline(platform, at).groups
    assert (group.state, check(platform, at).verdict) == ("unknown", "unknown")
    take_in(metric, [None, None], at)
    assert pipeline(platform, at).groups[0].why == "No line in 7 days."


def test_what_is_not_read_any_more_is_stale_and_the_check_does_not_know(platform: Platform, at: datetime) -> None:
    metric = log_group_of(platform, at=at)
    take_in(metric, [40.0], at)
    later = at + timedelta(minutes=12)
    (group,) = pipeline(platform, later).groups
    assert (group.state, group.why) == ("stale", "Not read for 12 min.")
    assert check(platform, later).verdict == "unknown"


def test_without_anything_read_the_check_does_not_know(platform: Platform, at: datetime) -> None:
    found = check(platform, at)
    assert (found.verdict, found.summary) == ("unknown", "No metric of a log group or of Firehose is read.")
    assert pipeline(platform, at).state == "unknown"


def test_a_rule_says_how_long_silence_may_last_and_fires_when_it_lasts_longer(platform: Platform, at: datetime) -> None:
    metric = log_group_of(platform, at=at)
    value = {"value": term("IncomingLogEvents", namespace="AWS/Logs", dimensions=GROUP)}
    rule = rule_of(
        platform, at=at, key="log-silence", indicator=value, stat="Sum", period=300, datapoints=2, window=2,
        comparison="lt", threshold=1.0, missing="breaching", poll_every=300, signal="log-silence",
    )  # fmt: skip
    account = AwsAccount.objects.get(pk=metric.series.account_id)  # type: ignore[union-attr]
    take_in(metric, [40.0, 40.0], at)
    evaluation.evaluate_account(account=account, region=REGION, at=at)
    alarm = Alarm.objects.get(rule=rule)
    assert alarm.state == "ok"
    assert pipeline(platform, at).groups[0].expected == timedelta(minutes=10)
    later = at + 3 * FIVE
    take_in(metric, [None, None, None], later)
    evaluation.evaluate_account(account=account, region=REGION, at=later + FIVE)
    alarm.refresh_from_db()
    assert alarm.state == "alarm"
    (group,) = pipeline(platform, later).groups
    assert (group.state, group.rule) == ("fail", rule)


def test_of_several_rules_the_one_that_allows_the_shortest_silence_counts(platform: Platform, at: datetime) -> None:
    log_group_of(platform, at=at)
    value = {"value": term("IncomingLogEvents", namespace="AWS/Logs", dimensions=GROUP)}
    for key, period, window in (("short", 300, 5), ("long", 3600, 1)):
        rule_of(
            platform, at=at, key=key, indicator=value, stat="Sum", period=period, datapoints=window, window=window,
            comparison="lt", threshold=1.0, missing="breaching", poll_every=300, signal=key,
        )  # fmt: skip
    assert pipeline(platform, at).groups[0].expected == timedelta(minutes=25)


def test_groups_that_are_too_many_to_be_looked_at_are_never_fine(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = log_group_of(platform, at=at)
    take_in(metric, [40.0], at)
    log_group_of(platform, at=at, metric="IncomingBytes")  # tells nothing of lines, so it takes no place
    monkeypatch.setattr(log_pipeline, "MOST", 1)
    assert pipeline(platform, at).state == "ok"
    monkeypatch.setattr(log_pipeline, "MOST", 0)
    assert (pipeline(platform, at).is_cut, pipeline(platform, at).state) == (True, "unknown")


@pytest.mark.parametrize(
    "name, value, state",
    [
        ("DeliveryToS3.DataFreshness", 80.0, "ok"),
        ("DeliveryToS3.DataFreshness", 2_700.0, "fail"),
        ("DeliveryToS3.Success", 1.0, "ok"),
        ("DeliveryToS3.Success", 0.98, "fail"),
    ],
)
def test_what_firehose_carries_late_or_loses_fails(
    platform: Platform, at: datetime, name: str, value: float, state: str
) -> None:
    values = {
        "name": "Delivery", "namespace": "AWS/Firehose", "metric": name, "unit": "Seconds", "stats": ["Maximum"],
        "dimensions": {"DeliveryStreamName": "logs"},
    }  # fmt: skip
    account_of(platform, at=at)
    service_metric_put(by=BY, at=at, service=service_of(platform), key="delivery", values=values)
    series_bind(by=BY, at=at, platform=platform)
    write(Series.objects.get(), [value], end=at, period=300)
    (row,) = pipeline(platform, at).deliveries
    assert (row.stream, row.state, row.value) == ("logs", state, value)
    assert check(platform, at).verdict == state
    Series.objects.update(watermark=None)
    assert pipeline(platform, at).deliveries[0].state != "ok"


def test_the_page_and_the_api_say_the_same(platform: Platform, viewer: User, client_for: Callable[..., Client]) -> None:
    at = now()
    client = client_for(viewer)
    assert "No log group is watched" in client.get("/monitoring/log-pipeline/").content.decode()
    metric = log_group_of(platform, at=at)
    take_in(metric, [40.0, None, None, None, None, None], at.replace(second=0, microsecond=0))
    page = client.get("/monitoring/log-pipeline/").content.decode()
    assert "silent" in page
    assert "portal default; no rule calls anybody" in page
    answer = client.get("/api/v1/log-pipeline/").json()
    assert (answer["state"], answer["groups"][0]["group"], answer["groups"][0]["state"]) == ("fail", "/web", "fail")
