"""A past is a list of steps, each a time and a deed; told in order, so that every record's time moves forward."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incidents.loops import fire_clocks
from incidents.models import IncidentClock

Deed = Callable[[datetime], object]
MAX_CLOCKS: Final = 200


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done at `at`."""

    at: datetime
    deed: Deed
    touches_clocks: bool = False


def replay(steps: Iterable[Step]) -> int:
    """Do every step at its time; clocks that came due in between fire at their own time. Returns how many."""
    count = 0
    for step in sorted(steps, key=lambda step: step.at):
        if step.touches_clocks:
            fire_due(step.at)
        step.deed(step.at)
        count += 1
    return count


def fire_due(until: datetime) -> None:
    """Fire the clocks due before `until`, each at the instant it was due."""
    for _ in range(MAX_CLOCKS):
        due = IncidentClock.objects.filter(due_at__lt=until, stopped_at__isnull=True, fired_at__isnull=True)
        first = due.order_by("due_at", "pk").values_list("due_at", flat=True).first()
        if first is None:
            return
        fire_clocks(first)
