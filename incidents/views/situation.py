"""The panel a commander looks at first."""

from datetime import datetime
from typing import Final

from django.contrib import messages
from django.http import HttpResponse

from incidents.models import Incident
from incidents.selectors.situation import sample_end, situation_of
from incidents.services.samples import log_sample_request
from incidents.views.shared import load, now
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent

LOGS: Final = "incidents.log_sample"


@require_action("incidents.incident_view")
def incident_situation(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Service, changes, alarms, metrics, on call, earlier incidents; a part of the incident's page, or a page."""
    incident = load(request, number, "incidents.incident_view")
    at = now()
    may = allows(request.actor, LOGS, incident) and incident.service_id is not None
    situation = situation_of(request.actor, incident, now=at)
    context = {"incident": incident, "situation": situation, "now": at, "may_read_logs": may}
    context["may_ask_logs"] = may and not _is_over(incident, at)
    return render_page(request, "incidents/incident_situation.html", context, fragment="situation")


@require_action(LOGS, methods=WRITE)
@idempotent
def incident_logs_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Have the worker read the newest error lines of the service."""
    incident = load(request, number, LOGS)
    at = now()
    if _is_over(incident, at):
        messages.error(request, "The incident is over: what the log says now is not about it.")
    elif log_sample_request(by=request.actor, at=at, incident=incident):
        messages.success(request, "The log is being read; the lines stand in the situation in a moment.")
    else:
        messages.error(request, "No service is named, so no log is known. Name it in the record first.")
    return redirect_or_fragment(request, f"{incident.url}?tab=situation")


def _is_over(incident: Incident, at: datetime) -> bool:
    end = sample_end(incident)
    return end is not None and at > end
