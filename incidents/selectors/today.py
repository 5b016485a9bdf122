"""What Today and other rooms show of open incidents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from incidents.choices import ClockKind, OutcomeChoice, StageChoice, StateChoice
from incidents.models import IncidentClock
from incidents.selectors.lists import OPEN_LIMIT, ROW, IncidentFilter, IncidentRow, filtered
from opsportal.core.actor import Actor


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

    row: IncidentRow
    clock: NextClock | None

    @property
    def stage_label(self) -> str:
        return StageChoice(self.row.stage).label


def _next_clock() -> QuerySet[Any]:
    """The earliest unfinished clock of each incident, as one value."""
    asking = IncidentClock.objects.filter(incident_id=OuterRef("pk"), stopped_at__isnull=True, due_at__isnull=False)
    first = asking.exclude(kind=ClockKind.REVIEW).order_by("due_at", "pk")
    return first.values(clock=JSONObject(kind="kind", due_at="due_at", outcome="outcome"))[:1]


def _clock(found: Mapping[str, str] | None, now: datetime) -> NextClock | None:
    if found is None:
        return None
    due = datetime.fromisoformat(found["due_at"])
    is_missed = found["outcome"] == OutcomeChoice.MISSED or due <= now
    return NextClock(found["kind"], ClockKind(found["kind"]).label, due, is_missed)


def open_incidents(actor: Actor, *, now: datetime, platform_id: int | None = None) -> list[OpenIncident]:
    """Open incidents this actor may see, worst first, each with its next clock: one query."""
    rows = filtered(actor, IncidentFilter(platform_id=platform_id), now=now).filter(state=StateChoice.OPEN)
    found = rows.annotate(clock=Subquery(_next_clock())).order_by("rank", "-number").values_list(*ROW, "clock")
    return [OpenIncident(IncidentRow(*row), _clock(clock, now)) for *row, clock in found[:OPEN_LIMIT]]
