"""What a report of a period says, as plain data: the page, the file, the API and the published snapshot show this.

It is computed as a viewer of the platform sees it, whoever asks: two people read the same report, and restricted
incidents stay out of it.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from django.conf import settings
from django.db.models import QuerySet

from incidents.figures.periods import between
from monitoring.models import AnnotationKind, Deployment, Slo, SloVersion
from monitoring.selectors.slo_detail import Detail, slo_detail, slo_details
from monitoring.selectors.slo_report import SloRow, slo_rows
from monitoring.slo.periods import Period
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform, Service
from opsportal.reports.checklists.selectors import compliance
from opsportal.reports.incidents.selectors import Report, report
from opsportal.reports.models import Commentary
from opsportal.reports.period.parts import alarms, backups, drills
from opsportal.reports.period.scorecard import scorecard

FORMAT: Final = 3
KEPT: Final = 200  # deployments, and windows, over an objective; `counts` says how many there were
DIGITS: Final = 9  # enough for any share; hides the order in which floats were added
# What the figures are computed by: another hash here means that they may differ though the rows do not.
ARITHMETIC: Final = (
    "monitoring/slo/*.py", "monitoring/counting.py", "monitoring/selectors/slo_*.py", "incidents/figures/*.py",
    "opsportal/reports/period/body.py", "opsportal/reports/period/parts.py", "opsportal/reports/period/scorecard.py",
    "monitoring/selectors/usefulness.py",
)  # fmt: skip
Body = dict[str, Any]


def reader_of(platform: Platform) -> Actor:
    """A viewer of the platform and of nothing else."""
    return Actor(kind="user", name="report", roles={platform.pk: "viewer"})


@cache
def code_version() -> str:
    """The release and a hash over the arithmetic's source: `0.1.0+1a2b3c4d5e6f`."""
    base = Path(settings.BASE_DIR)
    digest = hashlib.sha256()
    for pattern in ARITHMETIC:
        for path in sorted(base.glob(pattern)):
            digest.update(path.relative_to(base).as_posix().encode() + b"\0" + path.read_bytes())
    release = tomllib.loads((base / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return f"{release}+{digest.hexdigest()[:12]}"


def canonical(body: Body) -> bytes:
    """The one way to write a body down: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def report_body(platform: Platform, service: Service | None, period: Period) -> Body:
    """Everything a report of this platform, or of one of its services, says about the period."""
    reader = reader_of(platform)
    slos = _slos(platform, service)
    rows = slo_rows(list(slos.order_by("key", "pk")), period)
    details, went_out = slo_details(rows, period), _went_out(platform, period)
    asked = between(period.starts_at, period.until)
    incidents = report(reader, asked, platform.pk)
    lists = compliance(reader, period.starts_at, period.until, platform.pk)
    body: Body = {
        "format": FORMAT,
        "platform": platform.key,
        "platform_name": platform.name,
        "guide": platform.guide_title,
        "service": service.key if service else None,
        "service_name": service.name if service else None,
        "period": _period(period),
        "as_of": period.at,
        "code_version": code_version(),
        "commentary": _commentary(platform, service, period),
        "objectives": [_objective(row, details[row.slo.pk], went_out) for row in rows],
        "incidents": _incidents(incidents),
        "checklists": [
            {"template": one.template_id, "name": one.name, "done": one.done, "late": one.late, "missed": one.missed}
            for one in lists
        ],
        "backups": backups(reader, period),
        "alarms": alarms(reader, platform, service, period),
        **drills(reader, platform, period),
    }
    body["scorecard"] = [line.data() for line in scorecard(body, incidents)]
    plain: Body = _plain(body)
    return plain


def objective_body(platform: Platform, service: Service | None, period: Period, slo_id: int | None) -> Body:
    """What is told of one objective, or of all: nothing else of the report is computed."""
    slos = _slos(platform, service)
    rows = slo_rows(list(slos if slo_id is None else slos.filter(pk=slo_id)), period)
    plain: Body = _plain({
        "platform_name": platform.name,
        "period": _period(period),
        "objectives": [_objective(row, slo_detail(row, period), _went_out(platform, period)) for row in rows],
    })  # fmt: skip
    return plain


def _slos(platform: Platform, service: Service | None) -> QuerySet[Slo]:
    slos = Slo.objects.filter(platform=platform, enabled=True).select_related("platform", "service")
    return slos if service is None else slos.filter(service=service)


def _period(period: Period) -> Body:
    return {
        "key": period.key, "name": period.name, "zone": period.zone, "starts_at": period.starts_at,
        "ends_at": period.ends_at, "until": period.until, "is_over": period.until >= period.ends_at,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Times as ISO 8601 in UTC, lengths in seconds, floats to DIGITS figures after the point."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return round(value.total_seconds(), DIGITS)
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _commentary(platform: Platform, service: Service | None, period: Period) -> Body | None:
    found = newest_commentary(platform, service, period.key)
    if found is None:
        return None
    return {
        "number": found.number, "text": found.text, "by": found.written_by_name, "at": found.written_at
    }  # fmt: skip


def newest_commentary(platform: Platform, service: Service | None, period_key: str) -> Commentary | None:
    """The commentary that is shown; None while nobody wrote one."""
    rows = Commentary.objects.filter(platform=platform, service=service, period_key=period_key)
    return rows.order_by("-number").first()


def _went_out(platform: Platform, period: Period) -> list[Deployment]:
    """The deployments of a platform in the period."""
    rows = Deployment.objects.filter(platform=platform).counted()
    rows = rows.filter(started_at__gte=period.starts_at, started_at__lt=period.until)
    return list(rows.order_by("started_at", "pk"))


def _over(row: SloRow, detail: Detail, went_out: Sequence[Deployment]) -> Body:
    """What lay over the objective's time beside incidents, and the reviews that its policy wants."""
    own = [one for one in went_out if one.service_id in (None, row.slo.service_id)]
    windows = [mark for mark in detail.marks if mark.kind != AnnotationKind.INCIDENT and not mark.restricted]
    return {
        "windows": [
            {"kind": mark.kind, "ref": mark.ref, "title": mark.title, "url": mark.url, "from": mark.starts_at,
             "to": mark.ends_at}
            for mark in windows[:KEPT]
        ],
        "changes": [{"at": one.started_at, "label": one.words} for one in own[:KEPT]],
        "counts": {"windows": len(windows), "changes": len(own)},
        "reviews": [
            {"ref": share.ref, "share": share.share, "url": review.url if review else share.url,
             "state": review.state if review else None}
            for share, review in detail.heavy
        ],
    }  # fmt: skip


def _objective(row: SloRow, detail: Detail, went_out: Sequence[Deployment]) -> Body:
    return {
        "id": row.slo.pk,
        "key": row.slo.key,
        "name": row.slo.name,
        "service": row.slo.service.key if row.slo.service else None,
        "owner": row.slo.owner,
        "source": row.slo.source_text or row.slo.get_source_display(),
        "objective": row.objective,
        "versions": [_version(one) for one in row.versions],
        "good": row.count.good,
        "total": row.count.total,
        "excluded_good": row.count.xgood,
        "excluded_total": row.count.xtotal,
        "raw": row.raw,
        "adjusted": row.adjusted,
        "coverage": row.coverage,
        "before": row.before,
        "forecast": row.forecast,
        "exhausts_in_s": row.exhausts_in,
        "health": row.health,
        "policy_step": detail.policy.step(row.budget.used),
        "budget": {
            "events": row.budget.events, "used_events": row.budget.used_events, "minutes": row.budget.minutes,
            "used": row.budget.used, "left": row.budget.left, "left_minutes": row.budget.left_minutes,
        },
        "judged_at": row.judged_at,
        "burns": [
            {
                "urgency": burn.rule.urgency, "share": burn.rule.share, "long_s": burn.rule.long,
                "short_s": burn.rule.short, "factor": burn.factor, "long": burn.long_rate, "short": burn.short_rate,
                "firing": burn.firing, "since": row.judged_at - burn.rule.long,
            }
            for burn in row.burns
        ],
        "days": [[day.isoformat(), used] for day, used in detail.days],
        "attribution": [
            {
                "ref": one.ref, "title": one.title, "url": one.url, "share": one.share, "events": one.events,
                "minutes": one.minutes, "from": one.starts_at, "to": one.ends_at,
            }
            for one in detail.shares
        ],
        "exclusions": [_exclusion(one.exclusion, one.share) for one in detail.left_out],
        "gaps": [[begins, ends] for begins, ends in detail.gaps],
        **_over(row, detail, went_out),
    }  # fmt: skip


def _version(one: SloVersion) -> Body:
    return {
        "number": one.number, "objective": float(one.objective) / 100, "from": one.effective_from,
        "window": one.window_kind, "window_days": one.window_days, "zone": one.zone,
    }  # fmt: skip


def _exclusion(row: Any, share: float) -> Body:
    return {
        "id": row.pk, "ref": row.ref, "reason": row.reason, "from": row.starts_at, "to": row.ends_at, "share": share,
        "by": row.requested_by.name if row.requested_by else None,
        "approved_by": row.approved_by.name if row.approved_by else None,
        "approved_at": row.approved_at, "voided_at": row.voided_at, "void_reason": row.void_reason,
    }  # fmt: skip


def _incidents(found: Report) -> Body:
    return {
        "count": found.count,
        "count_before": found.count_before,
        "merged": found.merged,
        "times": [
            {
                "key": row.key, "name": row.name, "means": row.means, "median_s": row.now.median, "p90_s": row.now.p90,
                "n": row.now.n, "excluded": dict(row.now.excluded), "before_s": row.before.median,
                "before_n": row.before.n,
            }
            for row in found.times
        ],
        "shares": [
            {
                "key": row.key, "name": row.name, "means": row.means, "value": row.now.value, "part": row.now.part,
                "whole": row.now.whole, "before": row.before.value, "before_whole": row.before.whole,
            }
            for row in found.shares
        ],
        "deployments": {
            "per_week": found.deployments.per_week, "count": found.deployments.count,
            "before_per_week": found.deployments_before.per_week, "before_count": found.deployments_before.count,
        },
        "targets": [
            {
                "key": row.target.figure, "name": row.name, "severity": row.severity, "asked": row.target.words,
                "reached": row.reached if not isinstance(row.reached, timedelta) else None,
                "reached_s": row.reached if isinstance(row.reached, timedelta) else None,
                "n": row.n, "is_met": row.is_met, "source": row.target.source_text,
            }
            for row in found.targets
        ],
    }  # fmt: skip
