"""Checks about alarms, and about monitoring itself."""

from datetime import timedelta
from typing import Any

from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.evidence.sources import unknown, unseen
from monitoring.models import Alarm, AlarmState, AlarmTransition, Verdict
from opsportal.core.formats import plural


@check("alarms.overnight", title="Alarms overnight", params={"hours": float})
def alarms_overnight(context: CheckContext) -> Finding:
    """Which alarms fired in the last `hours`, and whether any still does."""
    since = context.at - timedelta(hours=float(context.params.get("hours", 15)))
    asked: dict[str, Any] = {"since": since.isoformat(), "rows": "alarm transitions, CloudWatch's alarms among them"}
    events = (
        AlarmTransition.objects.filter(
            platform_id=context.platform_id, to_state=AlarmState.ALARM, at__gte=since, at__lte=context.at
        )
        .exclude(from_state=AlarmState.ALARM)  # it went on firing after a silence
        .select_related("alarm", "severity")
        .order_by("-at", "-pk")
    )
    rows = list(events[:200])
    firing = _firing(context)
    got = {
        "fired": [
            {"alarm": row.alarm.name, "at": row.at.isoformat(), "level": row.severity.label if row.severity else ""}
            for row in rows[:50]
        ],
        "still_firing": [alarm.name for alarm in firing],
    }
    trouble = unseen(context)
    if firing:
        summary = f"{plural(len(firing), 'alarm')} still firing, {len(rows)} fired"
        return Finding(verdict=Verdict.FAIL, summary=summary, fetched_at=context.at, asked=asked, got=got)
    if trouble:
        return unknown(trouble, fetched_at=context.at, asked=asked)
    if rows:
        summary = f"{plural(len({row.alarm_id for row in rows}), 'alarm')} fired, all clear now"
        return Finding(verdict=Verdict.WARN, summary=summary, fetched_at=context.at, asked=asked, got=got)
    return Finding(verdict=Verdict.OK, summary="No alarm fired", fetched_at=context.at, asked=asked, got=got)


@check("alarms.pending", title="Nothing fires")
def alarms_pending(context: CheckContext) -> Finding:
    """Nothing fires now."""
    firing, trouble = _firing(context), unseen(context)
    asked: dict[str, Any] = {"rows": "alarms in state firing"}
    got = {"firing": [{"alarm": alarm.name, "since": alarm.since.isoformat()} for alarm in firing]}
    if firing:
        summary = f"{plural(len(firing), 'alarm')} firing"
        return Finding(verdict=Verdict.FAIL, summary=summary, fetched_at=context.at, asked=asked, got=got)
    if trouble:
        return unknown(trouble, fetched_at=context.at, asked=asked)
    return Finding(verdict=Verdict.OK, summary="No alarm fires", fetched_at=context.at, asked=asked, got=got)


@check("monitoring.fresh", title="Monitoring sees")
def monitoring_fresh(context: CheckContext) -> Finding:
    """Monitoring itself sees: every metric of the platform was read lately."""
    asked: dict[str, Any] = {"rows": "watermarks of the platform's metrics"}
    trouble = unseen(context)
    verdict = Verdict.FAIL if trouble else Verdict.OK
    return Finding(verdict=verdict, summary=trouble or "Every metric is fresh", fetched_at=context.at, asked=asked)


def _firing(context: CheckContext) -> list[Alarm]:
    rows = Alarm.objects.judged().filter(platform_id=context.platform_id, state=AlarmState.ALARM, since__lte=context.at)
    return list(rows.order_by("since", "pk")[:100])
