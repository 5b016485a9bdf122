"""Problem records and what came of them."""

from typing import Any, Final, NamedTuple

from django.db.models import Count, OuterRef, Subquery

from incidents.models import Incident, Problem
from incidents.models.problem import ProblemState
from incidents.selectors.lists import ROW, IncidentRow
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, keyset_page

VIEWS: Final = (("", "Unsolved"), ("known", "Known errors"), ("solved", "Solved"))


class ProblemRow(NamedTuple):
    """One line of the list; `incidents` counts those the reader may know of."""

    pk: int
    number: int
    title: str
    state: str
    priority: int
    platform_key: str
    incidents: int | None

    @property
    def reference(self) -> str:
        return f"PRB-{self.number}"

    @property
    def url(self) -> str:
        return f"/problems/{self.number}/"

    @property
    def state_label(self) -> str:
        return str(ProblemState(self.state).label)


def problem_page(actor: Actor, *, platform_id: int | None, view: str, cursor: str | None, size: int = 50) -> Page[Any]:
    """Problems, the newest first."""
    rows = Problem.objects.visible_to(actor).of_platform(platform_id)
    if view == "known":
        rows = rows.filter(state=ProblemState.KNOWN_ERROR)
    else:
        rows = rows.filter(state=ProblemState.SOLVED) if view == "solved" else rows.exclude(state=ProblemState.SOLVED)
    seen = Incident.objects.visible_to(actor).filter(problem_link__problem=OuterRef("pk")).order_by()
    counted = seen.values("problem_link__problem").annotate(n=Count("pk")).values("n")
    rows = rows.annotate(incidents=Subquery(counted))
    found: Page[Any] = keyset_page(
        rows.values_list("pk", "number", "title", "state", "priority", "platform__key", "incidents", named=True),
        order=("-number",),
        cursor=cursor,
        size=size,
    )
    return Page([ProblemRow(*row) for row in found.rows], found.next_cursor, found.previous_cursor)


def problem_by_number(actor: Actor, number: int) -> Problem:
    """PRB-`number`. Raises HiddenError."""
    rows = Problem.objects.visible_to(actor).select_related("platform", "created_by")
    found: Problem | None = rows.filter(number=number).first()
    if found is None:
        raise HiddenError("incidents.problem_view")
    return found


def incidents_of_problem(actor: Actor, problem: Problem) -> list[IncidentRow]:
    """The incidents it caused, as far as the reader may know of them, newest first."""
    rows = Incident.objects.visible_to(actor).filter(problem_link__problem=problem).order_by("-number")
    return [IncidentRow(*row) for row in rows.values_list(*ROW)[:100]]
