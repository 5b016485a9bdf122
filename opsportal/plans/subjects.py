"""What a plan belongs to, registered by the room above that knows: who may see it, who is told, who may act alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db.models import QuerySet

from opsportal.core.actor import Actor

if TYPE_CHECKING:
    from opsportal.plans.models import Plan


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that plans are made for, and whether any more may be asked for."""

    name: str
    url: str
    platform_id: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRoom:
    """How one room speaks for its plans. All of it runs inside the caller's transaction.

    `prefix`: what the names of its subjects begin with, such as INC of INC-12; no other room's do. `hidden`: the
    subjects an actor may not know. `find`: one that the actor may know. `asked`: a plan waits for those who may decide.
    `told`: something happened to a plan. `refusal`: why this person may not approve their own plan alone, or "".
    `broken`: they did, for this reason.
    """

    prefix: str
    hidden: Callable[[Actor], QuerySet[Any, Any]]
    asked: Callable[["Plan", Actor, datetime], None]
    find: Callable[[Actor, str], "Subject | None"]
    told: Callable[["Plan", str, Actor, datetime], None]
    refusal: Callable[[Actor, "Plan"], str]
    broken: Callable[["Plan", str, Actor, datetime], None]


_rooms: Final[dict[str, SubjectRoom]] = {}
ALONE: Final = "Only the commander of an open incident of the highest severity may approve a plan alone."


def register_plan_subjects(room: SubjectRoom) -> None:
    """Called once at start by the room whose things plans are made for."""
    _rooms[room.prefix] = room


def _room(subject: str) -> SubjectRoom | None:
    """The room that the subject of this name is of."""
    return _rooms.get(subject.partition("-")[0])


def hidden_subjects(actor: Actor) -> list[QuerySet[Any, Any]]:
    """The subjects that this actor may not know to exist."""
    return [room.hidden(actor) for room in _rooms.values()]


def find_subject(actor: Actor, name: str) -> Subject | None:
    """The subject of that name, if the actor may know it."""
    room = _room(name)
    return room.find(actor, name) if room else None


def tell(plan: "Plan", text: str, *, by: Actor, at: datetime) -> None:
    """Say to whom the plan belongs what became of it."""
    if room := _room(plan.subject):
        room.told(plan, text, by, at)


def tell_asked(plan: "Plan", *, by: Actor, at: datetime) -> None:
    """Tell those who may decide that a plan waits for them."""
    if room := _room(plan.subject):
        room.asked(plan, by, at)


def alone_refusal(actor: Actor, plan: "Plan") -> str:
    """Why this person may not approve the plan alone, or ""."""
    room = _room(plan.subject)
    return room.refusal(actor, plan) if room else ALONE


def may_break_glass(actor: Actor, obj: object) -> bool:
    """The word of docs/rbac.csv: whoever asked for the plan and commands an open incident of the highest severity."""
    from opsportal.plans.models import Plan

    is_own = isinstance(obj, Plan) and actor.user_id is not None and obj.requested_by_id == actor.user_id
    return is_own and isinstance(obj, Plan) and not alone_refusal(actor, obj)


def tell_broken(plan: "Plan", reason: str, *, by: Actor, at: datetime) -> None:
    """The glass was broken: the room says so to whom it concerns, and sees to the review."""
    if room := _room(plan.subject):
        room.broken(plan, reason, by, at)
