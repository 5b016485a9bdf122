"""Taking back what an incident was linked to; the acts that link it stand in `acts`."""

from typing import Final

from django.http import HttpResponse

from incidents.models import IncidentLink
from incidents.selectors.links import links_of
from incidents.services import incident_unlink, problem_unlink
from incidents.views.shared import load, now
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.htmx import redirect_or_fragment
from opsportal.core.idempotency import idempotent

LINK: Final = "incidents.incident_link"


@require_action(LINK, methods=WRITE)
@idempotent
def link_remove_action(request: AuthorizedRequest, number: int, pk: int) -> HttpResponse:
    """Take a link back, from either end; again changes nothing."""
    incident = load(request, number, LINK)
    link = IncidentLink.objects.filter(pk=pk).first()
    if link is not None and any(row.pk == pk for row in links_of(request.actor, incident)):
        incident_unlink(by=request.actor, at=now(), incident=incident, link=link)
    return redirect_or_fragment(request, f"{incident.url}?tab=related")


@require_action("incidents.problem_link", methods=WRITE)
@idempotent
def problem_remove_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Take the incident off its problem."""
    incident = load(request, number, "incidents.problem_link")
    problem_unlink(by=request.actor, at=now(), incident=incident, expected=incident.version)
    return redirect_or_fragment(request, f"{incident.url}?tab=related")
