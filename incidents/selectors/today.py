"""What Today and other rooms show of open incidents."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, OuterRef, QuerySet, Subquery, TextField, Window
from django.db.models.functions import Cast, JSONObject

from incidents.choices import ClockKind, OutcomeChoice, StageChoice, StateChoice
from incidents.models import Incident, IncidentClock
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head
from opsportal.core.prepared import Read, Row

OPEN_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class NextClock:
    """The clock of an incident that asks first: overdue before running."""

    kind: str
    label: str
    due_at: datetime
    is_missed: bool


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An open incident with the clock that asks first."""

    clock: NextClock | None
    number: int
    title: str
    rank: int
    label: str
    platform_key: str
    stage: str
    impact_started_at: datetime

    @property
    def stage_label(self) -> str:
        return StageChoice(self.stage).label

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/"


def _next_clock() -> QuerySet[Any]:
    """The earliest unfinished clock of each incident, as one value."""
    asking = IncidentClock.objects.filter(incident_id=OuterRef("pk"), stopped_at__isnull=True, due_at__isnull=False)
    first = asking.exclude(kind=ClockKind.REVIEW).order_by("due_at", "pk")
    return first.values(clock=JSONObject(kind="kind", due_at="due_at", outcome="outcome"))[:1]


def _clock(found: str | None, now: datetime) -> NextClock | None:
    if found is None:
        return None
    clock = json.loads(found)
    due = datetime.fromisoformat(clock["due_at"])
    is_missed = clock["outcome"] == OutcomeChoice.MISSED or due <= now
    return NextClock(clock["kind"], ClockKind(clock["kind"]).label, due, is_missed)


def open_read(platform_id: int | None) -> Read:
    """The worst open incidents, each with its next clock: rows for `open_incidents`."""
    return Read(_open_with_clocks, {"platform_id": platform_id})


def open_incidents(rows: Sequence[Row], *, now: datetime) -> Head[OpenIncident]:
    """What `open_read` gave."""
    found = [OpenIncident(_clock(clock, now), *row) for *row, clock, _of in rows]
    return Head(found, rows[0][-1] if rows else 0)


def _open_with_clocks(actor: Actor, platform_id: int | None) -> Any:
    rows = Incident.objects.visible_to(actor).filter(state=StateChoice.OPEN)
    rows = rows.of_platform(platform_id)
    clock = Cast(Subquery(_next_clock()), TextField())
    fields = ("number", "title", "rank", "severity__label", "platform__key", "stage", "impact_started_at")
    counted = rows.annotate(clock=clock, of=Window(Count("pk")))
    return counted.order_by("rank", "-number").values_list(*fields, "clock", "of")[:OPEN_SHOWN]
