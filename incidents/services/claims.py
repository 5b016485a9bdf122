"""An alarm transition becomes an incident, joins one, or is noted as none of ours: exactly once.

What a service shows at one time is one group of symptoms: the first opens the incident, the others attach to it, and a
worse one makes the incident as bad as itself. The group is what pages.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from incidents.choices import ClaimOutcome, DetectionSource, EntryKind
from incidents.errors import NoSeverityError
from incidents.models import AlarmClaim, Incident
from incidents.selectors.named import severity_of_rank
from incidents.services.alarm_news import (
    held_for_group,
    held_for_signal,
    held_where_told,
    is_still_written,
    open_for_service,
    open_for_signal,
    paged_while_flapping,
    told_before,
)
from incidents.services.base import finish
from incidents.services.declare import DEFAULT_RANK, Declaration, incident_declare
from incidents.services.queue import owner_of_recovered, owner_recorded
from incidents.services.record import incident_set_severity
from incidents.services.reviews import review_follow
from incidents.services.timeline import append
from incidents.services.waves import hold_review
from monitoring.models import Alarm, AlarmState, AlarmTransition
from opsportal.core.actor import Actor, system_actor
from opsportal.core.faults import failpoint
from opsportal.platforms.models import SchemeKind, Severity

CLAIM_LOCK: Final = 0x1C1A1  # the advisory lock class of this claim; the second key is the transition
CLAIM_ACTOR: Final = system_actor("incidents.claims")


def claim_transition(*, transition: AlarmTransition, at: datetime, by: Actor = CLAIM_ACTOR) -> AlarmClaim | None:
    """Deal with one transition in one transaction; None when another process has or had it.

    The unique key of the claim makes it exactly once, the advisory lock only saves two dispatchers the work.
    """
    try:
        with transaction.atomic():
            if not _is_mine(transition.pk):
                return None
            failpoint("incidents.claim.begin")
            is_given_back = transition.to_state == AlarmState.OK and owner_of_recovered(transition)
            incident, outcome = _deal_with(transition, by=by, at=at)
            claim = AlarmClaim.objects.create(transition=transition, incident=incident, outcome=outcome, claimed_at=at)
            if is_given_back:
                owner_recorded(transition.alarm, None, by=by, at=at)
            failpoint("incidents.claim.before_commit")
    except IntegrityError:
        # Another source of the same fault opened the incident first: the next pass finds it and attaches.
        if AlarmClaim.objects.filter(transition=transition).exists() or open_for_signal(transition) is not None:
            return None
        raise
    failpoint("incidents.claim.after_commit")
    return claim


def _is_mine(transition_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [CLAIM_LOCK, transition_id & 0x7FFFFFFF])
        locked = bool(cursor.fetchone()[0])
    return locked and not AlarmClaim.objects.filter(transition_id=transition_id).exists()


def _deal_with(transition: AlarmTransition, *, by: Actor, at: datetime) -> tuple[Incident | None, str]:
    if transition.to_state == AlarmState.OK:
        return _recovered(transition, by=by, at=at)
    same = held_for_signal(transition)
    if transition.to_state == AlarmState.UNKNOWN:
        return _noted(transition, same, "no data", by=by, at=at)
    if transition.to_state == AlarmState.WARNING:
        return _noted(transition, same or open_for_service(transition), "warning", by=by, at=at)
    if same is not None or not transition.opens_incident:
        same = _raised(transition, same, by=by, at=at) if same and _is_graver(transition, same) else same
        return _noted(transition, same or open_for_service(transition), "ALARM", by=by, at=at)
    if transition.silenced:
        return None, ClaimOutcome.IGNORED
    group = held_for_group(transition)
    if group is not None:
        return _joined(transition, group, by=by, at=at)
    if transition.flapping and (paged := paged_while_flapping(transition)) is not None:
        still_written = paged if paged.closed_at is None else None
        return _noted(transition, still_written, "ALARM", by=by, at=at)
    return _opened(transition, by=by, at=at)


def _is_graver(transition: AlarmTransition, incident: Incident) -> bool:
    """Worse than any alarm that called for this incident: a repeat does not undo how a person rated it since."""
    given = transition.severity
    if given is None or transition.silenced or not transition.opens_incident:
        return False
    told = AlarmClaim.objects.filter(
        incident=incident,
        transition__to_state=AlarmState.ALARM,
        transition__severity__rank__lte=given.rank,
        transition__opens_incident=True,
        transition__silenced=False,
    )
    return not told.exists()


def _joined(transition: AlarmTransition, incident: Incident, *, by: Actor, at: datetime) -> tuple[Incident | None, str]:
    """One more symptom of what is worked on already."""
    return _noted(transition, _raised(transition, incident, by=by, at=at), "ALARM", by=by, at=at)


def _raised(transition: AlarmTransition, incident: Incident, *, by: Actor, at: datetime) -> Incident:
    """A worse alarm makes the incident as bad as itself, which pages by its own rules; one without a level does not."""
    severity = _severity(transition) if transition.severity_id is not None else None
    if severity is None or severity.rank >= incident.rank:
        return incident
    word = "is worse" if transition.from_state == transition.to_state else "fires too"
    return incident_set_severity(
        by=by, at=at, incident=incident, expected=incident.version, severity=severity,
        why=f"{transition.alarm.name} {word}",
    )  # fmt: skip


def _noted(
    transition: AlarmTransition, incident: Incident | None, word: str, *, by: Actor, at: datetime
) -> tuple[Incident | None, str]:
    if incident is None:
        return None, ClaimOutcome.IGNORED
    _write(transition, incident, EntryKind.ALARM, word, by=by, at=at)
    return incident, ClaimOutcome.ATTACHED


def _recovered(transition: AlarmTransition, *, by: Actor, at: datetime) -> tuple[Incident | None, str]:
    """The metric is back where this alarm had fired, as long as that incident's record is written.

    What only warned there, or was not measured, is noted; what came to OK without either is no news of any incident.
    """
    incident = held_where_told(transition)
    if incident is None or not is_still_written(incident):
        return None, ClaimOutcome.IGNORED
    there = Q(incident=incident) | Q(incident__merged_into=incident)
    if not told_before(transition).filter(there, transition__to_state=AlarmState.ALARM).exists():
        return _noted(transition, incident, "OK", by=by, at=at)
    if not incident.is_open:
        hold_review(incident)  # before its timeline
    _write(transition, incident, EntryKind.METRIC, "is back", by=by, at=at)
    return incident, ClaimOutcome.RECOVERED


def _write(transition: AlarmTransition, incident: Incident, kind: str, word: str, *, by: Actor, at: datetime) -> None:
    name = transition.alarm.name
    reason = f": {transition.reason}" if transition.reason else ""
    moved = f"{transition.from_state} → {word}" if transition.from_state != transition.to_state else f"still {word}"
    body = f"{name} {word if kind == EntryKind.METRIC else moved}{reason}"
    data = {"transition": transition.pk, "alarm": transition.alarm_id, "to": transition.to_state}
    append(incident, kind=kind, body=body, by=by, at=at, occurred_at=min(transition.at, at), data=data)
    if kind == EntryKind.METRIC and not incident.is_open:
        review_follow(incident, at=at)
    finish(incident, by=by, at=at, verb="alarm.noted", data={"transition": transition.pk})


def _opened(transition: AlarmTransition, *, by: Actor, at: datetime) -> tuple[Incident | None, str]:
    severity = _severity(transition)
    if severity is None:
        return None, ClaimOutcome.IGNORED
    alarm = transition.alarm
    detected_at = min(max(transition.at, transition.recorded_at), at)
    incident = incident_declare(
        by=by,
        at=at,
        declaration=Declaration(
            platform_id=transition.platform_id,
            title=alarm.name,
            service=transition.service,
            severity=severity,
            detection_source=found_by(alarm),
            summary=transition.reason,
            impact_started_at=min(_impact_started(transition), detected_at),
            detected_at=detected_at,
            signal=transition.signal,
            take_command=False,
        ),
    )
    _write(transition, incident, EntryKind.ALARM, "ALARM", by=by, at=at)
    return incident, ClaimOutcome.OPENED


def found_by(alarm: Alarm) -> DetectionSource:
    """Who found what an alarm tells of: one that looks at the platform from outside, or its own measures (M-INC-05)."""
    is_external = alarm.alert_source is not None and alarm.alert_source.is_external_monitor
    return DetectionSource.EXTERNAL_MONITOR if is_external else DetectionSource.AUTOMATED_ALERT


def _impact_started(transition: AlarmTransition) -> datetime:
    """The start of the first period that breached: `at` is the end of the last one, or of a silence over it."""
    rule, since = transition.alarm.rule, transition.data.get("since")
    fired_at = datetime.fromisoformat(since) if since else transition.at
    return fired_at - timedelta(seconds=rule.period * rule.datapoints) if rule is not None else fired_at


def _severity(transition: AlarmTransition) -> Severity | None:
    """The alarm's own severity when the incident scheme holds it, else the incident severity of the same rank."""
    given = transition.severity
    if given is not None and given.scheme.kind == SchemeKind.INCIDENT:
        return given
    try:
        return severity_of_rank(transition.platform_id, given.rank if given is not None else DEFAULT_RANK)
    except NoSeverityError:
        return None
