"""Work for the Celery worker: checks that ask AWS, plans that look at a database, runs that change one."""

from collections.abc import Mapping
from typing import Any

from maintenance.models import ChecklistRun, Job, JobRun, WindowOccurrence
from maintenance.services.evidence import checklist_evidence_collect
from maintenance.services.jobs import job_run_execute, job_run_plan
from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.plans.services import PlanRefusedError
from opsportal.schedule.services import RunClaim
from opsportal.schedule.tasks import PermanentTaskError, scheduled_task
from opsportal.targets.addresses import BlockedAddressError


@scheduled_task(name="maintenance.collect_evidence", queue="checks", time_limit=120)
def collect_evidence(claim: RunClaim) -> Mapping[str, Any]:
    """Run the checks of one checklist run."""
    run = ChecklistRun.objects.select_related("platform").get(pk=claim.args["checklist_run"])
    return {"checks": checklist_evidence_collect(by=system_actor("maintenance.evidence"), at=clock.now(), run=run)}


@scheduled_task(name="maintenance.plan_job", queue="jobs", time_limit=60)
def plan_job(claim: RunClaim) -> Mapping[str, Any]:
    """Write the plan of one job for one window."""
    job = Job.objects.select_related("platform", "window").get(pk=claim.args["job"])
    occurrence = WindowOccurrence.objects.get(pk=claim.args["occurrence"])
    try:
        run = job_run_plan(by=system_actor("maintenance.jobs"), at=clock.now(), job=job, occurrence=occurrence)
    except (PlanRefusedError, BlockedAddressError) as refusal:
        raise PermanentTaskError(str(refusal)) from refusal
    return {"job_run": run.pk, "plan": run.plan_id}


@scheduled_task(name="maintenance.run_job", queue="jobs", time_limit=240)
def run_job(claim: RunClaim) -> Mapping[str, Any]:
    """Run one approved plan inside its window."""
    run = JobRun.objects.select_related("job", "plan", "occurrence").get(pk=claim.args["job_run"])
    try:
        state = job_run_execute(by=system_actor("maintenance.jobs"), clock=clock.now, run=run)
    except PlanRefusedError as refusal:
        raise PermanentTaskError(str(refusal)) from refusal
    return {"state": state}
