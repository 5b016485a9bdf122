"""The tab *Runbook* of an incident: what matches, begin one, go on with it there."""

from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from incidents.errors import IncidentError
from incidents.services.acts import acts_offered
from incidents.services.runbooks import runbook_start
from incidents.views.pages import DETAIL, pane_context
from incidents.views.shared import load, now
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.htmx import redirect_or_fragment, wants_fragment
from opsportal.core.idempotency import idempotent
from opsportal.knowledge.models import Runbook

TAB: Final = "runbook"
START: Final = "incidents.runbook_start"


@require_action(START, methods=READ_WRITE)
@idempotent
def incident_runbook(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Show the tab, or begin a runbook for the incident."""
    incident = load(request, number, START)
    address = f"{incident.url}?tab={TAB}"
    if request.method == "POST":
        rows = Runbook.objects.visible_to(request.actor).select_related("platform", "current")
        runbook = get_object_or_404(rows, pk=bounded_int(request.POST.get("runbook", "")) or 0)
        try:
            runbook_start(by=request.actor, at=now(), incident=incident, runbook=runbook)
        except IncidentError as error:
            messages.error(request, str(error))
    elif not wants_fragment(request):
        return redirect_or_fragment(request, address)
    context = {
        **pane_context(request, incident, TAB, now()),
        "now": now(),
        "incident": incident,
        "can": acts_offered(request.actor, incident),
    }
    return redirect_or_fragment(request, address, template=DETAIL, fragment="pane", context=context)
