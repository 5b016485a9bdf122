"""What is known about the incident: severity, triage, texts and times."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from incidents import events
from incidents.choices import TRIAGE_ANSWERS, ClockKind, DetectionSource, EntryKind, IncidentType
from incidents.errors import IncidentError
from incidents.models import Incident, IncidentAccess
from incidents.services import clocks, notices
from incidents.services.base import TIMES, change, finish, lock, mark_charts
from incidents.services.declare import refuse_twin
from incidents.services.paging import page_first
from incidents.services.reviews import review_follow
from incidents.services.texts import TEXTS, say_rewritten
from incidents.services.timeline import append, check_occurred
from incidents.services.waves import hold_review
from incidents.types import defaults
from incidents.types import questions as questions_of
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Service, Severity


@transaction.atomic
def incident_set_severity(
    *, by: Actor, at: datetime, incident: Incident, expected: int, severity: Severity, why: str = ""
) -> Incident:
    """Change the severity, keep old, new and why, and give the clocks their new rules.

    Raises IncidentError, also for a milder one without a reason.
    """
    current = lock(incident, expected=expected)
    if not current.is_open:
        raise IncidentError(f"The incident is {current.state}: reopen it to change its severity.")
    if severity.scheme.platform_id != current.platform_id:
        raise IncidentError("This severity belongs to another platform.")
    if severity.pk == current.severity_id:
        return current
    why = clean_text(why).strip()
    if severity.rank > current.rank and not why:
        said = f"/severity {severity.label} because …"
        before = current.severity.label
        raise IncidentError(f"{severity.label} is milder than {before}: say why, in the composer by {said}")
    severity_take(current, severity, why, by=by, at=at)()
    return current


def severity_take(current: Incident, severity: Severity, why: str, *, by: Actor, at: datetime) -> Callable[[], None]:
    """Give the locked incident another severity. Returns what finishes it, for when the caller has locked all.

    One that is resolved owes no more than the review that the new severity asks for.
    """
    before, rank_before = current.severity.label, current.rank
    change(current, severity=severity, rank=severity.rank)
    if current.is_open:
        clocks.restart_for_severity(current, at, is_worse=severity.rank < rank_before)
    elif not current.clocks.filter(kind=ClockKind.REVIEW).exists():
        clocks.start(current, ClockKind.REVIEW, at)
    append(
        current,
        kind=EntryKind.SEVERITY,
        body=f"{before} → {severity.label}" + (f": {why}" if why else ""),
        by=by,
        at=at,
        data={"from": before, "to": severity.label, "rank_from": rank_before, "rank_to": severity.rank},
    )
    notices.tell_severity(current, before, why, at)
    if current.is_open:
        page_first(current, at)
    return partial(
        finish,
        current,
        by=by,
        at=at,
        verb="severity.changed",
        data={"from": rank_before, "to": severity.rank},
        tells=partial(events.severity_changed, before, rank_before, why),
    )


@transaction.atomic
def incident_triage(
    *, by: Actor, at: datetime, incident: Incident, expected: int, answers: Mapping[str, Mapping[str, str]]
) -> Incident:
    """Keep the answers to triage (M-INC-06) and to the type's own checklist; a new yes may end a clock.

    What was answered before and is sent again as it stands is not said twice. Raises IncidentError.
    """
    current = lock(incident, expected=expected)
    questions, allowed = {row.key: row for row in questions_of(current.type)}, dict(TRIAGE_ANSWERS)
    given_now = {
        key: {"answer": given["answer"], "note": clean_text(given.get("note", ""))[:200]}
        for key, given in answers.items()
        if key in questions and given.get("answer") in allowed
    }
    if not given_now:
        raise IncidentError("Answer at least one question.")
    kept = {key: given for key, given in given_now.items() if given != current.triage.get(key)}
    if not kept:
        return current
    change(current, triage=current.triage | kept)
    for key, given in kept.items():
        if questions[key].ends and given["answer"] == "yes":
            clocks.done(current, questions[key].ends, at)
    parts = [
        f"{questions[key].text.lower()}: {', '.join(filter(None, (allowed[given['answer']].lower(), given['note'])))}"
        for key, given in kept.items()
    ]
    append(current, kind=EntryKind.TRIAGE, body="assessed: " + "; ".join(parts), by=by, at=at, data={"answers": kept})
    finish(current, by=by, at=at, verb="incident.assessed")
    return current


@transaction.atomic
def incident_describe(
    *, by: Actor, at: datetime, incident: Incident, expected: int, changes: Mapping[str, Any], why: str = ""
) -> Incident:
    """Change texts, times, type, service and how it was found; the timeline keeps the text and the time that stood.

    Raises IncidentError without a reason for a changed time, TimeOrderError.
    """
    current = lock(incident, expected=expected)
    new: dict[str, Any] = {name: clean_text(str(changes[name])).strip() for name in TEXTS if name in changes}
    new = {name: text for name, text in new.items() if text != getattr(current, name)}
    if new.get("title") == "":
        raise IncidentError("An incident needs a title.")
    times = _corrected_times(current, changes, why, at)
    kinds, said = _recast(current, changes)
    if not new and not times and not kinds:
        return current
    noted = [
        f"{name.removesuffix('_at').replace('_', ' ')} {stamp(getattr(current, name))} → {stamp(value)}"
        for name, value in times.items()
    ]
    before = {name: getattr(current, name) for name in new}
    try:
        with transaction.atomic():
            change(current, **new, **times, **kinds)
    except IntegrityError:  # incident_open_signal_unique: an alarm opened one at that service meanwhile
        refuse_twin(current.platform_id, kinds.get("service", current.service), current.signal)
        raise
    if new or times:
        hold_review(current)  # before its timeline
    if "type" in kinds:
        _take_over_type(current, by=by, at=at)
    say_rewritten(current, before, by=by, at=at)
    if new or times:
        review_follow(current, at=at)
    if said:
        append(current, kind=EntryKind.STATE, body=", ".join(said), by=by, at=at)
    if times:
        append(current, kind=EntryKind.STATE, body=f"corrected {', '.join(noted)}: {clean_text(why)}", by=by, at=at)
    if times or "title" in new or kinds:
        mark_charts(current, by=by, at=at)
    finish(current, by=by, at=at, verb="incident.described", data={"fields": sorted({*new, *times, *kinds})})
    return current


def _corrected_times(current: Incident, changes: Mapping[str, Any], why: str, at: datetime) -> dict[str, datetime]:
    times = {
        name: changes[name]
        for name in TIMES
        if changes.get(name) is not None and changes[name] != getattr(current, name)
    }
    for name, value in times.items():
        if getattr(current, name) is None:
            raise IncidentError(f"Mark the incident {name.removesuffix('_at')} before you correct that time.")
        check_occurred(value, at)
    if times and not why.strip():
        raise IncidentError("Say why a time is corrected.")
    return times


def _recast(current: Incident, changes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Type, service and detection source as far as they change, and how the timeline says so. Raises IncidentError."""
    kinds: dict[str, Any] = {}
    said = []
    if (kind := changes.get("type")) and kind != current.type:
        kinds["type"] = kind
        said.append(f"type {current.get_type_display().lower()} → {IncidentType(kind).label.lower()}")
        if defaults(kind).is_restricted:
            kinds["is_restricted"] = True
    if (source := changes.get("detection_source")) and source != current.detection_source:
        kinds["detection_source"] = source
        said.append(f"found by {DetectionSource(source).label.lower()}")
    service = changes.get("service")
    if isinstance(service, Service) and service.pk != current.service_id:
        if service.platform_id != current.platform_id:
            raise IncidentError("This service belongs to another platform.")
        if current.is_open:
            refuse_twin(current.platform_id, service, current.signal)
        kinds["service"] = service
        said.append(f"service {service.name}")
    return kinds, said


def _take_over_type(current: Incident, *, by: Actor, at: datetime) -> None:
    """The clocks that the new type brings start now; who made it restricted goes on knowing of it."""
    if current.is_restricted and by.user_id is not None:
        named = {"named_by_id": by.user_id, "named_at": at}
        IncidentAccess.objects.get_or_create(incident=current, user_id=by.user_id, defaults=named)
    for kind in defaults(current.type).clocks:
        if current.is_open and not current.clocks.filter(kind=kind).exists():
            clocks.start(current, kind, at)
    if current.is_open and defaults(current.type).pages:
        page_first(current, at)
