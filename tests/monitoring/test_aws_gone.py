"""AWS gone or lying, in small; on the real stack it is `python -m tests.faults aws`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitoring.collector import poll as polling
from monitoring.collector.history import fill_history
from monitoring.collector.poll import poll, polling_session
from monitoring.loops.watch import watch_eyes
from monitoring.models import Alarm, AlarmTransition, AwsAccount, Backfill, PollCoverage, PollRun, Series, SloBucket
from monitoring.selectors.points import unread_for
from monitoring.services.accounts import account_put, source_put
from monitoring.store import floor_to
from opsportal.aws import cloudwatch
from opsportal.core.clock import now
from opsportal.local.aws.catalogue import ACCOUNT, EXTERNAL_IDS
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, REGION, rule_of, slo_of, term
from tests.local.aws.simulator import Simulator

pytestmark = [pytest.mark.django_db, pytest.mark.aws]
ALB = {"LoadBalancer": "app/shop-management-alb/e9ae14dff5184832"}
DATABASE = {"DBClusterIdentifier": "shop-management-aurora"}
MINUTE = timedelta(minutes=1)
BAD = ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
TOTAL = ("RequestCount", "HTTPCode_ELB_5XX_Count")
# Trouble, whether it takes the whole view away, and how long one answer is waited for.
TROUBLES = [
    ("throttled", True, 5), ("denied", True, 5), ("hole", True, 1), ("half-paged", True, 5), ("clock", True, 5),
    ("slow", False, 5), ("partial", False, 5),
]  # fmt: skip


@pytest.fixture
def account(platform: Platform, simulated_aws: Simulator) -> Iterator[AwsAccount]:
    """The simulated account with an objective of the balancer and a rule of the database."""
    at = now()
    found = account_put(
        by=BY, at=at, account_id=ACCOUNT, name="demo", role_arn=f"arn:aws:iam::{ACCOUNT}:role/opsportal-read",
        external_id=EXTERNAL_IDS[ACCOUNT], regions=[REGION],
    )  # fmt: skip
    source_put(by=BY, at=at, platform=platform, account=found)
    rule_of(platform, at=at, indicator={"value": term("DatabaseConnections", namespace="AWS/RDS", dimensions=DATABASE)})
    indicator = {
        name: [term(metric, dimensions=ALB) for metric in metrics] for name, metrics in (("total", TOTAL), ("bad", BAD))
    }
    slo_of(platform, at=at, indicator=indicator)
    Series.objects.exclude(account=found).update(enabled=False)
    AwsAccount.objects.exclude(pk=found.pk).update(enabled=False)
    source_put(by=BY, at=at, platform=platform, account=found)
    yield found
    simulated_aws.control.trouble("")


def read(account: AwsAccount, at: datetime) -> PollRun:
    """One pass and one look at our own eyes."""
    run = poll(account=account, region=REGION, period=60, at=at)
    watch_eyes(at)
    return run


def truth(aws: Simulator, metrics: tuple[str, ...], start: datetime, end: datetime) -> float:
    """Events as the healthy AWS tells them."""
    queries = [
        cloudwatch.MetricQuery(name, "AWS/ApplicationELB", name, tuple(ALB.items()), "Sum", 60) for name in metrics
    ]
    return sum(sum(one.values) for one in cloudwatch.metric_data(aws.account, REGION, queries, start=start, end=end))


@pytest.mark.parametrize("trouble, is_blinding, patience", TROUBLES)
def test_trouble_is_said_once_nothing_flaps_and_the_objective_becomes_true(
    account: AwsAccount, platform: Platform, simulated_aws: Simulator, monkeypatch: pytest.MonkeyPatch,
    trouble: str, is_blinding: bool, patience: int,
) -> None:  # fmt: skip
    session = replace(polling_session(account), attempts=1, read_seconds=patience)
    monkeypatch.setattr(polling, "polling_session", lambda _account: session)
    start = floor_to(now(), 300) - 25 * MINUTE
    for minute in (0, 5):
        read(account, start + minute * MINUTE)
    before = Alarm.objects.get(origin="rule").state
    simulated_aws.control.trouble(trouble)
    runs = [read(account, start + minute * MINUTE) for minute in ((6, 7, 8, 9) if trouble != "slow" else (6,))]
    series = Series.objects.select_related("account").filter(account=account)
    blind = Alarm.objects.get(platform=platform, origin="portal")
    assert (blind.state == "alarm") is is_blinding
    if is_blinding:
        assert {run.state for run in runs} == {"failed"}
        assert all(run.error for run in runs)
        assert blind.since - (start + 6 * MINUTE) <= 3 * MINUTE
        assert all(unread_for(one, start + 10 * MINUTE) for one in series)
    simulated_aws.control.trouble("")
    for minute in (11, 12, 20):
        assert read(account, start + minute * MINUTE).state == "ok"
    blind.refresh_from_db()
    assert blind.state == "ok"
    assert AlarmTransition.objects.filter(alarm=blind, to_state="alarm").count() == int(is_blinding)
    rule = Alarm.objects.get(origin="rule")
    assert (rule.state, rule.transitions.count()) == (before, 1)
    assert PollCoverage.objects.filter(series__in=series).count() == series.count()
    stop = start + 20 * MINUTE
    counted = SloBucket.objects.filter(res=5, ts__gte=start, ts__lt=stop)
    total = sum(row.total for row in counted)
    assert [row.covered for row in counted] == [1] * 4
    assert total == truth(simulated_aws, TOTAL, start, stop) > 0
    assert total - sum(row.good for row in counted) == truth(simulated_aws, BAD, start, stop)


def test_an_outage_of_hours_is_filled_afterwards(account: AwsAccount, simulated_aws: Simulator) -> None:
    at = floor_to(now(), 300)
    start = at - timedelta(hours=6)
    read(account, start)
    read(account, at)
    assert SloBucket.objects.filter(res=5, ts__gte=start, ts__lt=at, covered=0).exists() or (
        SloBucket.objects.filter(res=5, ts__gte=start, ts__lt=at).count() < 72
    )
    while Backfill.objects.filter(finished_at=None).exists():
        assert fill_history(account=account, region=REGION, at=at)
    counted = SloBucket.objects.filter(res=5, ts__gte=start, ts__lt=at)
    assert (counted.count(), sum(row.covered for row in counted)) == (72, 72)
    assert sum(row.total for row in counted) == truth(simulated_aws, TOTAL, start, at)
    assert PollCoverage.objects.filter(series__account=account, series__name="RequestCount").count() == 1
