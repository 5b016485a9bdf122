"""What Today shows, one frozen object per column; each block is one query of the room that owns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from incidents.models import ActionItem
from incidents.selectors import OpenIncident, open_incidents, overdue_actions, reviews_due
from incidents.selectors.reviews import ReviewDue
from maintenance.models import ChecklistRun, HandOver, OperationsLogEntry, WindowOccurrence
from maintenance.selectors import coming_windows, current_hand_over, due_checklist_runs, operations_log
from monitoring.models import Alarm, AlarmState, Deployment, EvidenceResult, Silence
from opsportal.core.actor import Actor
from opsportal.plans.models import Plan
from opsportal.plans.selectors import plans_awaiting

ROWS: Final = 8
VERIFIED_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class FiringAlarm:
    """An alarm in ALARM, and whether a silence keeps it quiet."""

    alarm: Alarm
    is_silenced: bool


@dataclass(frozen=True, slots=True)
class Now:
    """What is on fire."""

    incidents: Sequence[OpenIncident]
    firing: Sequence[FiringAlarm]
    unseen: Sequence[Alarm]

    @property
    def silenced(self) -> int:
        return sum(row.is_silenced for row in self.firing)


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody owes."""

    checklists: Sequence[ChecklistRun]
    windows: Sequence[WindowOccurrence]
    plans: Sequence[Plan]
    actions: Sequence[ActionItem]
    reviews: Sequence[ReviewDue]


@dataclass(frozen=True, slots=True)
class Changed:
    """What happened since the reader's last visit."""

    hand_over: HandOver | None
    verified: Sequence[EvidenceResult]
    deployments: Sequence[Deployment]
    log: Sequence[OperationsLogEntry]

    @property
    def verified_ok(self) -> int:
        return sum(result.verdict == "ok" for result in self.verified)


def now_column(actor: Actor, at: datetime, platform_id: int | None) -> Now:
    alarms = Alarm.objects.visible_to(actor)
    silences = Silence.objects.visible_to(actor).filter(starts_at__lte=at, ends_at__gt=at)
    if platform_id is not None:
        alarms, silences = alarms.filter(platform_id=platform_id), silences.filter(platform_id=platform_id)
    troubled = list(
        alarms.filter(state__in=[AlarmState.ALARM, AlarmState.UNKNOWN])
        .select_related("platform", "severity", "service", "rule")
        .order_by("state", "severity__rank", "-since", "pk")[:100]
    )
    active = list(silences)
    firing = [FiringAlarm(row, any(_covers(one, row) for one in active)) for row in troubled if row.state == "alarm"]
    return Now(
        incidents=open_incidents(actor, now=at, platform_id=platform_id),
        firing=firing,
        unseen=[row for row in troubled if row.state == "unknown"],
    )


def _covers(silence: Silence, alarm: Alarm) -> bool:
    """A silence names one alarm, or a service, or a whole platform."""
    if silence.alarm_id is not None:
        return silence.alarm_id == alarm.pk
    return silence.platform_id == alarm.platform_id and silence.service_id in (None, alarm.service_id)


def due_column(actor: Actor, at: datetime, platform_id: int | None) -> Due:
    return Due(
        checklists=due_checklist_runs(actor, at, platform_id),
        windows=coming_windows(actor, at, platform_id),
        plans=plans_awaiting(actor, at),
        actions=overdue_actions(actor, today=at.date(), platform_id=platform_id, limit=ROWS),
        reviews=reviews_due(actor, platform_id=platform_id, limit=ROWS),
    )


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
        verified=list(newest.distinct("platform_id", "check_name", "params").select_related("platform")[:60]),
        deployments=list(deployments.select_related("platform").order_by("-started_at", "-pk")[:6]),
        log=list(log.order_by("-at", "-pk")[:6]),
    )
