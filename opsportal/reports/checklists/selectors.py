"""How often each list was done in time, done late or missed; and the runs behind every figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Max, Q, QuerySet

from maintenance.models import ChecklistRun, RunState
from maintenance.selectors import checklist_runs
from opsportal.core.actor import Actor

# A missed list stays missed; answered to its end afterwards, it is late. Nothing done after its time counts as done.
OUTCOMES: Final = {
    "done": Q(state=RunState.DONE, completed_at__lte=F("due_at")),
    "late": Q(state=RunState.DONE, completed_at__gt=F("due_at"))
    | Q(state=RunState.MISSED, answered_count__gte=F("item_count")),
    "missed": Q(state=RunState.MISSED, answered_count__lt=F("item_count")),
}


@dataclass(frozen=True, slots=True)
class Compliance:
    """One list over a period. Lists that are still open are in no figure."""

    template_id: int
    name: str
    platform_key: str
    done: int
    late: int
    missed: int
    last_missed_at: datetime | None

    @property
    def total(self) -> int:
        return self.done + self.late + self.missed

    @property
    def share(self) -> float | None:
        """Done in time out of all; None when no list fell due."""
        return self.done / self.total if self.total else None


def report_runs(actor: Actor, since: datetime, until: datetime, platform_id: int | None) -> QuerySet[ChecklistRun]:
    """Runs due in [since, until) that are over."""
    rows = checklist_runs(actor).filter(due_at__gte=since, due_at__lt=until).exclude(state=RunState.OPEN)
    return rows if platform_id is None else rows.filter(platform_id=platform_id)


def compliance(actor: Actor, since: datetime, until: datetime, platform_id: int | None) -> Sequence[Compliance]:
    """One row per list, the one with most misses first: one query."""
    rows: Any = (
        report_runs(actor, since, until, platform_id)
        .select_related(None)
        .values("template_id", "template__name", "platform__key")
        .annotate(
            done=Count("pk", filter=OUTCOMES["done"]),
            late=Count("pk", filter=OUTCOMES["late"]),
            missed=Count("pk", filter=OUTCOMES["missed"]),
            last=Max("due_at", filter=OUTCOMES["missed"]),
        )
        .order_by("-missed", "-late", "platform__key", "template__name", "template_id")
    )
    return [
        Compliance(
            template_id=row["template_id"],
            name=row["template__name"],
            platform_key=row["platform__key"],
            done=row["done"],
            late=row["late"],
            missed=row["missed"],
            last_missed_at=row["last"],
        )
        for row in rows
    ]
