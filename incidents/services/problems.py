"""Problem records: the cause behind incidents, analysed once (M-INC-12)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from incidents.choices import EntryKind
from incidents.errors import IncidentError
from incidents.models import Incident, Problem, ProblemIncident
from incidents.models.problem import ProblemPriority, ProblemState
from incidents.selectors.problems import problem_by_number
from incidents.services.base import finish, lock, next_number
from incidents.services.timeline import append
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.gate import authorize
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text

TEXTS: Final = ("title", "impact", "analysis", "workaround")


def _finish(problem: Problem, *, by: Actor, at: datetime, verb: str, data: Mapping[str, Any] | None = None) -> None:
    touch("problems", problem.pk)
    record(
        by=by,
        at=at,
        verb=f"incidents.problem.{verb}",
        obj_kind="problem",
        obj_id=problem.pk,
        platform_id=problem.platform_id,
        data={"number": problem.number, **(data or {})},
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    found = {name: clean_text(str(values[name])).strip() for name in TEXTS if name in values}
    if found.get("title") == "":
        raise IncidentError("Say in a few words what the problem is.")
    return found


@transaction.atomic
def problem_open(*, by: Actor, at: datetime, platform_id: int, values: Mapping[str, Any]) -> Problem:
    """Open a problem record. Raises IncidentError."""
    problem = _create(by=by, at=at, platform_id=platform_id, values=values)
    _finish(problem, by=by, at=at, verb="opened")
    return problem


def _create(*, by: Actor, at: datetime, platform_id: int, values: Mapping[str, Any]) -> Problem:
    texts = _texts({"title": "", **values})
    problem: Problem = Problem.objects.create(
        number=next_number("incidents_problem_number"),
        platform_id=platform_id,
        priority=values.get("priority") or ProblemPriority.NORMAL,
        created_by_id=by.user_id,
        created_at=at,
        **texts,
    )
    problem.keep(by=by, at=at)
    return problem


@transaction.atomic
def problem_change(*, by: Actor, at: datetime, problem: Problem, expected: int, values: Mapping[str, Any]) -> Problem:
    """Write the analysis, rate it, say how far it is; texts that stood stay readable.

    Raises IncidentError, VersionConflictError.
    """
    texts = _texts(values)
    state = values.get("state") or problem.state
    if state == ProblemState.KNOWN_ERROR and not (texts.get("workaround", problem.workaround)):
        raise IncidentError("A known error has a workaround: write it down.")
    if state == ProblemState.SOLVED and not (texts.get("analysis", problem.analysis)):
        raise IncidentError("Write the analysis: a solved problem says what it was.")
    solved_at = (problem.solved_at or at) if state == ProblemState.SOLVED else None
    changes: dict[str, Any] = {**texts, "state": state, "solved_at": solved_at}
    if values.get("priority"):
        changes["priority"] = values["priority"]
    fields = sorted(name for name, value in changes.items() if value != getattr(problem, name))
    problem.update_versioned(expected=expected, **changes)
    if set(fields) & set(TEXTS):
        problem.keep(by=by, at=at)
    _finish(problem, by=by, at=at, verb="changed", data={"fields": fields, "state": state})
    for incident_id in problem.linked.values_list("incident_id", flat=True):
        touch(f"incident:{incident_id}", incident_id)
    return problem


@transaction.atomic
def problem_link(*, by: Actor, at: datetime, incident: Incident, expected: int, problem: Problem) -> ProblemIncident:
    """Say that an incident comes from a problem; an incident has one. Raises IncidentError, VersionConflictError."""
    return _link(lock(incident, expected=expected), problem, by=by, at=at)


def _link(current: Incident, problem: Problem, *, by: Actor, at: datetime, is_new: bool = False) -> ProblemIncident:
    if problem.platform_id != current.platform_id:
        raise IncidentError("This problem belongs to another platform.")
    link: ProblemIncident | None = ProblemIncident.objects.filter(incident=current).select_related("problem").first()
    if link is not None and link.problem_id == problem.pk:
        return link
    if link is not None:
        _take_off(link, current, by=by, at=at)
    link = ProblemIncident.objects.create(problem=problem, incident=current, linked_by_id=by.user_id, linked_at=at)
    append(
        current,
        kind=EntryKind.STATE,
        body=f"comes from {problem.reference}: {problem.title}",
        by=by,
        at=at,
        data={"problem": problem.number},
    )
    if is_new:
        _finish(problem, by=by, at=at, verb="opened")
    touch("problems", problem.pk)
    # Kept with the incident alone: the problem's own record would tell of a restricted one.
    finish(current, by=by, at=at, verb="problem.linked", data={"problem": problem.number})
    return link


def _take_off(link: ProblemIncident, current: Incident, *, by: Actor, at: datetime) -> None:
    body = f"does not come from {link.problem.reference}"
    append(current, kind=EntryKind.STATE, body=body, by=by, at=at, data={"problem": link.problem.number})
    touch("problems", link.problem_id)
    link.delete()


@transaction.atomic
def problem_name(
    *, by: Actor, at: datetime, incident: Incident, expected: int, problem: int | None = None, title: str = ""
) -> ProblemIncident:
    """Link the incident to PRB-`problem`, or to a new one of that title. Raises IncidentError, DeniedError."""
    current = lock(incident, expected=expected)
    if problem is not None:
        return _link(current, problem_by_number(by, problem), by=by, at=at)
    if not title.strip():
        raise IncidentError("Choose a problem, or name a new one.")
    authorize(by, "incidents.problem_write", incident)
    found = _create(by=by, at=at, platform_id=current.platform_id, values={"title": title})
    return _link(current, found, by=by, at=at, is_new=True)


@transaction.atomic
def problem_unlink(*, by: Actor, at: datetime, incident: Incident, expected: int) -> None:
    """Take an incident off its problem; again changes nothing. Raises VersionConflictError."""
    current = lock(incident, expected=expected)
    link = ProblemIncident.objects.filter(incident=current).select_related("problem").first()
    if link is None:
        return
    _take_off(link, current, by=by, at=at)
    finish(current, by=by, at=at, verb="problem.unlinked", data={"problem": link.problem.number})
