"""What is going on when the demo is first opened, and how its next list or window is opened now."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from incidents.choices import DetectionSource, StateChoice
from incidents.models import Incident
from incidents.models.problem import ProblemState, ReportChannel, ReportKind
from incidents.selectors.named import severity_of_rank
from incidents.services.declare import Declaration, incident_declare
from incidents.services.problems import problem_change, problem_link, problem_open
from incidents.services.reports import report_add
from maintenance.models import ChecklistRun, ChecklistTemplate, Job, OccurrenceState, RunState, WindowOccurrence
from maintenance.services.checklists import checklist_run_open, item_tick
from maintenance.services.jobs import job_run_plan
from maintenance.services.windows import window_now
from monitoring.models import LogQuery
from monitoring.services.log_queries import log_query_ask
from opsportal.core.actor import Actor, system_actor
from opsportal.core.formats import plural
from opsportal.platforms.models import Service

DEMO = system_actor("demo")
DUE_SOON = timedelta(minutes=13)


def present_put(*, at: datetime, operator: Actor) -> None:
    """A half answered list, one due soon, a small open incident, a plan to decide on, reports that wait, a problem;
    the guides' questions to the logs, asked once.
    """
    half_done = checklist_open(at=at, platform="solemate")
    items = list(half_done.items.select_related("run").order_by("position"))
    for item in items[: len(items) // 2]:
        item_tick(by=operator, at=at, item=item, expected=item.version)
    checklist_open(at=at, platform="phase-09", due_in=DUE_SOON)
    service = Service.objects.get(platform__key="bookstore", key="bookstore-web")
    incident_declare(
        by=operator,
        at=at - timedelta(minutes=50),
        declaration=Declaration(
            platform_id=service.platform_id,
            title="Prices show without currency on old phones",
            service=service,
            severity=severity_of_rank(service.platform_id, 4),
            detection_source=DetectionSource.USER_REPORT,
        ),
    )
    job_plan(at=at)
    reports_put(at=at, operator=operator)
    problem_put(at=at, operator=operator)
    for query in LogQuery.objects.order_by("pk"):
        log_query_ask(by=operator, at=at, query=query, minutes=query.minutes)


def reports_put(*, at: datetime, operator: Actor) -> None:
    """What users said today: a fault, a question, a wish."""
    service = Service.objects.get(platform__key="bookstore", key="bookstore-web")
    said = (
        (160, ReportKind.FAULT, ReportChannel.EMAIL, "A reader", "The basket is empty after I sign in."),
        (95, ReportKind.REQUEST, ReportChannel.PHONE, "Sales desk", "Can an order be moved to another address?"),
        (30, ReportKind.FEEDBACK, ReportChannel.CHAT, "Warehouse", "The label could name the shelf."),
    )
    for minutes, kind, channel, reporter, text in said:
        report_add(
            by=operator,
            at=at,
            platform_id=service.platform_id,
            service=service,
            text=text,
            kind=kind,
            channel=channel,
            reporter=reporter,
            reported_at=at - timedelta(minutes=minutes),
        )


def problem_put(*, at: datetime, operator: Actor) -> None:
    """The cause behind what keeps coming back: the title that most past incidents of a service share."""
    over = Incident.objects.exclude(state=StateChoice.OPEN)
    group = over.values("service_id", "title").annotate(n=Count("pk")).order_by("-n", "service_id", "title").first()
    if group is None:
        return
    rows = list(over.filter(service_id=group["service_id"], title=group["title"]).order_by("-number")[:5])
    problem = problem_open(
        by=operator,
        at=at,
        platform_id=rows[0].platform_id,
        values={
            "title": rows[0].title,
            "impact": f"{plural(len(rows), 'incident')} so far.",
            "analysis": rows[0].cause,
        },
    )
    problem_change(
        by=operator,
        at=at,
        problem=problem,
        expected=problem.version,
        values={"state": ProblemState.KNOWN_ERROR, "workaround": rows[0].resolution or rows[0].title},
    )
    for incident in rows:
        problem_link(by=operator, at=at, incident=incident, expected=incident.version, problem=problem)


class ListsOpenError(Exception):
    """Every list of the platform is open already; the text names them."""


def checklist_open(*, at: datetime, platform: str, due_in: timedelta | None = None) -> ChecklistRun:
    """Open the next list that is not open, the morning's first: for this minute, due by its rule or `due_in`.

    Raises ChecklistTemplate.DoesNotExist and ListsOpenError.
    """
    templates = list(ChecklistTemplate.objects.filter(platform__key=platform, is_active=True).order_by("pk"))
    if not templates:
        raise ChecklistTemplate.DoesNotExist(f"{platform} has no list.")
    runs = ChecklistRun.objects.filter(template__in=templates, state=RunState.OPEN)
    is_open = set(runs.values_list("template_id", flat=True))
    closed = sorted((row for row in templates if row.pk not in is_open), key=lambda row: "morning" not in row.key)
    if not closed:
        raise ListsOpenError(f"Open already: {', '.join(row.name for row in templates)}.")
    slot_at = at.replace(second=0, microsecond=0)
    if due_in is not None:
        slot_at += due_in - timedelta(minutes=closed[0].due_after_minutes)
    return checklist_run_open(by=DEMO, at=at, template=closed[0], slot_at=slot_at)


@transaction.atomic
def window_open_now(*, at: datetime, platform: str) -> WindowOccurrence:
    """The platform's job window, now; its jobs are planned at once and wait for approval."""
    jobs = Job.objects.select_related("window", "platform").filter(platform__key=platform, is_active=True)
    job = jobs.order_by("pk").first()
    if job is None:
        raise Job.DoesNotExist(f"{platform} has no job.")
    occurrence = window_now(by=DEMO, at=at, window=job.window)
    job_run_plan(by=DEMO, at=at, job=job, occurrence=occurrence)
    return occurrence


def job_plan(*, at: datetime) -> None:
    """Plan the next run of every job, so that a plan waits for a decision."""
    for job in Job.objects.select_related("window", "platform").filter(is_active=True):
        ahead = job.window.occurrences.filter(state=OccurrenceState.PLANNED, starts_at__gt=at)
        occurrence = ahead.order_by("starts_at", "pk").first()
        if occurrence is not None:
            job_run_plan(by=DEMO, at=at, job=job, occurrence=occurrence)
