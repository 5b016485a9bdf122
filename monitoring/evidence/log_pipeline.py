"""A check that logs arrive at all: silence of a log is no good news (M-MET-12)."""

from typing import Any

from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.evidence.sources import unknown
from monitoring.models import ServiceMetric, Verdict
from monitoring.selectors.log_pipeline import LogPipeline, pipeline_of
from opsportal.core.formats import plural

_VERDICT = {"ok": Verdict.OK, "fail": Verdict.FAIL}


@check("logs.fresh", title="Logs arrive", params={"service": str})
def logs_fresh(context: CheckContext) -> Finding:
    """Each log group took a line in as lately as its rule wants, and Firehose carries them on in time."""
    metrics = ServiceMetric.objects.filter(platform_id=context.platform_id)
    service = context.params.get("service")
    if service:
        metrics = metrics.filter(service__key=service)
    found = pipeline_of(metrics, at=context.at)
    asked: dict[str, Any] = {"call": "cloudwatch:GetMetricData", "namespaces": ["AWS/Logs", "AWS/Firehose"]}
    if not found.groups and not found.deliveries:
        return unknown("No metric of a log group or of Firehose is read.", fetched_at=context.at, asked=asked)
    got = {
        "groups": {
            row.name: {
                "newest_at": row.newest_at.isoformat() if row.newest_at else None,
                "expected_minutes": row.expected.total_seconds() / 60,
                "state": row.state,
            }
            for row in found.groups
        },
        "deliveries": {f"{row.stream} {row.metric.metric}": [row.value, row.state] for row in found.deliveries},
    }
    read = [row.newest_at for row in found.groups if row.newest_at] + [r.read_at for r in found.deliveries if r.read_at]
    return Finding(
        verdict=_VERDICT.get(found.state, Verdict.UNKNOWN),
        summary=_said(found),
        fetched_at=min(read, default=context.at),
        asked=asked,
        got=got,
    )


def _said(found: LogPipeline) -> str:
    bad = [f"{row.name}: {row.why}" for row in found.groups if row.state != "ok"]
    bad += [f"{row.metric.name}: {_word(row.state)}" for row in found.deliveries if row.state != "ok"]
    if found.is_cut:
        bad.append("There are more log groups than are looked at: name a service.")
    return " ".join(bad)[:240] or f"{plural(len(found.groups), 'log group')} fresh"


def _word(state: str) -> str:
    return {"fail": "beyond its limit.", "stale": "not read lately."}.get(state, "not known.")
