"""`incidents.day`: what the last hours brought, so that a list's line answers itself."""

from datetime import timedelta

from django.db.models import Count, Min, Q

from incidents.choices import StateChoice
from incidents.models import Incident
from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.models import Verdict
from opsportal.core.formats import plural


@check("incidents.day", title="Incidents of the day", params={"hours": float})
def incidents_of_the_day(context: CheckContext) -> Finding:
    """Ok while none is open; fails while one of the two worst ranks is, warns while a milder one is.

    Restricted incidents do not count: everyone who reads the list reads this answer.
    """
    hours = float(context.params.get("hours", 24))
    since = context.at - timedelta(hours=hours)
    is_open, is_recent = Q(state=StateChoice.OPEN), Q(declared_at__gte=since)
    rows = Incident.objects.filter(is_open | is_recent, platform_id=context.platform_id, is_restricted=False)
    counted = rows.aggregate(
        open=Count("pk", filter=is_open), recent=Count("pk", filter=is_recent), worst=Min("rank", filter=is_open)
    )
    verdict = Verdict.OK
    if counted["open"]:
        verdict = Verdict.FAIL if counted["worst"] <= 2 else Verdict.WARN
    told = [f"INC-{number}" for number in rows.order_by("rank", "number").values_list("number", flat=True)[:20]]
    return Finding(
        verdict=verdict,
        summary=f"{plural(counted['open'], 'incident')} open, {counted['recent']} in the last {hours:g} h",
        asked={"since": since.isoformat(), "platform": context.platform_id},
        got={"open": counted["open"], "count": counted["recent"], "incidents": told},
        fetched_at=context.at,
    )
