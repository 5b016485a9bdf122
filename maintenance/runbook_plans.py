"""Actions of a runbook that a maintenance job carries out: its plan for the next window, approved as any other."""

from django.urls import reverse

from maintenance.jobs.registry import PLANNERS
from maintenance.models import Job, OccurrenceState, WindowOccurrence
from maintenance.services.jobs import job_run_plan
from opsportal.knowledge.runbooks.step_kinds import Question, StepAnswer, register_plan
from opsportal.plans.services import PlanRefusedError
from opsportal.targets.addresses import BlockedAddressError


def plan_ask(question: Question) -> StepAnswer:
    """Write the plan of the platform's job of this kind for its next window, or show the one that is there."""
    kind, at = str(question.params["plan"]), question.at
    job = Job.objects.filter(platform=question.platform, kind=kind).select_related("platform", "window").first()
    if job is None:
        return StepAnswer("unknown", f"This platform has no job of the kind {kind}.", at)
    coming = WindowOccurrence.objects.filter(window=job.window, ends_at__gt=at)
    coming = coming.filter(state__in=(OccurrenceState.PLANNED, OccurrenceState.OPEN))
    occurrence = coming.order_by("starts_at", "pk").first()
    if occurrence is None:
        return StepAnswer("unknown", f"{job.name}: no window is planned.", at)
    try:
        run = job_run_plan(by=question.by, at=at, job=job, occurrence=occurrence)
    except (PlanRefusedError, BlockedAddressError) as refusal:
        return StepAnswer("unknown", f"{job.name}: {refusal}", at)
    said = f"{job.name}: plan {run.plan.short_hash} is {run.plan.get_state_display().lower()}"
    opens = f"its window opens {occurrence.starts_at:%d %b %Y %H:%M} UTC"
    return StepAnswer("ok", f"{said}; {opens}", at, url=reverse("maintenance:job-run", args=[run.pk]))


for _kind in PLANNERS:
    register_plan(_kind, plan_ask)
