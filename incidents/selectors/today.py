"""What Today and other rooms show of open incidents."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, JSONObject

from incidents.choices import ClockKind, OutcomeChoice, StageChoice, StateChoice
from incidents.models import Incident, IncidentClock
from incidents.selectors.lists import OPEN_LIMIT, ROW, IncidentRow
from opsportal.core import prepared
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


def _clock(found: str | None, now: datetime) -> NextClock | None:
    if found is None:
        return None
    clock = json.loads(found)
    due = datetime.fromisoformat(clock["due_at"])
    is_missed = clock["outcome"] == OutcomeChoice.MISSED or due <= now
    return NextClock(clock["kind"], ClockKind(clock["kind"]).label, due, is_missed)


def open_incidents(actor: Actor, *, now: datetime, platform_id: int | None = None) -> list[OpenIncident]:
    """Open incidents this actor may see, worst first, each with its next clock: one query."""
    found = prepared.rows("incidents.open_incidents", _open_with_clocks, actor, platform_id=platform_id)
    return [OpenIncident(IncidentRow(*row), _clock(clock, now)) for *row, clock in found]


def _open_with_clocks(actor: Actor, platform_id: int | None) -> Any:
    rows = Incident.objects.visible_to(actor).filter(state=StateChoice.OPEN)
    rows = rows.of_platform(platform_id)
    clock = Cast(Subquery(_next_clock()), TextField())
    return rows.annotate(clock=clock).order_by("rank", "-number").values_list(*ROW, "clock")[:OPEN_LIMIT]
