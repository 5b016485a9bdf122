"""What the dispatcher drives in this room: lists that fall due, windows that open and close, jobs to plan and run."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from maintenance.models import (
    ChecklistRun,
    ChecklistTemplate,
    Job,
    JobRun,
    JobRunState,
    OccurrenceState,
    RunState,
    Window,
    WindowOccurrence,
)
from maintenance.services.checklists import checklist_run_miss, checklist_run_open
from maintenance.services.jobs import job_run_give_up, job_run_lapse
from maintenance.services.windows import window_close, window_occurrences_plan, window_open
from opsportal.core.actor import system_actor
from opsportal.plans.models import PlanState
from opsportal.schedule.loops import loop, settle
from opsportal.schedule.models import Run
from opsportal.schedule.recurrence import Rule, next_slots
from opsportal.schedule.services import run_request

LISTS: Final = system_actor("maintenance.checklists")
WINDOWS: Final = system_actor("maintenance.windows")
# A list is opened late after a stop of the portal, but not days late: older ones are missed work of the past.
LOOK_BACK: Final = timedelta(days=2)


@loop(name="maintenance.open_checklists", every=20)
def open_checklists(now: datetime) -> int:
    """Open lists whose slot comes near."""
    done = 0
    recent = ChecklistRun.objects.filter(slot_at__gt=now - LOOK_BACK).values_list("template_id", "slot_at")
    known = set(recent)
    for template in ChecklistTemplate.objects.filter(is_active=True):
        lead = timedelta(minutes=template.opens_before_minutes)
        after = max(now - LOOK_BACK, template.active_since)
        slots = next_slots(Rule(cron=template.rule, zone=template.zone), after, now + lead)
        for slot in slots:
            if (template.pk, slot.at_utc) not in known:
                checklist_run_open(by=LISTS, at=now, template=template, slot_at=slot.at_utc)
                done += 1
    return done


@loop(name="maintenance.checklists", every=5, channel="checklists")
def checklists(now: datetime) -> int:
    """Miss lists whose time is over, hand due checks to the worker."""
    overdue = ChecklistRun.objects.filter(state=RunState.OPEN, due_at__lte=now).order_by("due_at", "pk")
    missed = sum(settle(partial(checklist_run_miss, by=LISTS, at=now, run=run)) for run in overdue[:50])
    _request_checks(now)
    return missed


def _request_checks(now: datetime) -> None:
    """Not counted as work done: what was asked for stays due until the worker answers, and the loop would spin."""
    due = ChecklistRun.objects.filter(evidence_due_at__lte=now).order_by("evidence_due_at", "pk")
    for run in due[:50]:
        assert run.evidence_due_at is not None
        run_request(
            key=f"checklist-evidence:{run.pk}",
            task="maintenance.collect_evidence",
            queue="checks",
            at=run.evidence_due_at,
            args={"checklist_run": run.pk},
            platform_id=run.platform_id,
        )


@loop(name="maintenance.plan_windows", every=300)
def plan_windows(now: datetime) -> int:
    """Write the occurrences of the coming weeks."""
    recurring = Window.objects.filter(is_active=True).exclude(rule="")
    return sum(window_occurrences_plan(at=now, window=window) for window in recurring)


@loop(name="maintenance.windows", every=5, channel="windows")
def windows(now: datetime) -> int:
    """Open and close the windows whose time has come."""
    rows = WindowOccurrence.objects.select_related("window", "platform").order_by("starts_at", "pk")
    done = 0
    for occurrence in rows.filter(state=OccurrenceState.PLANNED, starts_at__lte=now)[:50]:
        done += settle(partial(window_open, by=WINDOWS, at=now, occurrence=occurrence))
    for occurrence in rows.filter(state=OccurrenceState.OPEN, ends_at__lte=now)[:50]:
        done += settle(partial(window_close, by=WINDOWS, at=now, occurrence=occurrence))
    return done


@loop(name="maintenance.jobs", every=5, channel="jobs")
def jobs(now: datetime) -> int:
    """Have runs planned ahead of their window, start approved ones inside it, close the books on the rest."""
    for job in Job.objects.filter(is_active=True).select_related("window"):
        lead = timedelta(minutes=job.plan_lead_minutes)
        ahead = job.window.occurrences.filter(
            state__in=[OccurrenceState.PLANNED, OccurrenceState.OPEN], starts_at__lte=now + lead, ends_at__gt=now
        ).exclude(job_runs__job=job)
        for occurrence in ahead:
            run_request(
                key=f"job-plan:{job.pk}:{occurrence.pk}",
                task="maintenance.plan_job",
                queue="jobs",
                at=occurrence.starts_at,
                args={"job": job.pk, "occurrence": occurrence.pk},
                platform_id=job.platform_id,
            )
    for run in _startable(now):
        run_request(
            key=f"job-run:{run.pk}",
            task="maintenance.run_job",
            queue="jobs",
            at=run.occurrence.starts_at,
            args={"job_run": run.pk},
            platform_id=run.platform_id,
        )
    return _lapse(now)


def _startable(now: datetime) -> list[JobRun]:
    return list(
        JobRun.objects.filter(
            state=JobRunState.PLANNED,
            plan__state=PlanState.APPROVED,
            occurrence__state=OccurrenceState.OPEN,
            occurrence__ends_at__gt=now,
        ).select_related("occurrence")[:50]
    )


def _lapse(now: datetime) -> int:
    """Close the books on runs whose window is over: those that never began, and those nobody goes on with."""
    over = JobRun.objects.filter(occurrence__ends_at__lte=now).select_related("plan", "job")
    done = 0
    for run in over.filter(state=JobRunState.PLANNED).exclude(plan__state=PlanState.RUNNING).order_by("pk")[:50]:
        done += settle(partial(job_run_lapse, by=WINDOWS, at=now, run=run))
    for run in over.filter(state=JobRunState.RUNNING).order_by("pk")[:50]:
        if not Run.objects.filter(key=f"job-run:{run.pk}").exclude(state__in=Run.ENDED).exists():
            done += settle(partial(job_run_give_up, by=WINDOWS, at=now, run=run))
    return done
