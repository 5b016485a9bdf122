"""Incidents that belong together: merged as a duplicate, related, one caused by the other.

Restricted incidents never leak by a link: the other's number is written only where everybody may know it.
"""

from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import F

from incidents import events, lifecycle
from incidents.choices import ClockKind, EntryKind, OutcomeChoice
from incidents.errors import IncidentError
from incidents.models import Incident, IncidentClock, IncidentLink, TimelineEntry
from incidents.models.problem import LinkKind
from incidents.services import clocks, notices
from incidents.services.base import change, finish, mark_charts, moved
from incidents.services.ending import work_end
from incidents.services.record import severity_take
from incidents.services.timeline import append
from monitoring.models import AlarmState
from opsportal.core.actor import Actor
from opsportal.core.gate import allows
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError

MOST_READ: Final = 500
MOST_TAKEN_OVER: Final = 20


def lock_both(incident: Incident, other: Incident, *, expected: int | None) -> tuple[Incident, Incident]:
    """Both rows, held in the order of their keys, so that two never wait for each other.

    Raises VersionConflictError when the first one changed.
    """
    rows = Incident.objects.select_for_update(of=("self",), no_key=True)
    found = {row.pk: row for row in rows.filter(pk__in=[incident.pk, other.pk]).order_by("pk")}
    if expected is not None and found[incident.pk].version != expected:
        raise VersionConflictError(found[incident.pk])
    return found[incident.pk], found[other.pk]


@transaction.atomic
def incident_merge(
    *, by: Actor, at: datetime, incident: Incident, expected: int, target: Incident, note: str = ""
) -> Incident:
    """Close an incident as the duplicate of another; later alarms of its signal join that one.

    Its number, alarms and timeline stay where they are and are shown there; what its alarms said is told there as well.
    One that is resolved and milder takes over its severity: nobody can raise that one, nor reopen it while this one is
    open for its signal.

    Returns the merged one.
    Raises IncidentError, TransitionError, VersionConflictError.
    """
    if incident.pk == target.pk:
        raise IncidentError("An incident cannot be merged into itself.")
    current, kept = lock_both(incident, target, expected=expected)
    _check_mergeable(current, kept, by)
    position = lifecycle.merge(current.position)
    changes = moved(current, position, at) | {"closed_at": at, "merged_into": kept}
    change(current, **changes, resolved_at=current.resolved_at or at)
    again = Incident.objects.filter(merged_into=current).order_by("pk")
    again.update(merged_into=kept, version=F("version") + 1)
    _end_clocks(current, kept, at)
    audit_work = work_end(current, "closed as a duplicate", by=by, at=at)
    because = f": {clean_text(note).strip()}" if note.strip() else ""
    is_known = not kept.is_restricted  # both are, or neither
    duplicate_of = f" of {kept.reference}" if is_known else ""
    append(
        current,
        kind=EntryKind.STATE,
        body=f"closed as a duplicate{duplicate_of}{because}",
        by=by,
        at=at,
        data={"state": "closed", "merged_into": kept.number},
    )
    merged = current.reference if is_known else "another incident"
    took_in = f"took in {merged}"
    is_graver = current.rank < kept.rank
    raised = severity_take(kept, current.severity, took_in, by=by, at=at) if is_graver else None
    append(kept, kind=EntryKind.STATE, body=f"{took_in}{because}", by=by, at=at, data={"merged": current.number})
    _take_over_alarms(current, kept, by=by, at=at)
    notices.tell_state(current, f"merged into {kept.reference}" if is_known else "merged", at)
    mark_charts(current, by=by, at=at)
    if raised is not None:
        raised()
    finish(kept, by=by, at=at, verb="incident.took_in", data={"merged": current.number})
    finish(
        current, by=by, at=at, verb="incident.merged", data={"into": kept.number}, tells=partial(events.merged, kept)
    )
    audit_work()
    return current


def _take_over_alarms(current: Incident, kept: Incident, *, by: Actor, at: datetime) -> None:
    """Of each of its alarms when it first fired and when it was last back, as lines of the one that goes on."""
    rows = TimelineEntry.objects.filter(incident=current, kind__in=[EntryKind.ALARM, EntryKind.METRIC])
    told: dict[tuple[str, object], TimelineEntry] = {}
    for entry in rows.filter(data__has_key="alarm").order_by("occurred_at", "number")[:MOST_READ]:
        key = (entry.kind, entry.data["alarm"])
        if entry.kind == EntryKind.METRIC or (key not in told and entry.data.get("to") == AlarmState.ALARM):
            told[key] = entry
    named = "" if kept.is_restricted else f"{current.reference}: "
    for entry in sorted(told.values(), key=lambda row: (row.occurred_at, row.number))[:MOST_TAKEN_OVER]:
        body = entry.body if "of" in entry.data else f"{named}{entry.body}"
        data = {"of": current.number, **entry.data}
        append(kept, kind=entry.kind, body=body, by=by, at=at, occurred_at=entry.occurred_at, data=data)


def _check_mergeable(current: Incident, kept: Incident, by: Actor) -> None:
    if current.platform_id != kept.platform_id:
        raise IncidentError("Only incidents of one platform can be merged; link them as related instead.")
    if current.is_restricted != kept.is_restricted:
        raise IncidentError("One of them is restricted: restrict both or neither before you merge them.")
    if kept.merged_into_id is not None:
        raise IncidentError("That one was merged itself: merge into the incident it was merged into.")
    if kept.closed_at is not None:
        raise IncidentError("That one is closed: reopen it first, or link them as related.")
    milder = f"{kept.reference} is {kept.severity.label}, milder than {current.severity.label}"
    if kept.rank > current.rank and kept.is_open:
        raise IncidentError(f"{milder}: its duties would end. Raise that one first, or merge it into this one.")
    if kept.rank > current.rank and not allows(by, "incidents.incident_set_severity", kept):
        raise IncidentError(f"{milder}, and the merge would raise it: ask someone who may change its severity.")


def _end_clocks(current: Incident, kept: Incident, at: datetime) -> None:
    """The duties go on under the other number; a law's clock goes on from when the first of the two began."""
    running = IncidentClock.objects.filter(incident=current, stopped_at__isnull=True).order_by("pk")
    for clock in list(running):
        clocks.stop(current, clock.kind, at)
        if clock.kind == ClockKind.BREACH and _is_first(clock, kept):
            clocks.stop(kept, ClockKind.BREACH, at)
            clocks.start(kept, ClockKind.BREACH, clock.started_at)


def _is_first(clock: IncidentClock, kept: Incident) -> bool:
    """Whether no clock of that kind has done its duty on `kept`, or runs there since the same time or before."""
    own = IncidentClock.objects.filter(incident=kept, kind=clock.kind).exclude(outcome=OutcomeChoice.STOPPED)
    return not own.exclude(stopped_at__isnull=True, started_at__gt=clock.started_at).exists()


@transaction.atomic
def incident_link(
    *, by: Actor, at: datetime, incident: Incident, expected: int, other: Incident, kind: str, note: str = ""
) -> IncidentLink:
    """Say that two incidents belong together; the same link again changes nothing. Raises IncidentError.

    The link shows at both ends; a line at the other one is written only by those who may link there as well.
    """
    if incident.pk == other.pk:
        raise IncidentError("Choose another incident.")
    current, other = lock_both(incident, other, expected=expected)
    if kind == LinkKind.RELATED and IncidentLink.objects.filter(incident=other, other=current, kind=kind).exists():
        return IncidentLink.objects.get(incident=other, other=current, kind=kind)
    link, is_new = IncidentLink.objects.get_or_create(
        incident=current,
        other=other,
        kind=kind,
        defaults={"note": clean_text(note)[:200].strip(), "linked_by_id": by.user_id, "linked_at": at},
    )
    if not is_new:
        return link
    word = LinkKind(kind).label.lower()
    back = word if kind == LinkKind.RELATED else "the cause of"
    _tell_both(current, other, by=by, at=at, words=(word, back))
    named = {} if other.is_restricted else {"other": other.number}
    finish(current, by=by, at=at, verb="incident.linked", data={"kind": kind, **named})
    return link


@transaction.atomic
def incident_unlink(*, by: Actor, at: datetime, incident: Incident, link: IncidentLink) -> None:
    """Take a link back, from either end; the timelines keep that it was there. Again changes nothing."""
    kind, far = link.kind, link.other if link.incident_id == incident.pk else link.incident
    current, other = lock_both(incident, far, expected=None)
    if not IncidentLink.objects.filter(pk=link.pk).delete()[0]:
        return
    _tell_both(current, other, by=by, at=at, words=("no longer linked to", "no longer linked to"))
    finish(current, by=by, at=at, verb="incident.unlinked", data={"kind": kind})


def _tell_both(current: Incident, other: Incident, *, by: Actor, at: datetime, words: tuple[str, str]) -> None:
    """A line at each end where `by` may write it, unless it names a restricted incident; the pages show the link."""
    if not other.is_restricted:
        append(current, kind=EntryKind.STATE, body=f"{words[0]} {other.reference}", by=by, at=at)
    if not current.is_restricted and allows(by, "incidents.incident_link", other):
        append(other, kind=EntryKind.STATE, body=f"{words[1]} {current.reference}", by=by, at=at)
    touch(f"incident:{other.pk}", other.pk)
