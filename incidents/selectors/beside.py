"""What stands beside a timeline: roles, marks, tasks, how far the reader has read; and what of it is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from markupsafe import Markup

from incidents.choices import IncidentRole, MarkKind
from incidents.models import EntryMark, Incident, LastLook, ResponseTask, RoleAssignment, TimelineEntry
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.markdown import render_markdown
from opsportal.core.prepared import Read, Row, together

PINS: Final = 20
MARKS: Final = 500
TASKS: Final = 60


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What of a timeline is shown; empty shows all."""

    kind: str = ""
    author_id: int | None = None
    text: str = ""
    tag: str = ""
    starred_by: int | None = None

    @property
    def is_narrowed(self) -> bool:
        return self != ALL

    def applied(self, rows: QuerySet[TimelineEntry]) -> QuerySet[TimelineEntry]:
        """Only what is asked for."""
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.author_id is not None:
            rows = rows.filter(author_id=self.author_id)
        if self.text:
            rows = rows.filter(body__icontains=self.text)
        marks = EntryMark.objects.filter(entry=OuterRef("pk"))
        if self.tag:
            rows = rows.filter(Exists(marks.filter(kind=MarkKind.TAG, text=self.tag)))
        if self.starred_by is not None:
            rows = rows.filter(Exists(marks.filter(kind=MarkKind.STAR, by_id=self.starred_by)))
        return rows


ALL: Final = EntryFilter()


class RoleHolder(NamedTuple):
    """Who has or had a role."""

    role: str
    user_id: int
    name: str
    assumed_at: datetime
    renounced_at: datetime | None
    note: str

    @property
    def label(self) -> str:
        return IncidentRole(self.role).label

    @property
    def who(self) -> str:
        return f"{self.label}: {self.name}"

    @property
    def span(self) -> str:
        """`from 2026-11-22 07:25:00 UTC to …, on the train`."""
        until = f" to {stamp(self.renounced_at)}" if self.renounced_at else ""
        return f"from {stamp(self.assumed_at)}{until}" + (f", {self.note}" if self.note else "")


class Mark(NamedTuple):
    """A mark and the line that it is on; a correction takes the marks of its line over."""

    entry_id: int
    number: int
    kind: str
    text: str
    occurred_at: datetime
    body: str

    @property
    def words(self) -> str:
        """Its text without marks of formatting."""
        return Markup(render_markdown(self.body)).striptags()  # noqa: S704 - safe, and stripped


class TaskView(NamedTuple):
    """A response task."""

    pk: int
    version: int
    title: str
    owner_id: int | None
    owner_name: str | None
    due_at: datetime | None
    done_at: datetime | None
    done_by: str | None

    @property
    def is_open(self) -> bool:
        return self.done_at is None


@dataclass(frozen=True, slots=True)
class Beside:
    """All of it, read at once."""

    roles: Sequence[RoleHolder] = ()
    pins: Sequence[Mark] = ()
    words: Mapping[int, Sequence[str]] = field(default_factory=dict)  # line -> its tags, and a star of the reader's own
    tasks: Sequence[TaskView] = ()
    look: LastLook | None = None


def role_holders(incident: Incident) -> list[RoleHolder]:
    """Who holds which role now, commander first."""
    return _ordered(_roles(None, incident.pk))


def role_history(incident: Incident) -> list[RoleHolder]:
    """Who held which role from when to when, the last first."""
    rows = RoleAssignment.objects.filter(incident=incident).order_by("-assumed_at", "-pk")
    return [RoleHolder(*row) for row in rows.values_list(*_ROLE)[:100]]


def beside(actor: Actor, incident: Incident) -> Beside:
    """Roles, marks, tasks and the reader's last look, in one question; the incident is one that the actor may see."""
    here = {"incident_id": incident.pk}
    roles, marks, tasks, looks = together(
        actor,
        Read(_roles, here),
        Read(_marks, here),
        Read(_tasks, here),
        Read(_look, here),
    )
    found = [Mark(*row) for row in marks]
    return Beside(
        roles=_ordered(roles),
        pins=pinned(found),
        words=words(found),
        tasks=[TaskView(*row) for row in tasks],
        look=_looked(looks, actor, incident),
    )


def marks_of(actor: Actor, incident: Incident) -> list[Mark]:
    """The marks alone, for what is fetched live."""
    return [Mark(*row) for row in _marks(actor, incident.pk)]


def tasks_of(incident: Incident) -> list[TaskView]:
    """Open ones by their due time, then the done ones."""
    return [TaskView(*row) for row in _tasks(None, incident.pk)]


def pinned(marks: Iterable[Mark]) -> list[Mark]:
    """The pinned lines as they happened."""
    pins = (mark for mark in marks if mark.kind == MarkKind.PIN)
    return sorted(pins, key=lambda mark: (mark.occurred_at, mark.number))[:PINS]


def words(marks: Iterable[Mark]) -> dict[int, list[str]]:
    """What stands behind a line: its tags, and a star."""
    found: dict[int, list[str]] = {}
    for mark in marks:
        if mark.kind != MarkKind.PIN:
            found.setdefault(mark.entry_id, []).append(f"#{mark.text}" if mark.text else "★")
    return found


_ROLE: Final = ("role", "user_id", "user__name", "assumed_at", "renounced_at", "note")


def _ordered(rows: Iterable[Row]) -> list[RoleHolder]:
    order = {role: position for position, role in enumerate(IncidentRole.values)}
    return sorted((RoleHolder(*row) for row in rows), key=lambda holder: (order[holder.role], holder.assumed_at))


def _roles(_actor: Actor | None, incident_id: Any) -> Any:
    return RoleAssignment.objects.filter(incident_id=incident_id, renounced_at__isnull=True).values_list(*_ROLE)


def _marks(actor: Actor, incident_id: Any) -> Any:
    rows = EntryMark.objects.filter(incident_id=incident_id)
    rows = rows.filter(~Q(kind=MarkKind.STAR) | Q(by_id=actor.user_id))
    columns = ("kind", "text", "entry__occurred_at", "entry__body")
    return rows.order_by("-entry_id", "kind", "text").values_list("entry_id", "entry__number", *columns)[:MARKS]


def _tasks(_actor: Actor | None, incident_id: Any) -> Any:
    rows = ResponseTask.objects.filter(incident_id=incident_id).order_by("-done_at", "due_at", "pk")
    columns = ("pk", "version", "title", "owner_id", "owner__name", "due_at", "done_at", "done_by__name")
    return rows.values_list(*columns)[:TASKS]  # PostgreSQL puts NULL first in a falling order: open ones lead


_LOOK: Final = ("pk", "last_number", "last_at", "since_number", "since_at")


def _look(actor: Actor, incident_id: Any) -> Any:
    user_id: Any = actor.user_id
    return LastLook.objects.filter(incident_id=incident_id, user_id=user_id).values_list(*_LOOK)


def _looked(rows: Sequence[Row], actor: Actor, incident: Incident) -> LastLook | None:
    if not rows or actor.user_id is None:
        return None
    return LastLook(incident=incident, user_id=actor.user_id, **dict(zip(_LOOK, rows[0], strict=True)))


def tags_of(incident: Incident) -> list[str]:
    """The tags of this timeline."""
    rows: QuerySet[EntryMark] = EntryMark.objects.filter(incident=incident, kind=MarkKind.TAG)
    return sorted(set(rows.values_list("text", flat=True)))


def writers_of(incident: Incident) -> list[tuple[int, str]]:
    """(user id, name) of who wrote on this timeline."""
    rows = TimelineEntry.objects.filter(incident=incident, author__isnull=False).order_by()
    found = rows.values_list("author_id", "author__name").distinct()
    return sorted(((pk, name) for pk, name in found), key=lambda row: (row[1], row[0]))
