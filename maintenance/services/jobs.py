"""Plan a job's run before its window, start it when approved, keep its evidence, say so when it did not run."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.urls import reverse

from maintenance.jobs.registry import PLANNERS
from maintenance.models import Job, JobRun, JobRunState, LogKind, WindowOccurrence
from maintenance.services.operations_log import log_add
from monitoring.models import EvidenceResult, Verdict
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.plans.execution import plan_run, plan_start
from opsportal.plans.models import PlanState
from opsportal.plans.services import plan_create, plan_expire, plan_give_up

STATE_OF_PLAN: Final = {
    PlanState.DONE: JobRunState.DONE,
    PlanState.FAILED: JobRunState.FAILED,
    PlanState.UNKNOWN: JobRunState.UNKNOWN,
}


def job_run_plan(*, by: Actor, at: datetime, job: Job, occurrence: WindowOccurrence) -> JobRun:
    """Write the plan of one run, waiting for approval; returns the run that exists already when there is one."""
    existing: JobRun | None = JobRun.objects.filter(job=job, occurrence=occurrence).first()
    if existing is not None:
        return existing
    draft = PLANNERS[job.kind](job, occurrence, at)
    try:
        with transaction.atomic():
            plan = plan_create(by=by, at=at, platform=job.platform, draft=draft)
            run = JobRun.objects.create(platform_id=job.platform_id, job=job, occurrence=occurrence, plan=plan)
            record(
                by=by,
                at=at,
                verb="maintenance.job.planned",
                obj_kind="job_run",
                obj_id=run.pk,
                platform_id=run.platform_id,
                data={"plan": plan.pk},
            )
            return run
    except IntegrityError:
        return JobRun.objects.get(job=job, occurrence=occurrence)


def job_run_execute(*, by: Actor, clock: Callable[[], datetime], run: JobRun) -> JobRunState:
    """Run the approved plan to its end and keep the evidence; resumes after a lost worker."""
    # First the plan, which may refuse: a run whose plan never began stays planned, and lapses with its window.
    plan_start(by=by, at=clock(), plan=run.plan)
    if run.state == JobRunState.PLANNED:
        run.update_versioned(expected=run.version, state=JobRunState.RUNNING, started_at=clock())
    state = STATE_OF_PLAN[plan_run(by=by, clock=clock, plan=run.plan)]
    at = clock()
    with transaction.atomic():
        evidence = _evidence(run=run, at=at, state=state)
        run.update_versioned(expected=run.version, state=state, finished_at=at, evidence=evidence)
        _log(by=by, at=at, run=run, text=f"{run.job.name}: {run.get_state_display().lower()}. {evidence.summary}")
        record(
            by=by,
            at=at,
            verb=f"maintenance.job.{state}",
            obj_kind="job_run",
            obj_id=run.pk,
            platform_id=run.platform_id,
            data={"plan": run.plan_id, "evidence": evidence.pk},
        )
    return state


def _evidence(*, run: JobRun, at: datetime, state: JobRunState) -> EvidenceResult:
    calls = list(run.plan.calls.order_by("position"))
    done = sum(call.state == "done" for call in calls)
    asked = {"plan": run.plan.content_hash, "calls": [[call.operation, call.target] for call in calls]}
    got = {str(call.position): call.result for call in calls}
    digest = hashlib.sha256(json.dumps([asked, got], sort_keys=True, default=str).encode()).hexdigest()
    verdict = {JobRunState.DONE: Verdict.OK, JobRunState.FAILED: Verdict.FAIL}.get(state, Verdict.UNKNOWN)
    return EvidenceResult.objects.create(
        platform_id=run.platform_id,
        check_name="job.run",
        params={"job": run.job.key},
        asked=asked,
        got=got,
        verdict=verdict,
        summary=f"{done} of {len(calls)} calls done",
        fetched_at=at,
        created_at=at,
        digest=digest,
    )


@transaction.atomic
def job_run_lapse(*, by: Actor, at: datetime, run: JobRun) -> None:
    """Its window closed without a run: say so, and let the plan expire."""
    if run.plan.state in (PlanState.AWAITING, PlanState.APPROVED):
        plan_expire(by=by, at=at, plan=run.plan)
    why = "its plan was not approved in time" if run.plan.state == PlanState.EXPIRED else "its plan was rejected"
    run.update_versioned(expected=run.version, state=JobRunState.NOT_RUN, finished_at=at)
    _log(by=by, at=at, run=run, text=f"{run.job.name} did not run: {why}.")
    record(
        by=by,
        at=at,
        verb="maintenance.job.not_run",
        obj_kind="job_run",
        obj_id=run.pk,
        platform_id=run.platform_id,
    )


@transaction.atomic
def job_run_give_up(*, by: Actor, at: datetime, run: JobRun) -> None:
    """Its window is over and no worker goes on with it: what it did is unknown until a person has looked."""
    if run.plan.state == PlanState.RUNNING:
        error = "The worker was lost, and its tries are used up."
        plan_give_up(by=by, at=at, plan=run.plan, error=error)
    run.update_versioned(expected=run.version, state=JobRunState.UNKNOWN, finished_at=at)
    _log(by=by, at=at, run=run, text=f"{run.job.name}: outcome unknown. Look at its plan before the next window.")
    record(
        by=by,
        at=at,
        verb="maintenance.job.unknown",
        obj_kind="job_run",
        obj_id=run.pk,
        platform_id=run.platform_id,
    )


def _log(*, by: Actor, at: datetime, run: JobRun, text: str) -> None:
    url = reverse("maintenance:job-run", args=[run.pk])
    log_add(by=by, at=at, platform_id=run.platform_id, kind=LogKind.JOB, text=text, url=url)
    touch("today", run.pk)
