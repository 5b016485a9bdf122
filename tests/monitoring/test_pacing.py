"""How fast AWS is asked, how often, and that one account never holds another up."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from monitoring.collector import poll as polling
from monitoring.collector.gate import asking
from monitoring.collector.pace import LEAST_SHARE, Pace
from monitoring.collector.poll import poll, polling_session
from monitoring.models import AwsAccount, Backfill, PollRun, RegionPoll, Series
from monitoring.services.accounts import account_put, backfill_add, source_put
from monitoring.store import floor_to
from opsportal.core.clock import now
from opsportal.local.aws.catalogue import EXTERNAL_IDS, SECOND_ACCOUNT
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, REGION, account_of, rule_of, term

pytestmark = [pytest.mark.django_db, pytest.mark.aws]
MINUTE = timedelta(minutes=1)
DATABASE = "shop-management-aurora"


def read_account(platform: Platform, number: str) -> AwsAccount:
    """A simulated account with one minute series of that platform."""
    at = now()
    account = account_put(
        by=BY, at=at, account_id=number, name=number, role_arn=f"arn:aws:iam::{number}:role/opsportal-read",
        external_id=EXTERNAL_IDS[number], regions=[REGION],
    )  # fmt: skip
    source_put(by=BY, at=at, platform=platform, account=account)
    value = term("DatabaseConnections", namespace="AWS/RDS", dimensions={"DBClusterIdentifier": DATABASE})
    rule_of(platform, at=at, indicator={"value": value})
    return account


@pytest.fixture
def first(platform: Platform, simulated_aws: Any) -> Iterator[AwsAccount]:
    yield read_account(platform, "123456789012")
    simulated_aws.control.trouble("")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("monitoring.collector.pace.time.sleep", waited.append)
    return waited


def test_two_workers_share_one_bucket(platform: Platform, slept: list[float]) -> None:
    account = account_of(platform, at=now())
    one, other = Pace(account, REGION), Pace(account, REGION)
    assert one.row.pk == other.row.pk
    one.take(100_800)
    other.take(100_800)
    assert one.requests == other.requests == 1
    assert slept[-1] > slept[0]
    assert slept[-1] == pytest.approx(201_600 / 180_000, abs=0.6)


def test_a_throttle_halves_and_time_heals(platform: Platform, slept: list[float]) -> None:
    account = account_of(platform, at=now())
    pace = Pace(account, REGION)
    for _ in range(9):
        pace.throttled()
    row = RegionPoll.objects.get()
    assert row.share == LEAST_SHARE
    RegionPoll.objects.update(refilled_at=row.refilled_at - timedelta(minutes=5))
    pace.take(1)
    assert RegionPoll.objects.get().share == pytest.approx(0.5 + LEAST_SHARE, abs=0.05)
    RegionPoll.objects.update(refilled_at=row.refilled_at - timedelta(minutes=15))
    pace.take(1)
    assert RegionPoll.objects.get().share == 1.0


def test_what_is_older_than_three_hours_costs_twice(platform: Platform, slept: list[float]) -> None:
    account = account_of(platform, at=now())
    Pace(account, REGION).take(1)
    before = RegionPoll.objects.get().point_tokens
    Pace(account, REGION, is_old=True).take(100_000)
    assert RegionPoll.objects.get().point_tokens - before < -150_000


def test_a_throttled_pass_halves_and_the_next_goes_on(first: AwsAccount, simulated_aws: Any) -> None:
    at = floor_to(now(), 60) - 5 * MINUTE
    poll(account=first, region=REGION, period=60, at=at)
    simulated_aws.control.trouble("throttled")
    run = poll(account=first, region=REGION, period=60, at=at + MINUTE)
    assert (run.state, run.throttles, run.points) == ("failed", 1, 0)
    row = RegionPoll.objects.get()
    assert row.share <= 0.5
    assert (row.throttles, row.failures, row.failed_in_row) == (1, 1, 1)
    simulated_aws.control.trouble("")
    assert poll(account=first, region=REGION, period=60, at=at + 3 * MINUTE).state == "ok"
    assert Series.objects.get(account=first).watermark == at + 3 * MINUTE
    assert RegionPoll.objects.get().failed_in_row == 0


def test_three_hours_are_read_again_once_an_hour(first: AwsAccount) -> None:
    at = floor_to(now(), 3600) - timedelta(hours=2)
    runs = [poll(account=first, region=REGION, period=60, at=at + n * MINUTE) for n in (0, 1, 59, 60, 61)]
    assert [run.is_deep for run in runs] == [True, False, False, True, False]
    assert runs[0].points >= 180
    assert runs[1].points <= 22


def test_a_pause_longer_than_a_pass_reads_has_its_hole_fetched_by_age(first: AwsAccount) -> None:
    at = floor_to(now(), 300)
    poll(account=first, region=REGION, period=60, at=at - timedelta(hours=7))
    run = poll(account=first, region=REGION, period=60, at=at)
    assert run.state == "ok"
    jobs = list(Backfill.objects.filter(account=first).order_by("period").values_list("period", "starts_at", "ends_at"))
    hole = (at - timedelta(hours=7), at - timedelta(hours=3))
    assert jobs == [(60, *hole), (300, *hole)]
    poll(account=first, region=REGION, period=60, at=at + MINUTE)
    assert Backfill.objects.count() == 2


def test_history_comes_at_the_finest_period_that_cloudwatch_still_has(platform: Platform) -> None:
    at = floor_to(now(), 86400)
    account = account_of(platform, at=at)
    made = backfill_add(account=account, region=REGION, start=at - timedelta(days=500), end=at, at=at)
    days = [(job.period, (at - job.starts_at).days, (at - job.ends_at).days) for job in made]
    assert days == [(60, 15, 0), (300, 63, 0), (3600, 455, 63)]


def test_a_pass_over_an_account_that_throttles_says_nothing_to_another(
    platform: Platform, other_platform: Platform, first: AwsAccount, simulated_aws: Any
) -> None:
    second = read_account(other_platform, SECOND_ACCOUNT)
    at = floor_to(now(), 60)
    simulated_aws.control.trouble("throttled", account=first.account_id)
    assert poll(account=first, region=REGION, period=60, at=at).state == "failed"
    begun = time.monotonic()
    assert poll(account=second, region=REGION, period=60, at=at).state == "ok"
    assert time.monotonic() - begun < 5
    assert RegionPoll.objects.get(account=second).share == 1.0


@pytest.mark.django_db(transaction=True)
def test_accounts_that_do_not_answer_share_one_turn_and_others_need_none(platform: Platform) -> None:
    at = now()
    silent, mute, well = (account_of(platform, at=at, account_id=f"{n}" * 12) for n in (3, 4, 5))
    for account, failed in ((silent, 3), (mute, 1), (well, 0)):
        RegionPoll.objects.create(account=account, region=REGION, failed_in_row=failed)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with asking(silent, REGION) as may_ask:
                assert may_ask
                entered.set()
                leave.wait(20)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(20)
    try:
        with asking(mute, REGION) as may_ask:
            assert not may_ask
        with asking(well, REGION) as may_ask:
            assert may_ask
    finally:
        leave.set()
        holder.join()
    with asking(mute, REGION) as may_ask:
        assert may_ask


def test_a_silent_account_holds_a_worker_for_seconds_only(
    first: AwsAccount, simulated_aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (polling_session(first).attempts, polling_session(first).read_seconds) == (2, 8)
    monkeypatch.setattr(
        polling, "polling_session", lambda one: replace(polling_session(one), attempts=1, read_seconds=1)
    )
    simulated_aws.control.trouble("hole")
    begun = time.monotonic()
    run = poll(account=first, region=REGION, period=300, at=now())
    assert time.monotonic() - begun < 10
    assert (run.state, run.requests) == ("ok", 0)  # nothing of this account is read at 5 minutes
    run = poll(account=first, region=REGION, period=60, at=now())
    assert (run.state, run.requests) == ("failed", 1)
    assert PollRun.objects.exclude(error="").count() == 1
    assert connection.is_usable()
