"""The queue: what is mild enough to wait, by age and owner (M-CLK-07)."""

from django.http import HttpResponse

from incidents.errors import AlarmTakenError, IncidentError
from incidents.selectors.queue import OWNERS, planned_page, queue_page, queued_alarms
from incidents.services.queue import alarm_give_back, alarm_own
from incidents.views.shared import now
from monitoring.models import Alarm
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.core.shell import selected_platform

OWN = "incidents.alarm_own"
QUEUE = "/incidents/queue/"


@require_action("incidents.incident_view")
def queue(request: AuthorizedRequest) -> HttpResponse:
    """Mild open incidents and firing alarms that page nobody; with `?view=planned` what became planned work."""
    platform, at = selected_platform(request), now()
    platform_id = platform.pk if platform else None
    view = request.GET.get("view", "")
    cursor = request.GET.get("cursor")
    owner = view if view in dict(OWNERS) else ""
    views = [*OWNERS, ("planned", "Planned work")]
    context = {
        "now": at,
        "view": view,
        "views": [{"label": label, "href": f"?view={key}", "current": view == key} for key, label in views],
        "may_own": allows(request.actor, OWN),
        "may_take": allows(request.actor, "incidents.incident_acknowledge"),
        "may_plan": allows(request.actor, "incidents.incident_plan"),
        "me": request.actor.user_id,
    }
    if view == "planned":
        context["page"] = planned_page(request.actor, platform_id=platform_id, cursor=cursor)
        return render_page(request, "incidents/queue.html", context)
    context["page"] = queue_page(request.actor, platform_id=platform_id, owner=owner, cursor=cursor)
    context["alarms"] = queued_alarms(request.actor, at=at, platform_id=platform_id, owner=owner)
    return render_page(request, "incidents/queue.html", context)


@require_action(OWN, methods=WRITE)
@idempotent
def alarm_own_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Look after a firing alarm, also instead of the person shown, or give it back; 409 names who was first."""
    alarm = permitted(request.actor, OWN, Alarm.objects.visible_to(request.actor), pk=pk)
    try:
        if request.POST.get("give_back"):
            alarm_give_back(by=request.actor, at=now(), alarm=alarm)
        else:
            instead_of = bounded_int(request.POST.get("instead_of", ""))
            alarm_own(by=request.actor, at=now(), alarm=alarm, instead_of=instead_of)
    except IncidentError as error:
        status = 409 if isinstance(error, AlarmTakenError) else 422
        context = {"status": status, "heading": "You do not look after this alarm", "text": str(error), "back": QUEUE}
        return render_page(request, f"errors/{status}.html", context, status=status)
    return redirect_or_fragment(request, QUEUE)
