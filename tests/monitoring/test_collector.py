from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count

from monitoring.collector import history, mirror
from monitoring.collector import poll as polling
from monitoring.collector.fetch import TIME_OVER, Fetched, Question, Wanted, fetch
from monitoring.collector.found import Found
from monitoring.collector.history import fill_history, fill_slice
from monitoring.collector.mirror import mirror_alarms
from monitoring.collector.poll import poll
from monitoring.collector.resources import READERS, due_kinds, poll_resources
from monitoring.loops.watch import blind_platforms, keep_partitions, watch_eyes
from monitoring.models import (
    Alarm,
    AlarmTransition,
    AwsAccount,
    Backfill,
    Deployment,
    PollCoverage,
    PollRun,
    Resource,
    ResourcePoll,
    Series,
    SloBucket,
)
from monitoring.models.sources import PACES
from monitoring.services.accounts import (
    AwsAccountError,
    account_check,
    account_disconnect,
    account_put,
    backfill_start,
    source_put,
)
from monitoring.services.alarms import alarm_transition
from monitoring.store import floor_to
from opsportal.aws.cloudwatch import alarms
from opsportal.core.clock import now
from opsportal.local.aws.faults import Fault
from opsportal.platforms.models import Environment, Platform, Service
from opsportal.schedule.models import Run, RunState, Schedule
from opsportal.schedule.probes import probes
from opsportal.schedule.services import ensure_slots
from tests.factories.monitoring import BY, REGION, metric_of, rule_of, series_named, service_of, slo_of, term

pytestmark = [pytest.mark.django_db, pytest.mark.aws]
ALB = {"LoadBalancer": "app/shop-management-alb/e9ae14dff5184832"}
DATABASE = "shop-management-aurora"
ROLE = "arn:aws:iam::123456789012:role/opsportal-read"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def account(platform: Platform, simulated_aws: Any) -> AwsAccount:
    """The simulated account, carrying the platform with a rule of the database and an objective of the balancer."""
    at = now()
    Service.objects.filter(pk=service_of(platform).pk).update(
        selectors={
            "load_balancer": ALB["LoadBalancer"], "db_cluster": DATABASE, "ecs_cluster": "shop-management-cluster",
            "ecs_service": "shop-management-api", "backup_vault": "shop-management-vault",
            "certificate": "shop-management.example.com",
        }
    )  # fmt: skip
    found = account_put(
        by=BY, at=at, account_id="123456789012", name="demo", role_arn=ROLE, external_id="opsportal-demo",
        regions=[REGION],
    )  # fmt: skip
    source_put(by=BY, at=at, platform=platform, account=found)
    connections = term("DatabaseConnections", namespace="AWS/RDS", dimensions={"DBClusterIdentifier": DATABASE})
    rule_of(platform, at=at, indicator={"value": connections})
    total = [term("RequestCount", dimensions=ALB), term("HTTPCode_ELB_5XX_Count", dimensions=ALB)]
    bad = [term("HTTPCode_Target_5XX_Count", dimensions=ALB), term("HTTPCode_ELB_5XX_Count", dimensions=ALB)]
    slo_of(platform, at=at, indicator={"total": total, "bad": bad})
    AwsAccount.objects.exclude(pk=found.pk).update(enabled=False)
    source_put(by=BY, at=at, platform=platform, account=found)
    Series.objects.exclude(account=found).update(enabled=False)
    return found


def test_a_poll_stores_points_coverage_and_a_judgement(account: AwsAccount) -> None:
    at = now()
    run = poll(account=account, region=REGION, period=60, at=at)
    assert (run.state, run.error) == ("ok", "")
    assert run.points > 30
    assert run.metrics_billed == 4
    series = series_named("RequestCount")
    assert series.watermark == floor_to(at, 60)
    assert PollCoverage.objects.filter(series=series).count() == 1
    assert Alarm.objects.get(origin="rule").state in ("ok", "alarm")
    assert SloBucket.objects.filter(res=5, covered=1).exists()


def test_polling_again_changes_nothing_and_merges_coverage(account: AwsAccount) -> None:
    at = now()
    poll(account=account, region=REGION, period=60, at=at)
    again = poll(account=account, region=REGION, period=60, at=at)
    assert (again.state, again.changed, again.late_revisions) == ("ok", 0, 0)
    later = poll(account=account, region=REGION, period=60, at=at + MINUTE)
    assert later.state == "ok"
    stretches = PollCoverage.objects.values("series").annotate(n=Count("pk"))
    assert {row["n"] for row in stretches} == {1}


def test_a_fault_of_the_database_becomes_one_event(account: AwsAccount, simulated_aws: Any) -> None:
    begun = floor_to(now(), 60) - 6 * MINUTE
    poll(account=account, region=REGION, period=60, at=begun)
    fault = Fault("db-connections", "shop-management", begun, begun + 60 * MINUTE)
    simulated_aws.control.add_overlays([fault])
    try:
        for n in range(1, 7):
            poll(account=account, region=REGION, period=60, at=begun + n * MINUTE)
    finally:
        simulated_aws.control.heal()
    event = AlarmTransition.objects.get(to_state="alarm", alarm__origin="rule")
    assert event.value is not None
    assert event.value > 80
    assert event.at - begun <= 3 * MINUTE


def test_without_aws_a_poll_fails_in_words_and_keeps_everything(account: AwsAccount, dead_aws: Any) -> None:
    at = now()
    run = poll(account=account, region=REGION, period=60, at=at)
    assert run.state == "failed"
    assert run.error
    assert Series.objects.filter(watermark__isnull=False).count() == 0
    assert poll_resources(account=account, region=REGION, at=at) == 0
    assert mirror_alarms(account=account, region=REGION, at=at) == 0
    assert ResourcePoll.objects.exclude(error="").count() == len(READERS) + 1


def test_when_nothing_can_be_read_one_alarm_says_so(account: AwsAccount, platform: Platform) -> None:
    at = now()
    poll(account=account, region=REGION, period=60, at=at)
    assert watch_eyes(at) == 0
    assert watch_eyes(at + 10 * MINUTE) == 1
    assert watch_eyes(at + 11 * MINUTE) == 0
    blind = Alarm.objects.get(platform=platform, origin="portal")
    assert (blind.state, blind.reason) == ("alarm", "No poll has run: worker or broker is down.")
    poll(account=account, region=REGION, period=60, at=at + 12 * MINUTE)
    assert watch_eyes(at + 12 * MINUTE) == 1


def test_an_account_that_was_never_read_is_blind_too(account: AwsAccount, platform: Platform) -> None:
    later = account.created_at + 10 * MINUTE
    assert watch_eyes(account.created_at + MINUTE) == 0
    assert watch_eyes(later) == 1
    account_disconnect(by=BY, at=later, account=account, expected=account.version)
    watch_eyes(later + MINUTE)
    assert Alarm.objects.get(platform=platform, origin="portal").state == "unknown"


def test_a_fresh_region_does_not_hide_one_that_is_not_read(account: AwsAccount, platform: Platform) -> None:
    at = now()
    AwsAccount.objects.filter(pk=account.pk).update(regions=[REGION, "eu-west-1"])
    far = term("CPUUtilization", namespace="AWS/RDS", dimensions={"DBClusterIdentifier": "far"}, region="eu-west-1")
    rule_of(platform, at=at, key="far", indicator={"value": far})
    source_put(by=BY, at=at, platform=platform, account=account)
    poll(account=account, region=REGION, period=60, at=at + 10 * MINUTE)
    assert list(blind_platforms(at + 10 * MINUTE)) == [platform.pk]


def test_a_region_left_out_is_not_polled_any_more_and_its_alarms_are_let_go(
    account: AwsAccount, platform: Platform
) -> None:
    at = now()
    poll(account=account, region=REGION, period=60, at=at)
    mirror_alarms(account=account, region=REGION, at=at)
    alarm = Alarm.objects.get(origin="rule")
    alarm_transition(alarm=alarm, to_state="alarm", at=at, recorded_at=at)
    assert Alarm.objects.judged().filter(pk=alarm.pk).exists()
    values: dict[str, Any] = {
        "name": account.name, "role_arn": ROLE, "external_id": account.external_id, "regions": ["eu-west-1"],
    }  # fmt: skip
    with pytest.raises(AwsAccountError):
        account_put(by=BY, at=at, account_id=account.account_id, **values)
    account.refresh_from_db()
    moved = account_put(by=BY, at=at, account_id=account.account_id, expected=account.version, **values)
    regions = {row.args["region"] for row in Schedule.objects.filter(args__account_id=account.pk)}
    assert regions == {"eu-west-1"}
    assert not Alarm.objects.judged().exclude(origin="portal").exists()
    assert not Alarm.objects.exclude(state="unknown").exists()
    account_disconnect(by=BY, at=at, account=moved, expected=moved.version)
    assert not Schedule.objects.filter(args__account_id=account.pk).exists()


def test_an_alarm_that_cloudwatch_lost_is_let_go(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    at = now()
    count = mirror_alarms(account=account, region=REGION, at=at)
    twin = Alarm.objects.get(origin="cloudwatch", name="Database-High-Connections")
    alarm_transition(alarm=twin, to_state="alarm", at=at, recorded_at=at)
    monkeypatch.setattr(mirror, "alarms", lambda *asked: [row for row in alarms(*asked) if row.arn != twin.key])
    assert mirror_alarms(account=account, region=REGION, at=at + MINUTE) == count - 1
    twin.refresh_from_db()
    assert (twin.state, twin.fetched_at) == ("unknown", None)
    assert Alarm.objects.judged().filter(origin="cloudwatch").count() == count - 1


def test_a_budget_slows_polling_down_and_objectives_last(account: AwsAccount, platform: Platform) -> None:
    at = floor_to(now(), 3600) - 60 * MINUTE
    metric_of(platform, at=at, key="latency", name="TargetResponseTime")
    Series.objects.exclude(account=account).update(enabled=False)
    AwsAccount.objects.filter(pk=account.pk).update(cost_cap_usd=0)
    account.refresh_from_db()
    first = poll(account=account, region=REGION, period=300, at=at)
    assert (first.state, first.pace) == ("ok", len(PACES) - 1)
    assert poll(account=account, region=REGION, period=60, at=at).series == 4
    for minutes, common, critical in ((5, 0, 0), (10, 0, 0), (15, 0, 4), (55, 0, 4), (60, 1, 0)):
        later = at + minutes * MINUTE
        assert poll(account=account, region=REGION, period=300, at=later).series == common, minutes
        assert poll(account=account, region=REGION, period=60, at=later).series == critical, minutes
    AwsAccount.objects.filter(pk=account.pk).update(cost_cap_usd=1000)
    account.refresh_from_db()
    assert poll(account=account, region=REGION, period=300, at=at + 61 * MINUTE).pace == 0


def test_a_slow_pace_is_said_and_is_not_blindness(account: AwsAccount, platform: Platform) -> None:
    at = now()
    AwsAccount.objects.filter(pk=account.pk).update(cost_cap_usd=0)
    account.refresh_from_db()
    poll(account=account, region=REGION, period=300, at=at)
    poll(account=account, region=REGION, period=60, at=at)
    assert blind_platforms(at + 40 * MINUTE) == {}
    assert list(blind_platforms(at + 50 * MINUTE)) == [platform.pk]
    probe = next(one for one in probes() if one.name == "aws")
    assert (probe.state, "every 15 min, the others every 60 min" in probe.text) == ("stale", True)


def test_history_comes_newest_first_and_only_once(account: AwsAccount, platform: Platform) -> None:
    at = now()
    metric_of(platform, at=at)
    Series.objects.exclude(account=account).update(enabled=False)
    assert len(backfill_start(by=BY, at=at, account=account, days=3)) == 2
    assert backfill_start(by=BY, at=at, account=account, days=3) == []
    assert fill_slice(account=account, region=REGION, at=at)
    assert fill_history(account=account, region=REGION, at=at) > 0
    assert not Backfill.objects.filter(finished_at=None).exists()
    assert SloBucket.objects.filter(res=1440, covered__gt=280).count() >= 3
    series = Series.objects.get(name="RequestCount", account=account, rule_terms=None, dimensions=ALB)
    stretch = PollCoverage.objects.get(series=series)
    assert stretch.ends_at - stretch.starts_at > timedelta(days=3)
    assert PollRun.objects.filter(kind="backfill", state="ok").count() >= 3


def test_a_slice_that_was_cut_short_is_asked_again(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    at = now()
    backfill_start(by=BY, at=at, account=account, days=1)
    before = set(Backfill.objects.values_list("pk", "cursor_at", "finished_at"))

    def cut(question: Question, wanted: Sequence[Wanted]) -> Fetched:
        first = fetch(question, wanted[:1])
        first.add(fetch(replace(question, until=0.0), wanted[1:]))
        return first

    monkeypatch.setattr(history, "fetch", cut)
    assert not fill_slice(account=account, region=REGION, at=at)
    assert set(Backfill.objects.values_list("pk", "cursor_at", "finished_at")) == before
    run = PollRun.objects.get(kind="backfill")
    assert (run.state, run.error) == ("partial", TIME_OVER)


def test_a_pass_without_time_says_so_and_counts_what_it_asked(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "ASKING_SECONDS", -1.0)
    run = poll(account=account, region=REGION, period=60, at=now())
    assert (run.state, run.series, run.error) == ("failed", 0, TIME_OVER)


def test_of_many_series_a_slice_is_shorter() -> None:
    many = [(Series(pk=n), ["Sum", "SampleCount", "Maximum"]) for n in range(1500)]
    assert history._slice_of(300, many[:1]) == timedelta(days=2)
    assert history._slice_of(300, many) == timedelta(seconds=300 * 200)
    assert history._slice_of(3600, many) == timedelta(hours=200)


def test_resources_are_read_and_given_to_their_service(account: AwsAccount, platform: Platform) -> None:
    at = now()
    assert poll_resources(account=account, region=REGION, at=at) == len(READERS)
    owned = set(Resource.objects.filter(platform=platform).values_list("kind", flat=True))
    assert {"rds_cluster", "rds_snapshot", "backup_job", "ecs_service", "certificate"} <= owned
    assert Resource.objects.filter(platform=None).exists()
    assert Deployment.objects.filter(platform=platform).exists()
    before = Resource.objects.count()
    poll_resources(account=account, region=REGION, at=at + MINUTE)
    assert Resource.objects.count() <= before + 2


def ecs_service(*deployments: tuple[str, int, str]) -> Any:
    """A service whose deployments are (id, revision, when)."""
    rows = [
        {"identifier": f"ecs-svc/{key}", "rollout": "COMPLETED", "rollout_reason": "", "created_at": began,
         "updated_at": began, "task_definition": f"arn:aws:ecs:x:1:task-definition/web:{revision}"}
        for key, revision, began in deployments
    ]  # fmt: skip
    found = Found("c/web", {"deployments": rows}, "ok", "", owner=("c/web",))
    return lambda _session, _region, _at: [found]


def test_tasks_replaced_by_the_same_version_are_a_restart_and_no_deployment(
    account: AwsAccount, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    Service.objects.filter(platform=platform, key="web").update(selectors={"ecs_cluster": "c", "ecs_service": "web"})
    day = "2026-11-22T%s:00+00:00"
    first, second = ("1", 44, day % "06:00"), ("2", 45, day % "07:00")
    restart, back = ("3", 45, day % "07:37"), ("4", 44, day % "08:00")
    # Polled while a restart rolls, when only the newest is left, and again: what it is does not change.
    for at, seen in enumerate([[first], [second], [restart, second], [restart], [back], [back]]):
        monkeypatch.setitem(READERS, "ecs_service", ecs_service(*seen))
        poll_resources(account=account, region=REGION, at=now() + at * MINUTE, kinds=["ecs_service"])
    rows = Deployment.objects.filter(platform=platform).order_by("external_id")
    assert list(rows.values_list("external_id", "is_restart")) == [
        ("ecs-svc/1", False), ("ecs-svc/2", False), ("ecs-svc/3", True), ("ecs-svc/4", False)
    ]  # fmt: skip
    assert set(rows.counted().values_list("external_id", flat=True)) == {"ecs-svc/1", "ecs-svc/2", "ecs-svc/4"}


def test_what_ecs_rolls_out_in_staging_is_no_change_of_production(
    account: AwsAccount, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    Service.objects.filter(platform=platform, key="web").update(selectors={"ecs_cluster": "c", "ecs_service": "web"})
    Environment.objects.filter(platform=platform).update(is_production=False)
    monkeypatch.setitem(READERS, "ecs_service", ecs_service(("1", 44, "2026-11-22T06:00:00+00:00")))
    poll_resources(account=account, region=REGION, at=now(), kinds=["ecs_service"])
    rows = Deployment.objects.filter(platform=platform)
    assert (rows.count(), rows.counted().count()) == (1, 0)


def test_what_changes_by_the_day_is_asked_every_quarter_of_an_hour(account: AwsAccount) -> None:
    at = now()
    assert due_kinds(account=account, region=REGION, at=at) == list(READERS)
    poll_resources(account=account, region=REGION, at=at)
    soon = due_kinds(account=account, region=REGION, at=at + 5 * MINUTE)
    assert {"rds_cluster", "backup_job"} <= set(soon)
    assert not {"rds_parameters", "rds_logs", "rds_load", "rds_maintenance", "other"} & set(soon)
    assert due_kinds(account=account, region=REGION, at=at + 15 * MINUTE) == list(READERS)


def test_mirrored_alarms_take_the_signal_of_their_twin_and_open_nothing(account: AwsAccount) -> None:
    assert mirror_alarms(account=account, region=REGION, at=now()) > 0
    twin = Alarm.objects.get(origin="cloudwatch", name="Database-High-Connections")
    assert (twin.signal, twin.opens_incident) == ("db-connections", False)


def test_a_role_that_lacks_permissions_is_told_call_by_call(simulated_aws: Any, platform: Platform) -> None:
    at = now()
    account = account_put(
        by=BY, at=at, account_id="222222222222", name="second",
        role_arn="arn:aws:iam::222222222222:role/opsportal-read", external_id="opsportal-second", regions=[REGION],
    )  # fmt: skip
    rows = {row.operation: row.verdict for row in account_check(by=BY, at=at, account=account)}
    assert rows["rds:DescribeDBClusterSnapshots"] == "denied"
    assert rows["acm:ListCertificates"] == "denied"
    assert rows["cloudwatch:DescribeAlarmHistory"] == "could_not_check"
    source_put(by=BY, at=at, platform=platform, account=account)
    poll_resources(account=account, region=REGION, at=at)
    trouble = ResourcePoll.objects.get(account=account, kind="rds_snapshot")
    assert trouble.permission == "rds:DescribeDBClusterSnapshots"
    assert trouble.fetched_at is None


def test_connecting_schedules_polls_per_region(account: AwsAccount) -> None:
    keys = set(Schedule.objects.filter(key__contains="123456789012").values_list("task", flat=True))
    assert keys == {"monitoring.poll_metrics", "monitoring.poll_resources", "monitoring.fill_history"}


def test_resources_are_read_at_once_when_an_account_is_connected_and_not_for_saying_the_same(
    account: AwsAccount,
) -> None:
    asked = Run.objects.filter(task="monitoring.poll_resources", args__account_id=account.pk, state=RunState.DUE)
    first = asked.order_by("slot_utc").first()
    assert first is not None
    assert first.slot_utc == account.created_at
    before, at = asked.count(), now() + MINUTE
    account_put(
        by=BY, at=at, account_id=account.account_id, name=account.name, role_arn=ROLE,
        external_id=account.external_id, regions=[REGION],
    )  # fmt: skip
    assert asked.count() == before
    Schedule.objects.filter(key=first.key).update(next_slot_at=at)
    assert ensure_slots(now=at) >= 1  # the schedule goes on beside what was asked for


def test_series_of_objectives_are_polled_every_minute_and_others_every_five(
    account: AwsAccount, platform: Platform
) -> None:
    metric_of(platform, at=now(), key="targets", name="HTTPCode_Target_4XX_Count")
    assert series_named("HTTPCode_Target_4XX_Count").poll_every == 300
    assert series_named("HTTPCode_Target_5XX_Count").poll_every == 60


def test_the_partition_loop_keeps_ahead(account: AwsAccount) -> None:
    assert keep_partitions(now()) == 0
