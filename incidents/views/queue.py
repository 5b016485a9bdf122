"""The queue: what is mild enough to wait, by age and owner (M-CLK-07)."""

from django.http import HttpResponse

from incidents.selectors.queue import OWNERS, planned_page, queue_page, queued_alarms
from incidents.services.queue import alarm_own
from incidents.views.shared import now
from monitoring.models import Alarm
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.gate import HiddenError, allows, authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.core.shell import selected_platform

OWN = "incidents.alarm_own"


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
    """Look after a firing alarm, or give it back."""
    alarm = Alarm.objects.visible_to(request.actor).filter(pk=pk).first()
    if alarm is None:
        raise HiddenError(OWN)
    authorize(request.actor, OWN, alarm)
    owner_id = None if request.POST.get("give_back") else request.actor.user_id
    alarm_own(by=request.actor, at=now(), alarm=alarm, owner_id=owner_id)
    return redirect_or_fragment(request, "/incidents/queue/")
