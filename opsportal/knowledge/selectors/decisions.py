"""Decisions as a page shows them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Count

from opsportal.core.actor import Actor
from opsportal.knowledge.models import Decision, DecisionQuerySet, DecisionStatus

_CONSEQUENCE: Final = re.compile(
    r"^\s*[-*]\s*(?:(?P<good>Good|✅)|(?P<bad>Bad|❌))\s*(?:[,:]?\s*because:?)?\s*(?P<text>.+)$"
)


DECISION_ORDER: Final = ("platform_id", "-number", "-pk")


@dataclass(frozen=True, slots=True)
class Consequences:
    """MADR's lists: good and bad, and whatever the section says beside them."""

    good: Sequence[str]
    bad: Sequence[str]
    other: str


def consequences_of(text: str) -> Consequences:
    """Sort the lines of a Consequences section (M-ADR-03)."""
    good: list[str] = []
    bad: list[str] = []
    other: list[str] = []
    for line in text.splitlines():
        found = _CONSEQUENCE.match(line)
        if found is None:
            other.append(line)
        else:
            (good if found["good"] else bad).append(found["text"].strip())
    return Consequences(good, bad, "\n".join(other).strip())


@dataclass(frozen=True, slots=True)
class StatusCount:
    status: str
    label: str
    number: int


def visible_decisions(actor: Actor, *, platform_id: int | None, status: str = "", text: str = "") -> DecisionQuerySet:
    """Those the actor may know, newest number first within a platform."""
    rows: DecisionQuerySet = Decision.objects.visible_to(actor)
    rows = rows.of_platform(platform_id)
    return rows.matching(status=status, text=text).select_related("platform", "supersedes").order_by(*DECISION_ORDER)


def successors_of(decision: Decision) -> list[Decision]:
    """The decisions that take its place, or would once they are accepted."""
    return list(Decision.objects.filter(supersedes=decision).order_by("number"))


def status_counts(actor: Actor, *, platform_id: int | None) -> list[StatusCount]:
    """How many decisions stand in each status, in the order of a decision's life."""
    rows = Decision.objects.visible_to(actor)
    rows = rows.of_platform(platform_id)
    found = dict(rows.values_list("status").annotate(number=Count("pk")))
    return [StatusCount(s.value, s.label, found[s.value]) for s in DecisionStatus if found.get(s.value)]


def found_decisions(actor: Actor, text: str, *, limit: int = 8) -> list[Decision]:
    """For the command palette: by number (`ADR-7`) or words of any section."""
    number = re.fullmatch(r"(?:adr[-\s]?)?0*(\d{1,4})", text.strip().lower())
    rows = Decision.objects.visible_to(actor).select_related("platform")
    rows = rows.filter(number=int(number[1])) if number else rows.matching(text=text)
    return list(rows.order_by("platform_id", "number", "pk")[:limit])
