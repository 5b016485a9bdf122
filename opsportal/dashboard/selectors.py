"""What Today shows, one frozen object per column; each block is one query of the room that owns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, Window
from django.db.models.functions import RowNumber

from incidents.selectors import OpenIncident, open_incidents, owed
from incidents.selectors.reviews import Owed
from maintenance.models import ChecklistRun, HandOver, OperationsLogEntry, WindowOccurrence
from maintenance.selectors import coming_windows, current_hand_over, due_checklist_runs, operations_log
from monitoring.models import AlarmState, Deployment, EvidenceResult, Verdict
from monitoring.selectors.alarms import counted_alarms
from monitoring.selectors.services import newest_evidence
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head
from opsportal.plans.models import Plan
from opsportal.plans.selectors import plans_awaiting

ROWS: Final = 8
VERIFIED_FOR: Final = timedelta(hours=24)
FIRING: Final = 12
UNSEEN: Final = 6
VERIFIED: Final = 4
DEPLOYMENTS: Final = 3
LOG: Final = 4


@dataclass(frozen=True, slots=True)
class Now:
    """What is on fire. Alarms carry `is_silenced`."""

    incidents: Sequence[OpenIncident]
    firing: Head[Any]
    unseen: Head[Any]
    silenced: int


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody owes."""

    checklists: Sequence[ChecklistRun]
    windows: Sequence[WindowOccurrence]
    plans: Sequence[Plan]
    reading: Sequence[Owed]
    owed: Sequence[Owed]


@dataclass(frozen=True, slots=True)
class Changed:
    """What was said, asked and done last; the page marks what is younger than the reader's last visit."""

    hand_over: HandOver | None
    verified: Sequence[EvidenceResult]
    deployments: Sequence[Deployment]
    log: Sequence[OperationsLogEntry]
    checks: int
    checks_ok: int


def now_column(actor: Actor, at: datetime, platform_id: int | None) -> Now:
    alarms = counted_alarms(actor, at=at)
    if platform_id is not None:
        alarms = alarms.filter(platform_id=platform_id)
    each: dict[str, Any] = {"partition_by": ["state"]}
    ranked = alarms.filter(state__in=[AlarmState.ALARM, AlarmState.UNKNOWN]).annotate(
        place=Window(RowNumber(), order_by=["severity__rank", "-since", "pk"], **each),
        of=Window(Count("pk"), **each),
        silenced=Window(Count("pk", filter=Q(is_silenced=True)), **each),
    )
    worst = ranked.filter(place__lte=FIRING).select_related("platform", "severity", "rule").order_by("state", "place")
    firing = [alarm for alarm in worst if alarm.state == AlarmState.ALARM]
    unseen = [alarm for alarm in worst if alarm.state == AlarmState.UNKNOWN]
    return Now(
        incidents=open_incidents(actor, now=at, platform_id=platform_id),
        firing=Head(firing, firing[0].of if firing else 0),
        unseen=Head(unseen[:UNSEEN], unseen[0].of if unseen else 0),
        silenced=firing[0].silenced if firing else 0,
    )


def due_column(actor: Actor, at: datetime, platform_id: int | None) -> Due:
    debts = owed(actor, today=at.date(), platform_id=platform_id, limit=ROWS)
    return Due(
        checklists=due_checklist_runs(actor, at, platform_id),
        windows=coming_windows(actor, at, platform_id),
        plans=plans_awaiting(actor, at, platform_id),
        reading=[row for row in debts if row.kind == "reading"],
        owed=[row for row in debts if row.kind != "reading"],
    )


def changed_column(actor: Actor, at: datetime, platform_id: int | None) -> Changed:
    """Unbounded by the last visit: a quiet night still shows what came last."""
    evidence = newest_evidence(actor, since=at - VERIFIED_FOR, platform_id=platform_id)
    ok = Count("pk", filter=Q(verdict=Verdict.OK))
    found = list(evidence.annotate(of=Window(Count("pk")), ok=Window(ok))[:VERIFIED])
    deployments, log = Deployment.objects.visible_to(actor), operations_log(actor)
    if platform_id is not None:
        deployments, log = deployments.filter(platform_id=platform_id), log.filter(platform_id=platform_id)
    return Changed(
        hand_over=current_hand_over(actor, platform_id),
        verified=found,
        deployments=list(deployments.select_related("platform").order_by("-started_at", "-pk")[:DEPLOYMENTS]),
        log=list(log.order_by("-at", "-pk")[:LOG]),
        checks=found[0].of if found else 0,
        checks_ok=found[0].ok if found else 0,
    )
