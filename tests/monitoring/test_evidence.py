from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from monitoring.evidence import health
from monitoring.evidence.registry import CheckContext, CheckDeclarationError, Finding, check, registered_checks
from monitoring.evidence.runner import run_check
from monitoring.models import Alarm, EvidenceResult, Resource, ResourcePoll, TargetDatabase
from monitoring.services.alarms import alarm_transition
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, REGION, account_of, metric_of, rule_of, series_named, service_of, write

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def ask(platform: Platform, name: str, at: datetime, **params: Any) -> EvidenceResult:
    return run_check(platform=platform, name=name, params=params, at=at, by=BY)


def resource(platform: Platform, at: datetime, kind: str, identifier: str, *, age: timedelta, **more: Any) -> None:
    account = account_of(platform, at=at)
    defaults = {"state": "ok", "summary": "", "data": {}, "service": service_of(platform)}
    Resource.objects.create(
        platform=platform, account=account, region=REGION, kind=kind, identifier=identifier, happened_at=at - age,
        fetched_at=at, **(defaults | more),
    )  # fmt: skip


def read(platform: Platform, at: datetime, *kinds: str, **more: Any) -> None:
    account = account_of(platform, at=at)
    for kind in kinds:
        values = {"tried_at": at, "fetched_at": at} | more
        ResourcePoll.objects.update_or_create(account=account, region=REGION, kind=kind, defaults=values)


BACKUP_KINDS = ("rds_cluster", "rds_instance", "rds_snapshot", "backup_job")


@pytest.fixture
def backed_up(platform: Platform, at: datetime) -> None:
    read(platform, at, *BACKUP_KINDS)
    resource(platform, at, "rds_cluster", "shop-db", age=timedelta(minutes=5))
    resource(platform, at, "rds_snapshot", "snap-1", parent="shop-db", age=6 * HOUR)
    resource(platform, at, "rds_snapshot", "snap-2", parent="shop-db", age=HOUR, state="unknown")


def test_a_fresh_finished_snapshot_is_ok(platform: Platform, at: datetime, backed_up: None) -> None:
    result = ask(platform, "backup.fresh", at, max_age_hours=26)
    assert (result.verdict, result.got["age_hours"]) == ("ok", {"shop-db": 6.0})
    assert result.asked["calls"]
    assert len(result.digest) == 64


def test_a_read_replica_is_backed_up_by_its_source(platform: Platform, at: datetime, backed_up: None) -> None:
    resource(platform, at, "rds_instance", "stock-replica", age=HOUR, data={"replica_of": "stock"})
    assert ask(platform, "backup.fresh", at, max_age_hours=26).verdict == "ok"
    resource(platform, at, "rds_instance", "stock", age=HOUR, data={"replica_of": None})
    result = ask(platform, "backup.fresh", at, max_age_hours=26)
    assert (result.verdict, result.summary) == ("fail", "No fresh backup of stock")


def test_a_late_snapshot_fails_and_one_still_running_does_not_help(
    platform: Platform, at: datetime, backed_up: None
) -> None:
    result = ask(platform, "backup.fresh", at, max_age_hours=5)
    assert result.verdict == "fail"
    assert "shop-db" in result.summary


def test_a_failed_backup_job_fails(platform: Platform, at: datetime, backed_up: None) -> None:
    resource(platform, at, "backup_job", "job-1", parent="vault", age=HOUR, state="fail", summary="failed, no space")
    assert ask(platform, "backup.fresh", at, max_age_hours=26).verdict == "fail"


def test_a_missing_permission_is_could_not_check(platform: Platform, at: datetime, backed_up: None) -> None:
    read(platform, at, "rds_snapshot", permission="rds:DescribeDBClusterSnapshots", error="denied")
    result = ask(platform, "backup.fresh", at)
    assert (result.verdict, result.summary) == ("unknown", "The role lacks rds:DescribeDBClusterSnapshots.")


def test_an_old_answer_is_could_not_check(platform: Platform, at: datetime, backed_up: None) -> None:
    assert ask(platform, "backup.fresh", at + HOUR).verdict == "unknown"


def test_nothing_read_at_all_is_could_not_check(platform: Platform, at: datetime) -> None:
    for name in ("backup.fresh", "service.healthy", "cert.days_left", "alarms.overnight", "alarms.pending"):
        assert ask(platform, name, at).verdict == "unknown", name


def test_alarms_of_the_night_warn_when_clear_and_fail_while_firing(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at)
    write(series_named("DatabaseConnections"), [10.0], end=at)
    assert ask(platform, "alarms.overnight", at, hours=15).verdict == "ok"
    assert ask(platform, "alarms.pending", at).verdict == "ok"
    alarm = Alarm.objects.create(platform=platform, origin="rule", key="x", name="Database full", since=at - 3 * HOUR)
    alarm_transition(alarm=alarm, to_state="alarm", at=at - 2 * HOUR, recorded_at=at - 2 * HOUR)
    assert ask(platform, "alarms.overnight", at, hours=15).verdict == "fail"
    assert ask(platform, "alarms.pending", at).verdict == "fail"
    alarm_transition(alarm=alarm, to_state="ok", at=at - HOUR, recorded_at=at - HOUR)
    result = ask(platform, "alarms.overnight", at, hours=15)
    assert (result.verdict, result.got["fired"][0]["alarm"]) == ("warn", "Database full")
    assert ask(platform, "alarms.overnight", at, hours=1).verdict == "ok"
    assert ask(platform, "alarms.pending", at).verdict == "ok"


def test_old_watermarks_are_not_fresh(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at)
    write(series_named("DatabaseConnections"), [10.0], end=at)
    assert ask(platform, "monitoring.fresh", at).verdict == "ok"
    assert ask(platform, "monitoring.fresh", at + HOUR).verdict == "fail"
    assert ask(platform, "alarms.pending", at + HOUR).verdict == "unknown"


def test_services_are_as_healthy_as_their_worst_part(platform: Platform, at: datetime) -> None:
    read(platform, at, "ecs_service", "target_group")
    resource(platform, at, "ecs_service", "cluster/web", age=HOUR, summary="2 of 2 tasks")
    assert ask(platform, "service.healthy", at).verdict == "ok"
    resource(platform, at, "target_group", "targetgroup/web-tg/1", age=HOUR, state="fail", summary="0 of 2 healthy")
    assert ask(platform, "service.healthy", at).verdict == "fail"


@pytest.mark.parametrize("days,verdict", [(64, "ok"), (20, "warn"), (5, "fail")])
def test_a_certificate_warns_before_it_ends(platform: Platform, at: datetime, days: int, verdict: str) -> None:
    read(platform, at, "certificate")
    resource(platform, at, "certificate", "arn:1", parent="shop.example.com", age=-timedelta(days=days, hours=1))
    assert ask(platform, "cert.days_left", at, min_days=30).verdict == verdict


def test_a_metric_lies_within_its_limits(platform: Platform, at: datetime) -> None:
    metric_of(platform, at=at)
    series = series_named("RequestCount")
    write(series, [10.0, 20.0, 90.0], end=at, period=300, column="sum")
    params = {"service": "web", "metric": "requests", "stat": "Sum", "minutes": 15}
    assert ask(platform, "metric.within", at, **params, maximum=100).verdict == "ok"
    result = ask(platform, "metric.within", at, **params, maximum=80)
    assert (result.verdict, result.got["highest"]) == ("fail", 90.0)
    assert ask(platform, "metric.within", at, **params, minimum=15).verdict == "fail"
    assert ask(platform, "metric.within", at + HOUR, **params, maximum=100).verdict == "unknown"
    unknown = ask(platform, "metric.within", at, service="web", metric="nothing", maximum=1)
    assert unknown.verdict == "unknown"


def test_an_unknown_check_or_parameter_is_could_not_check(platform: Platform, at: datetime) -> None:
    assert ask(platform, "no.such", at).verdict == "unknown"
    assert ask(platform, "alarms.pending", at, colour="red").summary == "alarms.pending takes no parameter colour."
    assert ask(platform, "metric.within", at, minutes="soon").verdict == "unknown"


def test_a_database_that_is_not_named_is_could_not_check(platform: Platform, at: datetime) -> None:
    assert ask(platform, "db.connections", at, database="shop").verdict == "unknown"


def test_connections_that_the_reader_may_not_see_are_no_spare_ones(
    platform: Platform, at: datetime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = connection.settings_dict
    settings.TARGET_SOCKETS = {"database": [here["HOST"]]}
    TargetDatabase.objects.create(
        platform=platform,
        key="shop",
        name="Shop",
        socket_dir=here["HOST"],
        database=here["NAME"],
        reader_role="ops_app",
    )
    blind = ask(platform, "db.connections", at, database="shop")
    assert blind.verdict == "unknown"
    assert "it needs the role pg_monitor" in blind.summary
    for used, hidden, verdict in ((5, 0, "ok"), (90, 0, "fail"), (5, 1, "unknown")):
        row = {"used": used, "hidden": hidden, "allowed": 100}
        monkeypatch.setattr(health, "read_rows", lambda *_asked, row=row: [row])
        assert ask(platform, "db.connections", at, database="shop").verdict == verdict


def test_a_check_is_declared_once() -> None:
    def again(context: CheckContext) -> Finding:
        return Finding("ok", "", context.at)

    with pytest.raises(CheckDeclarationError):
        check("backup.fresh", title="Again")(again)
    assert "backup.fresh" in registered_checks()


def test_another_platforms_rows_are_not_evidence(
    platform: Platform, other_platform: Platform, at: datetime, backed_up: None
) -> None:
    assert ask(other_platform, "backup.fresh", at).verdict == "unknown"
