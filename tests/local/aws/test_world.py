"""The faults seen through AWS calls over HTTP, their end, the state file, and the script of the past."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from opsportal.aws import acm, backup, cloudwatch, ecs, elb, rds, sts
from opsportal.aws.errors import AwsDeniedError, AwsError, AwsThrottledError
from opsportal.local.aws import nights, script, trouble
from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION, platform
from opsportal.local.aws.control import ControlError
from opsportal.local.aws.faults import FAULTS, Fault
from opsportal.local.aws.metricdata import Question, points
from opsportal.local.aws.metrics import metrics
from opsportal.local.aws.world import World
from tests.local.aws.simulator import Simulator, aws_simulator, running_simulator

__all__ = ["aws_simulator"]
DATABASE = (("DBClusterIdentifier", "shop-management-aurora"),)
NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def simulator(aws_simulator: Simulator) -> Iterator[Simulator]:
    """The simulator of the session, healed afterwards."""
    yield aws_simulator
    aws_simulator.control.heal()


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.aws
def test_a_service_that_is_down_has_no_task_and_no_healthy_target_until_healed(simulator: Simulator) -> None:
    def backend() -> tuple[int, set[str]]:
        service = next(s for s in ecs.services(simulator.account, "us-east-1") if s.name == "solemate-backend")
        group = next(g for g in elb.target_groups(simulator.account, "us-east-1") if g.name == "solemate-backend-tg")
        states = {t.state for t in elb.target_health(simulator.account, "us-east-1", group.arn)}
        return service.running, states

    assert backend() == (3, {"healthy"})
    simulator.control.start_fault("service-down", minutes=5)
    assert backend() == (0, {"unhealthy"})
    simulator.control.heal()
    assert backend() == (3, {"healthy"})


@pytest.mark.aws
def test_a_missing_backup_shows_at_once_in_snapshots_jobs_and_restorable_time(simulator: Simulator) -> None:
    account, day = simulator.account, now() - timedelta(days=1)

    def seen() -> tuple[int, set[str], bool]:
        snapshots = rds.instance_snapshots(account, "us-east-1", instance="production-postgres")
        fresh = [s for s in snapshots if s.kind == "automated" and s.created_at and s.created_at >= day]
        jobs = [
            j for j in backup.jobs(account, "us-east-1", created_after=day) if j.resource_name == "production-postgres"
        ]
        instance = next(i for i in rds.instances(account, "us-east-1") if i.identifier == "production-postgres")
        assert instance.latest_restorable_at is not None
        return len(fresh), {j.state for j in jobs}, now() - instance.latest_restorable_at < timedelta(minutes=15)

    before = seen()
    assert before[0] == 1
    assert before[2]
    simulator.control.start_fault("backup-missing", minutes=5)
    assert seen() == (0, {"FAILED"}, False)


@pytest.mark.aws
def test_a_certificate_about_to_end(simulator: Simulator) -> None:
    def days() -> int:
        found = next(c for c in acm.certificates(simulator.account, "us-east-1") if c.domain == "myapp.example.com")
        assert found.not_after is not None
        assert found.kind == "IMPORTED"
        return (found.not_after - now()).days

    assert days() > 30
    simulator.control.start_fault("certificate-expiry", minutes=5)
    assert days() < 6


@pytest.mark.aws
def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    state, clock = tmp_path / "aws.json", "2026-03-11T12:00:00+00:00@1"
    past = Fault("db-connections", "shop-management", NOW - timedelta(minutes=30), NOW - timedelta(minutes=9))
    with running_simulator(state, clock=clock) as simulator:
        simulator.control.add_overlays([past])
        before = simulator.control.start_fault("latency", minutes=90)
    with running_simulator(state, clock=clock) as simulator:
        after = simulator.control.state()
    assert [fault["name"] for fault in after["active"]] == ["latency"]
    assert {**after, "now": ""} == {**before, "now": ""}
    assert set(json.loads(state.read_text())) == {"seed", "today", "faults", "acts", "links"}
    worlds = World(state), World(state)
    for metric in (m for m in metrics() if m.platform == "shop-management"):
        question = Question(
            metric.namespace,
            metric.name,
            frozenset(metric.dimensions),
            "Maximum",
            60,
            (NOW - timedelta(hours=1)).timestamp(),
            NOW.timestamp(),
            NOW.timestamp(),
        )
        first, second = (points(world, ACCOUNT, REGION, question) for world in worlds)
        assert first == second
        if metric.name == "DatabaseConnections" and metric.dimensions[0][0] == "DBClusterIdentifier":
            assert max(first.values()) > 80


@pytest.mark.aws
def test_unknown_faults_are_refused(aws_simulator: Simulator) -> None:
    for name, minutes, key in (("fire", 5, None), ("latency", 5, "nowhere"), ("latency", 10**6, None)):
        with pytest.raises(ControlError):
            aws_simulator.control.start_fault(name, minutes=minutes, platform=key)
    assert aws_simulator.control.state()["active"] == []


@pytest.mark.aws
def test_other_operations_of_moto_still_answer(aws_simulator: Simulator) -> None:
    sns = aws_simulator.boto("sns")
    arn = sns.create_topic(Name="alerts")["TopicArn"]
    assert arn == "arn:aws:sns:us-east-1:123456789012:alerts"


@pytest.mark.parametrize("fault", list(FAULTS))
def test_every_fault_can_befall_every_platform(fault: str) -> None:
    world = World(today=NOW.date())
    for owner in PLATFORMS:
        world.start_fault(fault, at=NOW, minutes=10, platform=owner.key)
    assert len(world.active(NOW + timedelta(minutes=5))) == len(PLATFORMS)
    ended = world.heal(at=NOW + timedelta(minutes=6))
    assert len(ended) == len(PLATFORMS)
    assert world.active(NOW + timedelta(minutes=6)) == []
    touched = sum(1 for generator in world.generators() if len(world.spells(generator)) > 0)
    assert touched > 0


def test_one_night_is_lost_and_made_up_for() -> None:
    world, owner = World(today=NOW.date()), platform("solemate")
    usual = nights.nights(world, owner, NOW, 5)
    assert [night.failed for night in usual] == [False] * 5
    world.start_fault("backup-missing", at=NOW, minutes=60)
    during = nights.nights(world, owner, NOW + timedelta(minutes=5), 5)
    assert [night.failed for night in during][-1]
    assert nights.restorable(world, owner, NOW + timedelta(minutes=5)) < NOW - timedelta(hours=2)
    after = nights.nights(world, owner, NOW + timedelta(hours=2), 5)
    assert after[-1].late
    assert nights.restorable(world, owner, NOW + timedelta(hours=2)) > NOW


def test_a_fault_between_a_nights_snapshot_and_its_job_takes_the_night_before_too() -> None:
    world, owner = World(today=NOW.date()), platform("solemate")
    at = NOW.replace(hour=owner.database.backup_hour, minute=15)
    world.start_fault("backup-missing", at=at, minutes=5)
    assert [night.failed for night in nights.nights(world, owner, at, 3)][-3:] == [False, True, True]


def test_the_past_is_the_same_for_the_same_seed_and_day() -> None:
    first_day = date(2026, 1, 1)
    assert script.past(7, first_day) == script.past(7, first_day)
    assert script.past(7, first_day) != script.past(8, first_day)


def test_the_past_is_full_and_within_its_days() -> None:
    first_day = date(2026, 1, 1)
    past = script.past(7, first_day)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=script.DAYS)
    assert 18 <= len(past.incidents) <= 24
    assert {incident.fault for incident in past.incidents} == set(FAULTS) - {"log-silence"}  # it opens no incident
    assert {incident.platform for incident in past.incidents} == {owner.key for owner in PLATFORMS}
    assert len([i for i in past.incidents if i.starts_at >= end - timedelta(days=script.DETAILED_DAYS)]) >= 8
    for incident in past.incidents:
        assert start <= incident.starts_at < incident.ends_at < end
        assert 0 < incident.acknowledged_after < incident.mitigated_after <= incident.minutes
    for rows in (past.deployments, past.windows, past.drills, past.misses):
        assert rows
    moments = [deployment.at for deployment in past.deployments]
    assert moments == sorted(moments)
    assert {deployment.outcome for deployment in past.deployments} == {"succeeded", "rolled_back"}


@pytest.mark.aws
def test_troubles_befall_one_account_and_end(aws_simulator: Simulator) -> None:
    query = cloudwatch.MetricQuery("x", "AWS/RDS", "DatabaseConnections", DATABASE, "Maximum", 60)
    end = now().replace(second=0, microsecond=0) - timedelta(minutes=2)

    def asked() -> cloudwatch.MetricResult:
        return cloudwatch.metric_data(
            aws_simulator.account, REGION, [query, query], start=end - timedelta(minutes=10), end=end
        )[1]

    try:
        truth = asked()
        assert len(truth.times) == 10
        for mode, error in (("throttled", AwsThrottledError), ("denied", AwsDeniedError), ("half-paged", AwsError)):
            aws_simulator.control.trouble(mode)
            assert sts.caller_identity(aws_simulator.account).arn
            with pytest.raises(error):
                asked()
        aws_simulator.control.trouble("clock")
        assert asked().times == [at + trouble.AHEAD_SECONDS for at in truth.times]
        aws_simulator.control.trouble("partial")
        assert (asked().status, len(asked().times)) == ("PartialData", 5)
        assert rds.clusters(aws_simulator.second_account, REGION) == []
        with pytest.raises(ControlError, match="Troubles: throttled"):
            aws_simulator.control.trouble("flood")
    finally:
        aws_simulator.control.trouble("")
    assert asked() == truth
