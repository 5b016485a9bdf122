"""What users reported, as a queue: recorded by anyone, made part of an incident, or answered."""

from typing import Any, Final

from django.http import HttpResponse

from incidents.errors import IncidentError
from incidents.forms.user_reports import ReportAnswerForm, ReportAttachForm, ReportForm
from incidents.models import Incident, UserReport
from incidents.models.problem import ReportChannel, ReportKind, ReportState
from incidents.selectors.named import incident_named
from incidents.selectors.queue import report_page
from incidents.services.reports import report_add, report_answer, report_attach
from incidents.views.shared import now
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import allows, authorize, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform

VIEW, ADD, SETTLE = "incidents.report_view", "incidents.report_add", "incidents.report_settle"
VIEWS: Final = (("", "Waiting"), ("settled", "Settled"))


def _load(request: AuthorizedRequest, pk: int, action: str) -> UserReport:
    rows = UserReport.objects.visible_to(request.actor).select_related("platform", "service", "recorded_by")
    return permitted(request.actor, action, rows, pk=pk)


@require_action(VIEW)
def report_list(request: AuthorizedRequest) -> HttpResponse:
    """Those that wait, the oldest first."""
    platform = selected_platform(request)
    state = request.GET.get("view", "")
    page = report_page(
        request.actor, platform_id=platform.pk if platform else None, state=state, cursor=request.GET.get("cursor")
    )
    context = {
        "page": page,
        "now": now(),
        "views": [{"label": label, "href": f"?view={key}", "current": state == key} for key, label in VIEWS],
        "may_add": allows(request.actor, ADD),
    }
    return render_page(request, "incidents/report_list.html", context)


@require_action(ADD, methods=READ_WRITE)
@idempotent
def report_new(request: AuthorizedRequest) -> HttpResponse:
    """Record what somebody told us."""
    initial = {"kind": ReportKind.FAULT, "channel": ReportChannel.OTHER}
    form, status = (
        ReportForm(request.POST or None, initial=initial, platform_ids=platforms_where(request.actor, ADD)),
        200,
    )
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            authorize(request.actor, ADD, data["service"])
            try:
                report = report_add(
                    by=request.actor,
                    at=now(),
                    platform_id=data["service"].platform_id,
                    service=data["service"],
                    text=data["text"],
                    kind=data["kind"] or ReportKind.FAULT,
                    channel=data["channel"] or ReportChannel.OTHER,
                    reporter=data["reporter"],
                    reported_at=data["reported_at"],
                )
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, report.url)
    return render_page(request, "incidents/report_new.html", {"form": form, "key": new_key()}, status=status)


def _page(request: AuthorizedRequest, report: UserReport, wrong: VersionedForm | None = None) -> HttpResponse:
    initial = {"version": report.version}
    attach = wrong if isinstance(wrong, ReportAttachForm) else ReportAttachForm(initial=initial)
    answer = wrong if isinstance(wrong, ReportAnswerForm) else ReportAnswerForm(initial=initial)
    waits = report.state == ReportState.WAITING
    incident = Incident.objects.visible_to(request.actor).filter(pk=report.incident_id or 0).first()
    context: dict[str, Any] = {
        "report": report,
        "now": now(),
        "incident": incident,
        "wrong": wrong,
        "attach": attach,
        "answer": answer,
        "may_settle": waits and allows(request.actor, SETTLE, report),
        "key": new_key(),
    }
    return render_page(request, "incidents/report_detail.html", context, status=422 if wrong is not None else 200)


@require_action(VIEW)
def report_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """What was said, and what came of it."""
    return _page(request, _load(request, pk, VIEW))


@require_action(SETTLE, methods=WRITE)
@idempotent
def report_attach_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Make it part of an incident."""
    report, form = _load(request, pk, SETTLE), ReportAttachForm(request.POST)
    if not form.is_valid():
        return _page(request, report, form)
    data = form.cleaned_data
    try:
        incident = incident_named(request.actor, data["number"], "incidents.entry_log", "number")
        report_attach(by=request.actor, at=now(), report=report, incident=incident, expected=data["version"])
    except IncidentError as error:
        form.add_error(None, str(error))
        return _page(request, report, form)
    return redirect_or_fragment(request, report.url)


@require_action(SETTLE, methods=WRITE)
@idempotent
def report_answer_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Settle it without an incident."""
    report, form = _load(request, pk, SETTLE), ReportAnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, report, form)
    data = form.cleaned_data
    try:
        report_answer(by=request.actor, at=now(), report=report, expected=data["version"], answer=data["answer"])
    except IncidentError as error:
        form.add_error(None, str(error))
        return _page(request, report, form)
    return redirect_or_fragment(request, report.url)
