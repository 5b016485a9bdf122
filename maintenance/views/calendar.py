"""The month of windows and freezes, and what runs inside them."""

from datetime import date, timedelta

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from maintenance.forms import ReasonForm
from maintenance.models import JobRun, WindowOccurrence
from maintenance.selectors import coming_windows, job_runs, month_calendar, occurrences_of_days
from maintenance.services.windows import WindowRefusedError, window_cancel
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import allows, authorize, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.shell import selected_platform

CALENDAR = "maintenance/window_calendar.html"
OCCURRENCE = "maintenance/window_detail.html"
JOB_RUN = "maintenance/job_run.html"
FREEZE = "maintenance.freeze_set"


def _month(text: str, today: date) -> date:
    if not text:
        return today.replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise BadRequest("The month is written like 2026-11.") from error
    if not date(2000, 1, 1) <= month <= date(2100, 1, 1):
        raise BadRequest("The calendar knows the years 2000 to 2100.")
    return month


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("The day is written like 2026-11-08.") from error
    _month(f"{day:%Y-%m}", day)
    return day


@require_action("maintenance.window_view")
def window_calendar(request: AuthorizedRequest) -> HttpResponse:
    """One month in the reader's days, one day of it in full when asked, with what is next and the newest job runs."""
    now = clock.now()
    today = timezone.localdate(now)
    day = _day(request.GET.get("day", ""))
    month = _month(request.GET.get("month", ""), day or today)
    platform = selected_platform(request)
    platform_id = platform.pk if platform else None
    runs = job_runs(request.actor).order_by("-occurrence__starts_at", "-pk")
    if platform_id is not None:
        runs = runs.filter(platform_id=platform_id)
    context = {
        "month": month,
        "earlier": f"{month - timedelta(days=1):%Y-%m}",
        "later": f"{month + timedelta(days=32):%Y-%m}",
        "weeks": month_calendar(request.actor, month, today, platform_id),
        "day": day,
        "of_day": occurrences_of_days(request.actor, day, day + timedelta(days=1), platform_id) if day else [],
        "coming": coming_windows(request.actor, now, platform_id),
        "runs": runs[:12],
        "now": now,
        "may_freeze": bool(platforms_where(request.actor, FREEZE)),
    }
    return render_page(request, CALENDAR, context, fragment="calendar")


@require_action("maintenance.window_view")
def window_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One occurrence: its span, its rule, what it silences, its job runs."""
    occurrence = _occurrence(request, pk)
    return render_page(request, OCCURRENCE, _detail(request, occurrence))


def _detail(request: AuthorizedRequest, occurrence: WindowOccurrence) -> dict[str, object]:
    return {
        "occurrence": occurrence,
        "runs": job_runs(request.actor).filter(occurrence=occurrence).order_by("pk"),
        "may_end": occurrence.freezes(clock.now()) and allows(request.actor, FREEZE, occurrence),
    }


def _occurrence(request: AuthorizedRequest, pk: int) -> WindowOccurrence:
    rows = WindowOccurrence.objects.visible_to(request.actor).select_related("window__environment", "platform")
    occurrence: WindowOccurrence = get_object_or_404(rows, pk=pk)
    return occurrence


@require_action("maintenance.window_cancel", methods=("POST",))
def window_cancel_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Call off a planned occurrence, with a reason."""
    occurrence = _occurrence(request, pk)
    authorize(request.actor, "maintenance.window_cancel", occurrence)
    form = ReasonForm(request.POST)
    refused = "Say why; nothing was changed."
    if form.is_valid():
        values = form.cleaned_data
        try:
            window_cancel(
                by=request.actor,
                at=clock.now(),
                occurrence=occurrence,
                expected=values["version"],
                reason=values["reason"],
            )
            return redirect_or_fragment(request, reverse("maintenance:window", args=[pk]))
        except WindowRefusedError as error:
            refused = str(error)
    return render_page(request, OCCURRENCE, {**_detail(request, occurrence), "refused": refused}, status=422)


@require_action("maintenance.job_view")
def job_run(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One run: its plan, approval, live steps and evidence."""
    rows = JobRun.objects.visible_to(request.actor).select_related(
        "job", "platform", "plan__requested_by", "occurrence__window", "evidence"
    )
    run = get_object_or_404(rows, pk=pk)
    return render_page(
        request,
        JOB_RUN,
        {
            "run": run,
            "calls": list(run.plan.calls.order_by("position")),
            "approvals": list(run.plan.approvals.select_related("by_user").order_by("pk")),
            "now": clock.now(),
        },
        fragment="steps",
    )
