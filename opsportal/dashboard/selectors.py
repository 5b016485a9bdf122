"""What Today shows, one frozen object per column; what a column shows is asked for at once, each block by the room that
owns it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, Q, QuerySet, TextField, Window
from django.db.models.functions import Cast, RowNumber

from incidents.selectors import OpenIncident, open_incidents, open_read, owed, owed_read
from incidents.selectors.reviews import Owed
from maintenance.selectors import (
    COMING,
    MISSED_SHOWN,
    due_runs,
    missed_first,
    next_windows,
    operations_log,
    signed_notes,
    soonest_first,
)
from monitoring.evidence.registry import check_title
from monitoring.models import AlarmState, Deployment, Verdict
from monitoring.selectors.alarms import counted_alarms
from monitoring.selectors.services import newest_evidence
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head
from opsportal.core.prepared import Read, together
from opsportal.plans.selectors import WaitingPlan, awaiting_read

ROWS: Final = 8
VERIFIED_FOR: Final = timedelta(hours=24)
FIRING: Final = 12
UNSEEN: Final = 6
VERIFIED: Final = 4
DEPLOYMENTS: Final = 3
LOG: Final = 4


class AlarmLine(NamedTuple):
    """An alarm that fires or is not seen; `of` are in its state, of which so many are silenced."""

    pk: int
    key: str
    name: str
    state: str
    since: datetime
    value: float | None
    rank: int | None
    label: str | None
    platform_key: str
    unit: str | None
    is_silenced: bool
    of: int
    silenced: int


class RunLine(NamedTuple):
    """A checklist that is due."""

    pk: int
    name: str
    platform_key: str
    state: str
    due_at: datetime
    answered_count: int
    item_count: int


class WindowLine(NamedTuple):
    """The open or next occurrence of a window."""

    pk: int
    name: str
    platform_key: str
    state: str
    starts_at: datetime
    ends_at: datetime


class Note(NamedTuple):
    """The latest signed hand-over note."""

    body: str
    platform_key: str
    author_name: str | None
    signed_at: datetime


class Verified(NamedTuple):
    """The newest answer to a check; of so many checks, so many are ok."""

    check_name: str
    params: str
    platform_key: str
    verdict: str
    summary: str
    fetched_at: datetime
    of: int
    ok: int

    @property
    def title(self) -> str:
        return check_title(self.check_name, json.loads(self.params))


class DeploymentLine(NamedTuple):
    """A deployment."""

    label: str
    platform_name: str
    state: str
    started_at: datetime


class LogLine(NamedTuple):
    """A line of the operations log."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Now:
    """What is on fire."""

    incidents: Head[OpenIncident]
    firing: Head[AlarmLine]
    unseen: Head[AlarmLine]
    silenced: int


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody owes."""

    checklists: Sequence[RunLine]
    windows: Sequence[WindowLine]
    plans: Sequence[WaitingPlan]
    reading: Sequence[Owed]
    tasks: Sequence[Owed]
    owed: Sequence[Owed]


@dataclass(frozen=True, slots=True)
class Changed:
    """What was said, asked and done last; the page marks what is younger than the reader's last visit."""

    hand_over: Note | None
    verified: Sequence[Verified]
    deployments: Sequence[DeploymentLine]
    log: Sequence[LogLine]
    checks: int
    checks_ok: int


def now_column(actor: Actor, at: datetime, platform_id: int | None) -> Now:
    incidents, alarms = together(
        actor,
        open_read(platform_id),
        Read(_alarms, {"at": at, "platform_id": platform_id}),
    )
    lines = [AlarmLine(*row) for row in alarms]
    firing = [line for line in lines if line.state == AlarmState.ALARM]
    unseen = [line for line in lines if line.state == AlarmState.UNKNOWN]
    return Now(
        incidents=open_incidents(incidents, now=at),
        firing=Head(firing, firing[0].of if firing else 0),
        unseen=Head(unseen[:UNSEEN], unseen[0].of if unseen else 0),
        silenced=firing[0].silenced if firing else 0,
    )


def _alarms(actor: Actor, at: Any, platform_id: int | None) -> QuerySet[Any, Any]:
    each: dict[str, Any] = {"partition_by": ["state"]}
    counted: Any = counted_alarms(actor, at=at)
    ranked = (
        counted.of_platform(platform_id)
        .filter(state__in=[AlarmState.ALARM, AlarmState.UNKNOWN])
        .annotate(
            place=Window(RowNumber(), order_by=["severity__rank", "-since", "pk"], **each),
            of=Window(Count("pk"), **each),
            silenced=Window(Count("pk", filter=Q(is_silenced=True)), **each),
        )
    )
    worst: QuerySet[Any, Any] = ranked.filter(place__lte=FIRING).order_by("state", "place")
    return worst.values_list(
        "pk", "key", "name", "state", "since", "value", "severity__rank", "severity__label", "platform__key",
        "rule__unit", "is_silenced", "of", "silenced",
    )  # fmt: skip


def due_column(actor: Actor, at: datetime, platform_id: int | None) -> Due:
    runs, windows, plans, debts = together(
        actor,
        Read(_runs, {"since": at - MISSED_SHOWN, "platform_id": platform_id}),
        Read(_windows, {"start": at, "end": at + COMING, "platform_id": platform_id}),
        awaiting_read(actor, at, platform_id),
        owed_read(actor, at, platform_id, ROWS),
    )
    owing = owed(debts)
    return Due(
        checklists=missed_first(RunLine(*row) for row in runs),
        windows=soonest_first(WindowLine(*row) for row in windows),
        plans=[WaitingPlan(*row) for row in plans],
        reading=[row for row in owing if row.kind == "reading"],
        tasks=[row for row in owing if row.kind == "task"],
        owed=[row for row in owing if row.kind not in ("reading", "task")],
    )


def _runs(actor: Actor, since: Any, platform_id: int | None) -> Any:
    fields = ("pk", "name", "platform__key", "state", "due_at", "answered_count", "item_count")
    return due_runs(actor, since, platform_id).values_list(*fields)


def _windows(actor: Actor, start: Any, end: Any, platform_id: int | None) -> Any:
    fields = ("pk", "window__name", "platform__key", "state", "starts_at", "ends_at")
    return next_windows(actor, start, end, platform_id).values_list(*fields)


def changed_column(actor: Actor, at: datetime, platform_id: int | None) -> Changed:
    """Unbounded by the last visit: a quiet night still shows what came last."""
    here = {"platform_id": platform_id}
    notes, evidence, deployments, log = together(
        actor,
        Read(_note, here),
        Read(_verified, {"since": at - VERIFIED_FOR, **here}),
        Read(_deployments, here),
        Read(_log, here),
    )
    verified = [Verified(*row) for row in evidence]
    return Changed(
        hand_over=Note(*notes[0]) if notes else None,
        verified=verified,
        deployments=[DeploymentLine(*row) for row in deployments],
        log=[LogLine(*row) for row in log],
        checks=verified[0].of if verified else 0,
        checks_ok=verified[0].ok if verified else 0,
    )


def _note(actor: Actor, platform_id: int | None) -> Any:
    return signed_notes(actor, platform_id).values_list("body", "platform__key", "author__name", "signed_at")[:1]


def _verified(actor: Actor, since: Any, platform_id: int | None) -> Any:
    evidence = newest_evidence(actor, since=since, platform_id=platform_id)
    counted = evidence.annotate(of=Window(Count("pk")), ok=Window(Count("pk", filter=Q(verdict=Verdict.OK))))
    counted = counted.annotate(said=Cast("params", TextField()))  # JSON that is text, however it is read
    fields = ("check_name", "said", "platform__key", "verdict", "summary", "fetched_at", "of", "ok")
    return counted.values_list(*fields)[:VERIFIED]


def _deployments(actor: Actor, platform_id: int | None) -> Any:
    rows = Deployment.objects.visible_to(actor).of_platform(platform_id)
    newest = rows.filter(is_restart=False).order_by("-started_at", "-pk")
    return newest.values_list("label", "platform__name", "state", "started_at")[:DEPLOYMENTS]


def _log(actor: Actor, platform_id: int | None) -> Any:
    log: Any = operations_log(actor)
    newest = log.of_platform(platform_id).order_by("-at", "-pk")
    return newest.values_list("text", "at")[:LOG]
