"""The check of jobs that beat (M-CHK-14)."""

from typing import Any

from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.models import Heartbeat, Verdict
from opsportal.core.formats import plural


@check("jobs.on_time", title="Jobs ran")
def jobs_on_time(context: CheckContext) -> Finding:
    """Every job that beats was heard of in time; one never heard of is unknown."""
    asked: dict[str, Any] = {"rows": "heartbeats of the platform that are not paused"}
    rows = list(
        Heartbeat.objects.filter(platform_id=context.platform_id, enabled=True)
        .select_related("alarm")
        .order_by("key", "pk")
    )
    kinds = [(row, row.kind_at(context.at)) for row in rows]  # by row: two jobs may have one name
    got = {
        "jobs": [
            {"job": row.name, "state": row.state_at(context.at), "last": row.ended_at and row.ended_at.isoformat()}
            for row in rows[:100]
        ]
    }
    late = [row.name for row, kind in kinds if kind == "fail"]
    unclear: dict[str, list[str]] = {}
    for row, kind in kinds:
        if kind not in ("ok", "fail"):
            unclear.setdefault(row.state_at(context.at), []).append(row.name)
    if late:
        verdict, summary = Verdict.FAIL, f"Late or failed: {', '.join(late[:5])}"
    elif not rows:
        verdict, summary = Verdict.UNKNOWN, "No job of the platform beats here"
    elif unclear:
        said = [f"{state.capitalize()}: {', '.join(names[:5])}" for state, names in unclear.items()]
        verdict, summary = Verdict.UNKNOWN, "; ".join(said)
    else:
        verdict, summary = Verdict.OK, f"{plural(len(rows), 'job')} in time"
    return Finding(verdict=verdict, summary=summary, fetched_at=context.at, asked=asked, got=got)
