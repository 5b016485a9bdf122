"""What Today and other rooms show of open incidents."""

from dataclasses import dataclass
from datetime import datetime

from incidents.choices import ClockKind, OutcomeChoice, StageChoice
from incidents.models import IncidentClock
from incidents.selectors.lists import IncidentFilter, IncidentRow, open_rows
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


def next_clocks(incident_ids: list[int], now: datetime) -> dict[int, NextClock]:
    """The earliest unfinished clock with a due instant, by incident id: one query."""
    rows = (
        IncidentClock.objects.filter(incident_id__in=incident_ids, stopped_at__isnull=True, due_at__isnull=False)
        .exclude(kind=ClockKind.REVIEW)
        .order_by("incident_id", "due_at", "pk")
        .distinct("incident_id")
        .values_list("incident_id", "kind", "due_at", "outcome")
    )
    return {
        pk: NextClock(kind, ClockKind(kind).label, due, outcome == OutcomeChoice.MISSED or due <= now)
        for pk, kind, due, outcome in rows
    }


def open_incidents(actor: Actor, *, now: datetime, platform_id: int | None = None) -> list[OpenIncident]:
    """Open incidents this actor may see, worst first, each with its next clock: two queries."""
    rows = open_rows(actor, IncidentFilter(platform_id=platform_id), now=now)
    clocks = next_clocks([row.pk for row in rows], now) if rows else {}
    return [OpenIncident(row, clocks.get(row.pk)) for row in rows]
