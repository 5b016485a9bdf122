"""A job from its plan to its evidence, against a real database."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from psycopg import Connection
from pytest_django import Settings

from maintenance.jobs.database_analyze import effect_of
from maintenance.loops import jobs, windows
from maintenance.models import Job, JobRun, JobRunState
from maintenance.services.jobs import job_run_execute, job_run_plan
from maintenance.services.windows import window_now
from monitoring.models import TargetDatabase, Verdict
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.plans.execution import plan_start
from opsportal.plans.models import Approval, PlanState
from opsportal.plans.services import PlanRefusedError, plan_decide
from opsportal.platforms.models import Platform
from tests.factories.maintenance import PORTAL, window

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(platform: Platform, at: datetime, owner_connection: Connection[object], settings: Settings) -> JobRun:
    """A planned run of ANALYZE on the test's own database, which stands for a platform's."""
    owner_connection.execute(
        "CREATE TABLE IF NOT EXISTS stock (id int); INSERT INTO stock SELECT generate_series(1, 50)"
    )
    here = connection.settings_dict
    settings.TARGET_SOCKETS = {"database": [here["HOST"]]}
    TargetDatabase.objects.create(
        platform=platform,
        key="shop",
        name="Shop",
        socket_dir=here["HOST"],
        database=here["NAME"],
        reader_role="ops_owner",
        maintainer_role="ops_owner",
    )
    weekly = window(platform, rule="")
    job = Job.objects.create(
        platform=platform,
        key="analyze",
        name="Analyze",
        kind="database-analyze",
        params={"database": "shop"},
        window=weekly,
    )
    occurrence = window_now(by=PORTAL, at=at, window=weekly)
    return job_run_plan(by=PORTAL, at=at, job=job, occurrence=occurrence)


def approve(run: JobRun, by: Actor, at: datetime) -> None:
    plan_decide(
        by=by,
        at=at,
        plan=run.plan,
        verdict=Approval.Verdict.APPROVED,
        seen_hash=run.plan.content_hash,
        expected=run.plan.version,
    )


def test_an_approved_run_analyzes_and_keeps_evidence(
    run: JobRun, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    assert run.plan.calls.filter(target="shop: public.stock").exists()
    approve(run, actor_for(commander), at)
    assert job_run_execute(by=PORTAL, clock=lambda: at, run=run) == JobRunState.DONE
    stock = run.plan.calls.get(target="shop: public.stock")
    assert stock.result["after"]["changed"] == 0
    assert run.evidence is not None
    assert (run.evidence.verdict, run.evidence.asked["plan"]) == (Verdict.OK, run.plan.content_hash)


def test_a_plan_counts_changes_and_rows_apart_and_says_why_an_unchanged_table_is_in_it(
    run: JobRun, at: datetime, owner_connection: Connection[object]
) -> None:
    effects = dict(run.plan.calls.values_list("target", "effect"))
    unchanged = [effect for effect in effects.values() if effect.startswith("No change")]
    assert unchanged
    assert all(effect.endswith("planned for what changes before the window") for effect in unchanged)
    assert not any(" of " in effect for effect in effects.values())


def test_more_changes_than_rows_are_said_as_they_are() -> None:
    said = effect_of(20_544, 20_287).replace("\xa0", " ")
    assert said == "20,544 changes since the last analyze, 20,287 rows"


def test_a_run_without_approval_is_shown_as_not_run(run: JobRun, at: datetime) -> None:
    windows(at)
    jobs(at + timedelta(hours=2))
    run.refresh_from_db()
    assert (run.state, run.plan.state) == (JobRunState.NOT_RUN, PlanState.EXPIRED)


def test_planning_twice_gives_one_plan(run: JobRun, at: datetime) -> None:
    again = job_run_plan(by=PORTAL, at=at, job=run.job, occurrence=run.occurrence)
    assert again.pk == run.pk


def test_a_run_that_no_worker_goes_on_with_ends_unknown(
    run: JobRun, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    approve(run, actor_for(commander), at)
    plan_start(by=PORTAL, at=at, plan=run.plan)
    run.update_versioned(expected=run.version, state=JobRunState.RUNNING, started_at=at)
    jobs(at + timedelta(hours=2))
    run.refresh_from_db()
    assert (run.state, run.plan.state) == (JobRunState.UNKNOWN, PlanState.UNKNOWN)
    assert AuditEntry.objects.filter(verb="plans.plan.unknown", obj_id=str(run.plan.pk)).count() == 1


def test_a_run_whose_plan_may_not_begin_any_more_stays_planned(
    run: JobRun, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    approve(run, actor_for(commander), at)
    with pytest.raises(PlanRefusedError, match="expired"):
        job_run_execute(by=PORTAL, clock=lambda: at + timedelta(hours=2), run=run)
    run.refresh_from_db()
    assert run.state == JobRunState.PLANNED
