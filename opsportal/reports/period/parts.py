"""Parts of a report beside objectives and incidents: backups, alarms by their worth, drills."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Count, QuerySet

from monitoring.models import AlarmTransition, Annotation, AnnotationKind, EvidenceResult, Verdict
from monitoring.selectors.usefulness import Worth, firings, worth_rows
from monitoring.slo.periods import Period
from opsportal.core.actor import Actor
from opsportal.core.pagination import head
from opsportal.knowledge.models import RunbookRun
from opsportal.platforms.models import Platform, Service

BACKUP_CHECKS: Final = "backup."
MOST_ALARMS: Final = 5_000  # counted
RANKED: Final = 20  # shown
DRILLS: Final = 100  # of each kind
Body = dict[str, Any]


def backups(reader: Actor, period: Period) -> Sequence[Body]:
    """What the checks of backups said, by check: how often each verdict."""
    rows = backup_results(reader, period).order_by().values("check_name", "verdict").annotate(n=Count("pk"))
    found: dict[str, dict[str, int]] = {}
    for row in rows.order_by("check_name", "verdict"):
        found.setdefault(row["check_name"], dict.fromkeys(Verdict.values, 0))[row["verdict"]] = row["n"]
    return [{"check": check, **verdicts} for check, verdicts in sorted(found.items())]


def backup_results(reader: Actor, period: Period) -> Any:
    """The results of backup checks in the period."""
    rows = EvidenceResult.objects.visible_to(reader).filter(check_name__startswith=BACKUP_CHECKS)
    return rows.filter(created_at__gte=period.starts_at, created_at__lt=period.until)


def fired_in(reader: Actor, platform: Platform, service: Service | None, period: Period) -> QuerySet[AlarmTransition]:
    """The firings behind the ranking of alarms."""
    service_id = service.pk if service else None
    return firings(reader, period.starts_at, period.until, platform_id=platform.pk, service_id=service_id)


def alarms(reader: Actor, platform: Platform, service: Service | None, period: Period) -> Body:
    """Alarms by pages, noise and missing runbook (M-MET-13): all of them counted, the worst of them ranked."""
    rows = worth_rows(reader, fired_in(reader, platform, service, period), size=MOST_ALARMS).rows
    return {
        "count": len(rows),
        "firings": sum(row.firings for row in rows),
        "pages": sum(row.pages for row in rows),
        "noise": sum(row.rated["noise"] for row in rows),
        "unrated": sum(row.unrated for row in rows),
        "without_runbook": sum(not row.has_runbook for row in rows),
        "ranked": [_worth(row) for row in rows[:RANKED]],
    }


def _worth(row: Worth) -> Body:
    return {
        "id": row.alarm.pk, "name": row.alarm.name, "service": row.alarm.service.key if row.alarm.service else None,
        "pages": row.pages, "firings": row.firings, "silenced": row.silenced, "useful": row.rated["useful"],
        "no_action": row.rated["no_action"], "noise": row.rated["noise"], "unrated": row.unrated,
        "has_runbook": row.has_runbook,
    }  # fmt: skip


def drills(reader: Actor, platform: Platform, period: Period) -> Body:
    """Drills that stand on the charts and runbooks carried out in practice, in order of time; how many there were."""
    within = {"platform": platform, "starts_at__gte": period.starts_at, "starts_at__lt": period.until}
    marks = Annotation.objects.filter(kind=AnnotationKind.DRILL, restricted=False, **within).order_by("starts_at", "pk")
    runs = RunbookRun.objects.visible_to(reader).filter(
        platform=platform, is_practice=True, started_at__gte=period.starts_at, started_at__lt=period.until
    )
    drilled = head(marks, DRILLS)
    practised = head(runs.select_related("runbook").order_by("started_at", "pk"), DRILLS)
    found = [
        {"kind": "drill", "title": f"{row.ref} {row.title}", "url": row.url, "from": row.starts_at, "to": row.ends_at,
         "state": ""}
        for row in drilled.rows
    ]  # fmt: skip
    found += [
        {"kind": "practice", "title": row.runbook.title, "url": row.get_absolute_url(), "from": row.started_at,
         "to": row.finished_at, "state": row.state}
        for row in practised.rows
    ]  # fmt: skip
    found.sort(key=lambda row: (row["from"], row["title"]))
    return {"drills": found, "drills_count": drilled.total + practised.total}
