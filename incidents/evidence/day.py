"""`incidents.day`: what the last hours brought, so that a list's line answers itself."""

from datetime import timedelta

from django.db.models import Q

from incidents.choices import StateChoice
from incidents.models import Incident
from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.models import Verdict
from opsportal.core.formats import plural


@check("incidents.day", params={"hours": float})
def incidents_of_the_day(context: CheckContext) -> Finding:
    """Ok without an open incident of the two worst ranks; warns while any is open or without an owner."""
    hours = float(context.params.get("hours", 24))
    since = context.at - timedelta(hours=hours)
    rows = list(
        Incident.objects.filter(platform_id=context.platform_id)
        .filter(Q(state=StateChoice.OPEN) | Q(declared_at__gte=since))
        .order_by("rank", "number")
        .values("number", "rank", "state", "commander_id", "is_restricted")[:200]
    )
    open_now = [row for row in rows if row["state"] == StateChoice.OPEN]
    verdict = Verdict.OK
    if open_now:
        verdict = Verdict.FAIL if open_now[0]["rank"] <= 2 else Verdict.WARN
    told = [f"INC-{row['number']}" for row in rows if not row["is_restricted"]]
    return Finding(
        verdict=verdict,
        summary=f"{plural(len(open_now), 'incident')} open, {len(rows)} in the last {hours:g} h",
        asked={"since": since.isoformat(), "platform": context.platform_id},
        got={"open": len(open_now), "count": len(rows), "incidents": told[:20]},
        fetched_at=context.at,
    )
