"""What is known about the incident: severity, triage, texts and times."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from incidents.choices import TRIAGE_ANSWERS, TRIAGE_QUESTIONS, EntryKind
from incidents.errors import IncidentError
from incidents.models import Incident
from incidents.services import clocks, notices
from incidents.services.base import change, finish, lock, mark_charts
from incidents.services.timeline import append, check_occurred
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Severity

TEXTS: Final = (
    "title",
    "summary",
    "users_affected",
    "impact_business",
    "impact_technical",
    "cause",
    "resolution",
)
EDITABLE_TIMES: Final = ("impact_started_at", "detected_at", "mitigated_at", "resolved_at")


@transaction.atomic
def incident_set_severity(
    *, by: Actor, at: datetime, incident: Incident, expected: int, severity: Severity, why: str = ""
) -> Incident:
    """Change the severity, keep old, new and why, and give the clocks their new rules. Raises IncidentError."""
    current = lock(incident, expected=expected)
    if not current.is_open:
        raise IncidentError(f"The incident is {current.state}: reopen it to change its severity.")
    if severity.scheme.platform_id != current.platform_id:
        raise IncidentError("This severity belongs to another platform.")
    if severity.pk == current.severity_id:
        return current
    before, rank_before = current.severity.label, current.rank
    change(current, severity=severity, rank=severity.rank)
    clocks.restart_for_severity(current, at, is_worse=severity.rank < rank_before)
    why = clean_text(why).strip()
    append(
        current,
        kind=EntryKind.SEVERITY,
        body=f"{before} → {severity.label}" + (f": {why}" if why else ""),
        by=by,
        at=at,
        data={"from": before, "to": severity.label, "rank_from": rank_before, "rank_to": severity.rank},
    )
    notices.tell_severity(current, before, why, at)
    finish(
        current,
        by=by,
        at=at,
        verb="severity.changed",
        data={"from": rank_before, "to": severity.rank},
    )
    return current


@transaction.atomic
def incident_triage(
    *, by: Actor, at: datetime, incident: Incident, expected: int, answers: Mapping[str, Mapping[str, str]]
) -> Incident:
    """Keep the answers to the five triage questions (M-INC-06). Raises IncidentError."""
    questions, allowed = dict(TRIAGE_QUESTIONS), dict(TRIAGE_ANSWERS)
    kept = {
        key: {"answer": given["answer"], "note": clean_text(given.get("note", ""))[:200]}
        for key, given in answers.items()
        if key in questions and given.get("answer") in allowed
    }
    if not kept:
        raise IncidentError("Answer at least one question.")
    current = lock(incident, expected=expected)
    change(current, triage=current.triage | kept)
    parts = [
        f"{questions[key].lower()}: {given['note'] or allowed[given['answer']].lower()}" for key, given in kept.items()
    ]
    append(current, kind=EntryKind.TRIAGE, body="assessed: " + "; ".join(parts), by=by, at=at, data={"answers": kept})
    finish(current, by=by, at=at, verb="incident.assessed")
    return current


@transaction.atomic
def incident_describe(
    *, by: Actor, at: datetime, incident: Incident, expected: int, changes: Mapping[str, Any], why: str = ""
) -> Incident:
    """Change texts and times; a changed time is noted with its old value and the reason.

    Raises IncidentError without a reason for a changed time, TimeOrderError.
    """
    current = lock(incident, expected=expected)
    new: dict[str, Any] = {name: clean_text(str(changes[name])).strip() for name in TEXTS if name in changes}
    new = {name: text for name, text in new.items() if text != getattr(current, name)}
    if new.get("title") == "":
        raise IncidentError("An incident needs a title.")
    times = {
        name: changes[name]
        for name in EDITABLE_TIMES
        if changes.get(name) is not None and changes[name] != getattr(current, name)
    }
    for name, value in times.items():
        if getattr(current, name) is None:
            raise IncidentError(f"Mark the incident {name.removesuffix('_at')} before you correct that time.")
        check_occurred(value, at)
    if times and not why.strip():
        raise IncidentError("Say why a time is corrected.")
    if not new and not times:
        return current
    noted = [
        f"{name.removesuffix('_at').replace('_', ' ')} {stamp(getattr(current, name))} → {stamp(value)}"
        for name, value in times.items()
    ]
    change(current, **new, **times)
    if times:
        append(current, kind=EntryKind.STATE, body=f"corrected {', '.join(noted)}: {clean_text(why)}", by=by, at=at)
    if times or "title" in new:
        mark_charts(current, by=by, at=at)
    finish(current, by=by, at=at, verb="incident.described", data={"fields": sorted({*new, *times})})
    return current
