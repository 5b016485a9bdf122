"""What adds a line of its own kind: a pinned text, a task, a kept graph, a file."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from incidents.errors import IncidentError
from incidents.line_forms import AttachForm, LineForm, MetricForm, PinForm, TaskActForm, TaskForm
from incidents.models import Attachment, Incident, ResponseTask
from incidents.selectors import members_of, severities_of
from incidents.selectors.beside import tasks_of
from incidents.services.attachments import MOST_BYTES, attachment_add
from incidents.services.graphs import metric_keep, metrics_read
from incidents.services.marks import line_pin
from incidents.services.tasks import task_add, task_take, task_tick
from incidents.views.shared import load, new_key, now
from opsportal.core.actions import READ_WRITE, WRITE, ActionView, AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError, allows, authorize
from opsportal.core.htmx import redirect_or_fragment, render_fragment, render_page, wants_fragment
from opsportal.core.idempotency import idempotent

ACT: Final = "incidents/incident_act.html"
ATTACH: Final = "incidents/incident_attach.html"
TASKS: Final = "incidents/_tasks.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A kind of line with its form."""

    name: str
    action: str
    form: type[LineForm]
    title: str
    submit: str
    text: str
    run: Callable[[Actor, datetime, Incident, Any], object]
    kind: str = "pri"


def _pin(by: Actor, at: datetime, incident: Incident, form: Any) -> object:
    return line_pin(by=by, at=at, incident=incident, body=form.cleaned_data["text"])


def _task(by: Actor, at: datetime, incident: Incident, form: Any) -> object:
    data = form.cleaned_data
    return task_add(by=by, at=at, incident=incident, title=data["title"], owner_id=data["owner_id"], within=form.within)


def _metric(by: Actor, at: datetime, incident: Incident, form: Any) -> object:
    return metric_keep(by=by, at=at, incident=incident, metric=form.metrics[form.cleaned_data["metric"]])


LINES: Final = (
    Line(
        name="pin",
        action="incidents.entry_mark",
        form=PinForm,
        title="Log and pin",
        submit="Pin",
        text="The line stands in the timeline and above it, for everyone.",
        run=_pin,
    ),
    Line(
        name="task",
        action="incidents.task_add",
        form=TaskForm,
        title="Ask for a task",
        submit="Ask",
        text="Its owner is told at once, and once more when it is overdue.",
        run=_task,
    ),
    Line(
        name="metric",
        action="incidents.entry_log",
        form=MetricForm,
        title="Keep a graph",
        submit="Keep",
        text="The figures around the incident are kept in the line as they are now, whatever retention forgets later.",
        run=_metric,
    ),
)


def line_view(line: Line) -> ActionView:
    """The page with the form of one kind of line, and its post."""

    @idempotent
    def view(request: AuthorizedRequest, number: int) -> HttpResponse:
        incident = load(request, number, line.action)
        form = line.form(request.POST if request.method == "POST" else None, incident=incident)
        status = 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    line.run(request.actor, now(), incident, form)
                except IncidentError as error:
                    form.add_error(None, str(error))
                else:
                    return redirect_or_fragment(request, incident.url)
        context = {"incident": incident, "form": form, "act": line, "now": now(), "key": new_key()}
        return render_page(request, ACT, context, fragment="pane", status=status)

    view.__name__ = f"incident_{line.name}"
    view.__doc__ = line.title
    return require_action(line.action, methods=READ_WRITE)(view)


@require_action("incidents.task_tick", methods=WRITE)
def task_change(request: AuthorizedRequest, number: int, pk: int) -> HttpResponse:
    """Tick a task, take it back, or take it upon oneself."""
    incident = load(request, number, "incidents.incident_view")
    task = cast("ResponseTask | None", ResponseTask.objects.filter(incident=incident, pk=pk).first())
    if task is None:
        raise HiddenError("incidents.task_tick")
    task.incident = incident
    authorize(request.actor, "incidents.task_tick", task)
    form = TaskActForm(request.POST)
    error = "" if form.is_valid() else "Say what became of the task."
    if not error:
        try:
            _change(request.actor, task, form.cleaned_data["act"], form.cleaned_data["version"])
        except IncidentError as refusal:
            error = str(refusal)
    status = 422 if error else 200
    if not wants_fragment(request) and not error:
        return redirect_or_fragment(request, f"{incident.url}#incident-{incident.pk}-tasks")
    context = {"incident": incident, "task_error": error, "now": now(), **tasks_context(request, incident)}
    if wants_fragment(request):
        return HttpResponse(render_fragment(request, TASKS, "tasks", context), status=status)
    return render_page(request, "incidents/incident_tasks.html", context, status=status)


def _change(by: Actor, task: ResponseTask, act: str, expected: int) -> None:
    if act == "take":
        task_take(by=by, at=now(), task=task, expected=expected)
    else:
        task_tick(by=by, at=now(), task=task, expected=expected, done=act == "done")


def tasks_context(request: AuthorizedRequest, incident: Incident, tasks: Any = None) -> dict[str, Any]:
    """The incident's tasks, and what this person may do with them."""
    return {
        "tasks": tasks_of(incident) if tasks is None else tasks,
        "may_tick": allows(request.actor, "incidents.task_tick", incident),
        "may_ask": allows(request.actor, "incidents.task_add", incident) and incident.state != "closed",
    }


@require_action("incidents.attachment_add", methods=READ_WRITE)
def attach(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Keep a file; its key makes a resend harmless."""
    incident = load(request, number, "incidents.attachment_add")
    form = AttachForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        form = AttachForm(request.POST, request.FILES)
        if form.is_valid():
            file: UploadedFile[Any] = form.cleaned_data["file"]
            try:
                attachment_add(
                    by=request.actor,
                    at=now(),
                    incident=incident,
                    name=file.name or "",
                    content=file.read(MOST_BYTES + 1),
                    client_key=request.POST.get("client_key", "")[:64],
                )
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, incident.url)
    context = {"incident": incident, "form": form, "key": new_key()}
    return render_page(request, ATTACH, context, fragment="pane", status=status)


@require_action("incidents.incident_view")
def attachment_download(request: AuthorizedRequest, number: int, entry_number: int) -> HttpResponse:
    """The bytes as they came. Always a download: nothing that was uploaded is shown as a page of the portal."""
    incident = load(request, number, "incidents.incident_view")
    rows = Attachment.objects.filter(incident=incident, entry__number=entry_number)
    file = cast("Attachment | None", rows.first())
    if file is None:
        raise HiddenError("incidents.incident_view")
    response = HttpResponse(bytes(file.content), content_type=file.media_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file.name) or "attachment"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["ETag"] = f'"{file.sha256}"'
    return response


@require_action("incidents.entry_log")
def completions(request: AuthorizedRequest, number: int) -> HttpResponse:
    """What the composer's commands take, fetched when somebody begins to type."""
    incident = load(request, number, "incidents.entry_log")
    context = {
        "incident": incident,
        "people": [name for _, name in members_of(incident.platform_id)],
        "severities": [row.label for row in severities_of(incident.platform_id)],
        "metrics": list(dict.fromkeys(metric.name for metric in metrics_read(incident)))[:40],
        "stages": ("respond", "assess", "communicate", "resolve", "mitigated", "resolved"),
        "roles": ("scribe", "communications", "liaison", "expert"),
        "states": ("investigating", "identified", "monitoring", "resolved", "internal"),
    }
    response = render_page(request, "incidents/_completions.html", context)
    response["Cache-Control"] = "private, max-age=60"
    return response
