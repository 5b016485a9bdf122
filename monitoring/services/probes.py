"""The portal's own probes: written by people, claimed and answered by the dispatcher (M-MET-15)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from monitoring import store
from monitoring.models import (
    Alarm,
    AlarmOrigin,
    AlarmState,
    Probe,
    ProbeResult,
    TargetDatabase,
)
from monitoring.probing.asking import Outcome, ProbeError, Question, check_question
from monitoring.probing.verdict import verdict
from monitoring.services.alarms import alarm_transition
from monitoring.services.binding import series_bind
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Platform, Service, Severity

LEASE: Final = timedelta(seconds=25)  # longer than any answer may take; a killed pass frees its probes by it
MAY_CHANGE: Final = (
    "name", "service", "kind", "address", "database", "every", "seconds", "statuses", "body_text", "cert_days",
    "datapoints", "window", "severity", "opens_incident", "enabled",
)  # fmt: skip
_CLAIM: Final = """
UPDATE monitoring_probe p SET fence = fence + 1, lease_until = %(until)s
FROM (
    SELECT id FROM monitoring_probe
    WHERE enabled AND due_at <= %(now)s AND (lease_until IS NULL OR lease_until < %(real)s)
    ORDER BY due_at, id LIMIT %(size)s FOR UPDATE SKIP LOCKED
) d
WHERE p.id = d.id RETURNING p.id, p.fence
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A probe that this pass asks: its slot, and the fence that its answer must name."""

    probe: Probe
    question: Question
    fence: int
    slot_at: datetime


def _checked(platform_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a probe. Raises ProbeError."""
    found = {name: clean_text(value).strip() if isinstance(value, str) else value for name, value in values.items()}
    unknown = sorted(set(found) - set(MAY_CHANGE))
    if unknown:
        raise ProbeError(f"A probe has no {unknown[0]}.")
    service, severity, database = (found.get(name) for name in ("service", "severity", "database"))
    if isinstance(service, Service) and service.platform_id != platform_id:
        raise ProbeError("The service is another platform's.")
    if isinstance(severity, Severity) and severity.scheme.platform_id != platform_id:
        raise ProbeError("The level is another platform's.")
    if isinstance(database, TargetDatabase) and database.platform_id != platform_id:
        raise ProbeError("The database is another platform's.")
    return found


def _check(probe: Probe) -> None:
    check_question(probe.question)
    if not 1 <= probe.datapoints <= probe.window:
        raise ProbeError(f"{probe.datapoints} of {probe.window} answers can never be judged.")
    if probe.opens_incident and probe.severity is None:
        raise ProbeError("What opens an incident needs a level.")


def question_of(platform: Platform, values: Mapping[str, Any]) -> Question:
    """What a probe with these columns would ask. Raises ProbeError."""
    probe = Probe(platform=platform, **_checked(platform.pk, values))
    _check(probe)
    return probe.question


def _alarm_values(probe: Probe) -> dict[str, Any]:
    return {
        "name": f"{probe.name} does not answer",
        "service_id": probe.service_id,
        "signal": f"probe-{probe.key}"[:60],
        "severity_id": probe.severity_id,
        "opens_incident": probe.opens_incident,
    }


@transaction.atomic
def probe_add(*, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]) -> Probe:
    """A new probe, its alarm and its series; it is asked from now on. Raises ProbeError."""
    probe = Probe(platform=platform, key=key, created_at=at, due_at=at, asked_since=at, **_checked(platform.pk, values))
    _check(probe)
    Platform.objects.hold(platform.pk)
    match = {"platform": platform, "origin": AlarmOrigin.PROBE, "key": key}
    try:
        with transaction.atomic():
            probe.alarm = Alarm.objects.create(**match, since=at, **_alarm_values(probe))
            probe.save(force_insert=True)
    except IntegrityError as error:
        raise ProbeError(f"{platform.name} has a probe {key}.") from error
    series_bind(by=by, at=at, platform=platform)
    _audit(by, at, probe, "added")
    return probe


@transaction.atomic
def probe_change(*, by: Actor, at: datetime, probe: Probe, expected: int, values: Mapping[str, Any]) -> Probe:
    """Change, pause or go on with a probe; what it answered stays. Raises ProbeError, VersionConflictError."""
    columns = _checked(probe.platform_id, values)
    wanted = Probe.objects.select_related("database", "severity__scheme", "platform", "alarm").get(pk=probe.pk)
    before, was_enabled = (wanted.kind, wanted.address, wanted.database_id), wanted.enabled
    for name, value in columns.items():
        setattr(wanted, name, value)
    _check(wanted)
    asked_anew = (wanted.kind, wanted.address, wanted.database_id) != before
    fresh: dict[str, Any] = {}
    due_at = at
    if asked_anew or (wanted.enabled and not was_enabled):
        # From the next slot on: this one may hold an answer to the old question.
        due_at = store.floor_to(at, wanted.every) + timedelta(seconds=wanted.every)
        fresh = {"asked_since": due_at}
    if asked_anew:
        fresh |= {"ran_at": None, "ok": None, "ms": None, "said": "", "cert_ends_at": None}
    Platform.objects.hold(wanted.platform_id)
    # A new fence: an answer to the old question that is on its way does not count.
    probe.update_versioned(expected=expected, **columns, **fresh, fence=F("fence") + 1, lease_until=None, due_at=due_at)
    Alarm.objects.filter(pk=wanted.alarm_id).update(**_alarm_values(wanted), version=F("version") + 1)
    if asked_anew or not wanted.enabled:
        reason = "Its question is new." if wanted.enabled else "Its probe is paused."
        Alarm.objects.filter(pk=wanted.alarm_id).update(fetched_at=None)
        alarm_transition(alarm=wanted.alarm, to_state=AlarmState.UNKNOWN, at=at, recorded_at=at, reason=reason)
    series_bind(by=by, at=at, platform=wanted.platform)
    _audit(by, at, probe, "changed", enabled=wanted.enabled)
    probe.refresh_from_db()
    return probe


def _audit(by: Actor, at: datetime, probe: Probe, done: str, **data: object) -> None:
    record(
        by=by,
        at=at,
        verb=f"monitoring.probe.{done}",
        obj_kind="monitoring.probe",
        obj_id=probe.pk,
        platform_id=probe.platform_id,
        data={"key": probe.key, "kind": probe.kind, **data},
    )


def probes_claim(*, at: datetime, size: int) -> list[Claim]:
    """Take the probes that are due: each is taken by one pass, until it answers or its lease is over."""
    real = real_now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": at, "real": real, "until": real + LEASE, "size": size})
        fences = dict(cursor.fetchall())
    rows = Probe.objects.filter(pk__in=fences).select_related("database").order_by("pk") if fences else ()
    return [Claim(probe, probe.question, fences[probe.pk], store.floor_to(at, probe.every)) for probe in rows]


@transaction.atomic
def result_keep(*, claim: Claim, outcome: Outcome, at: datetime) -> str | None:
    """Keep an answer and move the probe's alarm; the state it is in, or None when the claim was lost meanwhile.

    Business time `at`; a certificate's days are counted in real time.
    """
    probe, slot_at = claim.probe, claim.slot_at
    days = (outcome.cert_ends_at - real_now()) / timedelta(days=1) if outcome.cert_ends_at else None
    held = Probe.objects.filter(pk=probe.pk, fence=claim.fence, enabled=True)
    if not held.update(
        lease_until=None, due_at=slot_at + timedelta(seconds=probe.every), ran_at=slot_at, ok=outcome.ok,
        ms=outcome.ms, said=outcome.said, cert_ends_at=outcome.cert_ends_at,
    ):  # fmt: skip
        return None
    result = ProbeResult(
        probe=probe, slot_at=slot_at, recorded_at=at, ok=outcome.ok, ms=outcome.ms, cert_days=days, said=outcome.said
    )
    ProbeResult.objects.bulk_create([result], ignore_conflicts=True)
    answers = _last_answers(probe, slot_at)
    alarm = Alarm.objects.get(pk=probe.alarm_id)
    state = verdict(answers, probe.datapoints, alarm.state)
    failed = answers.count(False)
    Alarm.objects.filter(pk=alarm.pk).update(fetched_at=at, evaluated_until=slot_at, value=failed)
    if state != alarm.state:
        alarm_transition(
            alarm=alarm,
            to_state=state,
            at=slot_at,
            recorded_at=at,
            value=failed,
            reason=f"{failed} of the last {probe.window} answers failed. {outcome.said}"[:400],
            data={"probe": probe.key, "answers": answers, "needed": probe.datapoints},
        )
    return state


def _last_answers(probe: Probe, slot_at: datetime) -> list[bool | None]:
    step = timedelta(seconds=probe.every)
    slots = [slot_at - step * back for back in range(probe.window - 1, -1, -1)]
    first = max(slots[0], store.floor_to(probe.asked_since, probe.every))  # older ones answer another question
    rows = ProbeResult.objects.filter(probe=probe, slot_at__gte=first, slot_at__lte=slot_at)
    found = dict(rows.values_list("slot_at", "ok"))
    return [found.get(slot) for slot in slots]
