"""Beside a run of a question to the logs: put it on the timeline of an incident. A part of monitoring's page."""

from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from incidents.choices import StateChoice
from incidents.errors import IncidentError
from incidents.models import Incident, TimelineEntry
from incidents.services.log_lines import log_run_note, note_key
from incidents.views.shared import load, now
from monitoring.models import LogRun
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.gate import permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key

NOTE: Final = "incidents.entry_log"
MOST: Final = 30


@require_action(NOTE, methods=READ_WRITE)
@idempotent
def log_run_link(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The incidents of the run's platform that go on, and those that name it already; or note it on one."""
    rows = LogRun.objects.visible_to(request.actor).select_related("query__service", "platform")
    run: LogRun = permitted(request.actor, NOTE, rows, pk=pk)
    if request.method == "POST":
        incident = load(request, bounded_int(request.POST.get("incident", "")) or 0, NOTE)
        try:
            log_run_note(by=request.actor, at=now(), incident=incident, run=run)
        except IncidentError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"It stands on the timeline of {incident.reference}.")
        return redirect_or_fragment(request, reverse("monitoring:log-run", args=[run.pk]))
    open_ones = Incident.objects.visible_to(request.actor).filter(platform_id=run.platform_id)
    open_ones = open_ones.exclude(state=StateChoice.CLOSED).order_by("-number")
    noted = TimelineEntry.objects.filter(client_key=note_key(run), incident__platform_id=run.platform_id)
    known = Incident.objects.visible_to(request.actor).filter(pk__in=noted.values("incident_id")).order_by("-number")
    context = {
        "run": run,
        "open_ones": [row for row in open_ones[:MOST] if row not in set(known)],
        "known": list(known[:MOST]),
        "key": new_key(),
    }
    return render_page(request, "incidents/log_run_link.html", context, fragment="link")
