"""What people do to a clock: stop it for a while, let it go on, tick off what the portal cannot see."""

from datetime import datetime

from django.db import transaction

from incidents import clocks
from incidents.choices import DONE_BY_HAND, ClockKind, EntryKind, OutcomeChoice
from incidents.errors import IncidentError
from incidents.models import Incident, IncidentClock
from incidents.services.base import finish, lock
from incidents.services.clocks import calendar_for, done, resumed, running
from incidents.services.timeline import append
from opsportal.core.actor import Actor
from opsportal.core.formats import duration, stamp
from opsportal.core.markdown import clean_text

REASON_LENGTH = 200


@transaction.atomic
def clock_pause(*, by: Actor, at: datetime, incident: Incident, expected: int, kind: str, why: str) -> IncidentClock:
    """Stop a clock until it is resumed; what is left of its time is kept. Raises IncidentError."""
    why = clean_text(why).strip()[:REASON_LENGTH]
    if not why:
        raise IncidentError("Say why the clock is paused.")
    current = lock(incident, expected=expected)
    clock = _found(current, kind)
    if clock.paused_at is not None:
        return clock
    label = ClockKind(clock.kind).label
    if clock.outcome == OutcomeChoice.MISSED or (clock.due_at is not None and clock.due_at <= at):
        raise IncidentError(f"{label} was missed already: a pause cannot undo that.")
    if not clock.may_pause:
        raise IncidentError(f"{label} cannot be paused: its time runs whatever happens.")
    calendar, since = calendar_for(clock), max(at, clock.started_at)
    left, warn_left = (
        None if due is None else clocks.remaining(since, due, calendar) for due in (clock.due_at, clock.warn_at)
    )
    clock.update_versioned(
        expected=clock.version, paused_at=since, pause_reason=why, left=left, warn_left=warn_left, due_at=None,
        warn_at=None,
    )  # fmt: skip
    kept = f", {duration(left)} left" if left is not None else ""
    _note(current, clock, f"{label} paused{kept}: {why}", by=by, at=at, verb="paused")
    return clock


@transaction.atomic
def clock_resume(*, by: Actor, at: datetime, incident: Incident, expected: int, kind: str) -> IncidentClock:
    """Let a paused clock go on with what was left of its time. Raises IncidentError."""
    current = lock(incident, expected=expected)
    clock = _found(current, kind)
    if clock.paused_at is None:
        return clock
    lasted = max(at - clock.paused_at, at - at)
    clock.update_versioned(expected=clock.version, **resumed(clock, at))
    due = f", due {stamp(clock.due_at)}" if clock.due_at is not None else ""
    said = f"{ClockKind(clock.kind).label} goes on after {duration(lasted)}{due}"
    _note(current, clock, said, by=by, at=at, verb="resumed")
    return clock


@transaction.atomic
def clock_done(
    *, by: Actor, at: datetime, incident: Incident, expected: int, kind: str, note: str = ""
) -> IncidentClock:
    """Tick off what was done outside the portal: stakeholders told, authority told. Raises IncidentError."""
    if kind not in DONE_BY_HAND:
        raise IncidentError("This clock ends by itself when the incident goes on.")
    current = lock(incident, expected=expected)
    _found(current, kind)
    clock = done(current, kind, at)
    assert clock is not None
    note = clean_text(note).strip()[:REASON_LENGTH]
    _note(current, clock, ClockKind(kind).label + (f": {note}" if note else ""), by=by, at=at, verb="done")
    return clock


def _found(incident: Incident, kind: str) -> IncidentClock:
    clock = running(incident, kind)
    if clock is None:
        word = ClockKind(kind).label.lower() if kind in ClockKind.values else "of this kind"
        raise IncidentError(f"No clock “{word}” runs on this incident.")
    return clock


def _note(incident: Incident, clock: IncidentClock, said: str, *, by: Actor, at: datetime, verb: str) -> None:
    data = {"clock": clock.pk, "kind": clock.kind}
    append(incident, kind=EntryKind.CLOCK, body=said, by=by, at=at, data=data)
    finish(incident, by=by, at=at, verb=f"clock.{verb}", data=data)
