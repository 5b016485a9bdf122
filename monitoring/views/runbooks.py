"""The part of a runbook's page that monitoring knows: the state of its alarms."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from monitoring.models import Alarm
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.htmx import render_page
from opsportal.knowledge.models import Runbook


@require_action("monitoring.alarm_view")
def runbook_alarms(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The alarms that a runbook is opened for, with their state now."""
    rows = Runbook.objects.visible_to(request.actor)
    runbook = get_object_or_404(rows, pk=pk)
    alarms = Alarm.objects.visible_to(request.actor).filter(platform_id=runbook.platform_id)
    alarms = alarms.filter(rule__key__in=runbook.trigger("alarms")).select_related("severity").order_by("name", "pk")
    return render_page(
        request, "monitoring/runbook_alarms.html", {"runbook": runbook, "alarms": alarms[:30]}, fragment="alarms"
    )
