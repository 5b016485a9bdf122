"""The panel a commander looks at first."""

from django.http import HttpResponse

from incidents.selectors.situation import situation_of
from incidents.views.shared import load, now
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.htmx import render_page


@require_action("incidents.incident_view")
def incident_situation(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Service, changes, alarms, metrics, on call, earlier incidents; a part of the incident's page, or a page."""
    incident = load(request, number, "incidents.incident_view")
    at = now()
    context = {"incident": incident, "situation": situation_of(request.actor, incident, now=at), "now": at}
    return render_page(request, "incidents/incident_situation.html", context, fragment="situation")
