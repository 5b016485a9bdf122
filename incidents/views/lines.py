"""Lines of their own kind: corrected ones, tasks, files, and what the composer completes."""

from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from incidents.errors import IncidentError
from incidents.forms.lines import AttachForm, CorrectForm, TaskActForm
from incidents.models import Attachment, Incident, ResponseTask
from incidents.selectors import members_of, severities_of
from incidents.selectors.beside import tasks_of
from incidents.services.access import entry_correct
from incidents.services.acts import ACTS
from incidents.services.attachments import MOST_BYTES, attachment_add
from incidents.services.graphs import metrics_read
from incidents.services.tasks import task_take, task_tick
from incidents.views.acts import tell_readings
from incidents.views.shared import load, now
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError, allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_fragment, render_page, wants_fragment
from opsportal.core.idempotency import idempotent, new_key

ATTACH: Final = "incidents/incident_attach.html"
TASKS: Final = "incidents/_tasks.html"


@require_action("incidents.entry_correct", methods=READ_WRITE)
@idempotent
def entry_edit(request: AuthorizedRequest, number: int, entry_number: int) -> HttpResponse:
    """Correct a line: the old text stays readable."""
    incident = load(request, number, "incidents.incident_view")
    entry = permitted(request.actor, "incidents.entry_correct", incident.entries.all(), number=entry_number)
    form = CorrectForm(request.POST or None, initial={"body": entry.body})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                entry_correct(
                    by=request.actor, at=now(), entry=entry, body=data["body"], occurred_at=data["occurred_at"]
                )
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                tell_readings(request, form)
                return redirect_or_fragment(request, incident.url)
    context = {"incident": incident, "entry": entry, "form": form, "now": now(), "key": new_key()}
    return render_page(request, "incidents/entry_correct.html", context, fragment="pane", status=status)


@require_action("incidents.task_tick", methods=WRITE)
def task_change_action(request: AuthorizedRequest, number: int, pk: int) -> HttpResponse:
    """Tick a task, take it back, or take it upon oneself."""
    incident = load(request, number, "incidents.incident_view")
    task = permitted(request.actor, "incidents.task_tick", incident.tasks.all(), pk=pk)
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
        "may_ask": ACTS["task"].is_offered(request.actor, incident),
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
    file = rows.first()
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
