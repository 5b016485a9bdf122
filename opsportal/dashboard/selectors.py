"""What Today shows, one frozen object per column; each block is one query of the room that owns it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from incidents.selectors import OpenIncident, open_incidents, owed
from incidents.selectors.reviews import Owed
from maintenance.models import ChecklistRun, HandOver, OperationsLogEntry, WindowOccurrence
from maintenance.selectors import coming_windows, current_hand_over, due_checklist_runs, operations_log
from monitoring.models import AlarmState, Deployment, EvidenceResult
from monitoring.selectors.alarms import counted_alarms
from opsportal.core.actor import Actor
from opsportal.dashboard.words import check_words
from opsportal.plans.models import Plan
from opsportal.plans.selectors import plans_awaiting

ROWS: Final = 8
VERIFIED_FOR: Final = timedelta(hours=24)
WORST_FIRST: Final = ("fail", "unknown", "warn", "ok")


@dataclass(frozen=True, slots=True)
class Now:
    """What is on fire. Alarms carry `is_silenced`."""

    incidents: Sequence[OpenIncident]
    firing: Sequence[Any]
    unseen: Sequence[Any]

    @property
    def silenced(self) -> int:
        return sum(alarm.is_silenced for alarm in self.firing)


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody owes."""

    checklists: Sequence[ChecklistRun]
    windows: Sequence[WindowOccurrence]
    plans: Sequence[Plan]
    owed: Sequence[Owed]


@dataclass(frozen=True, slots=True)
class Verified:
    """The newest answer to one check, in words."""

    words: str
    result: EvidenceResult


@dataclass(frozen=True, slots=True)
class Changed:
    """What happened since the reader's last visit."""

    hand_over: HandOver | None
    verified: Sequence[Verified]
    deployments: Sequence[Deployment]
    log: Sequence[OperationsLogEntry]

    @property
    def verified_ok(self) -> int:
        return sum(row.result.verdict == "ok" for row in self.verified)


def now_column(actor: Actor, at: datetime, platform_id: int | None) -> Now:
    alarms = counted_alarms(actor, at=at).filter(state__in=[AlarmState.ALARM, AlarmState.UNKNOWN])
    if platform_id is not None:
        alarms = alarms.filter(platform_id=platform_id)
    troubled = list(
        alarms.select_related("platform", "severity", "rule").order_by("state", "severity__rank", "-since", "pk")[:100]
    )
    return Now(
        incidents=open_incidents(actor, now=at, platform_id=platform_id),
        firing=[alarm for alarm in troubled if alarm.state == AlarmState.ALARM],
        unseen=[alarm for alarm in troubled if alarm.state == AlarmState.UNKNOWN],
    )


def due_column(actor: Actor, at: datetime, platform_id: int | None) -> Due:
    return Due(
        checklists=due_checklist_runs(actor, at, platform_id),
        windows=coming_windows(actor, at, platform_id),
        plans=plans_awaiting(actor, at, platform_id),
        owed=owed(actor, today=at.date(), platform_id=platform_id, limit=ROWS),
    )


def _verified(found: Iterable[EvidenceResult]) -> Sequence[Verified]:
    """In words, the worst first."""
    rows = sorted(found, key=lambda row: WORST_FIRST.index(row.verdict))
    return [Verified(check_words(row.check_name, row.params), row) for row in rows]


def changed_column(actor: Actor, at: datetime, platform_id: int | None) -> Changed:
    """Unbounded by the last visit: a quiet night still shows what came last."""
    evidence = EvidenceResult.objects.visible_to(actor).filter(created_at__gt=at - VERIFIED_FOR)
    deployments, log = Deployment.objects.visible_to(actor), operations_log(actor)
    if platform_id is not None:
        evidence = evidence.filter(platform_id=platform_id)
        deployments, log = deployments.filter(platform_id=platform_id), log.filter(platform_id=platform_id)
    newest = evidence.order_by("platform_id", "check_name", "params", "-created_at", "-pk")
    return Changed(
        hand_over=current_hand_over(actor, platform_id),
        verified=_verified(newest.distinct("platform_id", "check_name", "params").select_related("platform")[:60]),
        deployments=list(deployments.select_related("platform").order_by("-started_at", "-pk")[:6]),
        log=list(log.order_by("-at", "-pk")[:6]),
    )
