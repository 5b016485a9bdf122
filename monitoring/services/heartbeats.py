"""Heartbeats of jobs: written by people, beaten by machines, judged by the dispatcher (M-CHK-14)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from monitoring.expectation import ALARM, UNKNOWN, Judgement, judge
from monitoring.models import Alarm, AlarmOrigin, AlarmState, BeatWord, Heartbeat
from monitoring.services.alarms import alarm_transition
from monitoring.services.links import key_changed, key_new
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.core.markdown import clean_text
from opsportal.core.masking import mask_start
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform, Service, Severity
from opsportal.schedule.recurrence import Rule, RuleError, next_slot

logger = structlog.get_logger(__name__)
EXPECTS: Final = ("cron", "zone", "every_seconds", "grace_seconds", "longest_seconds")
MAY_CHANGE: Final = ("name", "service", *EXPECTS, "severity", "opens_incident", "enabled", "paused_reason")
SHORTEST: Final = 30  # seconds
LONGEST: Final = 366 * 86_400
MOST_LOG: Final = 10_000  # characters, the last lines
MOST_LINE: Final = 1_000  # characters, the first ones: what names a secret stands before it
KEPT_FOR: Final = timedelta(days=90)
MOST_KEPT: Final = 5_000  # of each heartbeat
AT_ONCE: Final = 100
LEAST_WAIT: Final = 60  # seconds, after an absence of the portal
# The row is taken first, so that of two beats at once the second sees what the first began. Judging takes it for the
# few statements of one heartbeat only.
_STORE: Final = """
WITH found AS (
    SELECT id, began_at FROM monitoring_heartbeat
    WHERE key_hash = %(key)s OR (old_key_hash = %(key)s AND old_key_until > %(real)s)
    LIMIT 1 FOR NO KEY UPDATE
), marked AS (
    UPDATE monitoring_heartbeat h SET look_at = %(at)s,
        began_at = CASE WHEN %(ends)s THEN NULL ELSE %(at)s END,
        ended_at = CASE WHEN %(ends)s THEN %(at)s ELSE h.ended_at END,
        ok = CASE WHEN %(ends)s THEN %(ok)s ELSE h.ok END,
        seconds = CASE WHEN %(ends)s THEN extract(epoch FROM %(at)s - f.began_at) ELSE h.seconds END
    FROM found f WHERE h.id = f.id
    RETURNING h.id, CASE WHEN %(ends)s THEN h.seconds END AS seconds
)
INSERT INTO monitoring_beat (heartbeat_id, word, exit_code, at, seconds, log)
SELECT id, %(word)s, %(code)s, %(at)s, seconds, %(log)s FROM marked RETURNING id
"""
# What stands at its own beat was heard of and is not silent.
_POSTPONE: Final = """
UPDATE monitoring_heartbeat h SET look_at = %(at)s + make_interval(secs => greatest(grace_seconds, %(least)s))
FROM (
    SELECT id FROM monitoring_heartbeat
    WHERE enabled AND look_at <= %(at)s AND look_at IS DISTINCT FROM ended_at AND look_at IS DISTINCT FROM began_at
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
) d
WHERE h.id = d.id
"""
# Of each heartbeat the index finds the newest one too many, and what came before it: no beat that stays is sorted.
_FORGET: Final = """
DELETE FROM monitoring_beat WHERE id IN (
    (SELECT id FROM monitoring_beat WHERE at < %(before)s ORDER BY id LIMIT %(limit)s)
    UNION ALL
    SELECT beyond.id FROM monitoring_heartbeat h CROSS JOIN LATERAL (
        SELECT id FROM monitoring_beat b WHERE b.heartbeat_id = h.id AND b.id <= (
            SELECT id FROM monitoring_beat WHERE heartbeat_id = h.id ORDER BY id DESC OFFSET %(kept)s LIMIT 1
        ) ORDER BY id LIMIT %(limit)s
    ) beyond
)
"""


class HeartbeatError(RefusedError):
    """Nothing was changed; the text is a sentence for the person who asked."""


def beat_store(*, key: bytes, word: str, exit_code: int | None, log: str, at: datetime) -> int | None:
    """Keep a beat of the job that this link belongs to, by one statement; its id, or None when no job has it."""
    values: dict[str, Any] = {
        "key": key, "real": real_now(), "at": at, "word": word, "code": exit_code, "log": _kept(log),
        "ends": word != BeatWord.START, "ok": word == BeatWord.DONE,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_STORE, values)
        row = cursor.fetchone()
    return int(row[0]) if row else None


def _kept(log: str) -> str:
    """The last whole lines of it, each masked before anything of it is stored."""
    lines: list[str] = []
    left = MOST_LOG
    for line in reversed(log.splitlines()):
        said = mask_start(line, MOST_LINE) + "…" * (len(line) > MOST_LINE)
        left -= len(said) + 1
        if left < 0:
            break
        lines.append(said)
    return "\n".join(reversed(lines))


def _checked(platform_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a heartbeat. Raises HeartbeatError."""
    found = {name: clean_text(value).strip() if isinstance(value, str) else value for name, value in values.items()}
    unknown = sorted(set(found) - set(MAY_CHANGE))
    if unknown:
        raise HeartbeatError(f"A heartbeat has no {unknown[0]}.")
    service, severity = found.get("service"), found.get("severity")
    if isinstance(service, Service) and service.platform_id != platform_id:
        raise HeartbeatError("The service is another platform's.")
    if isinstance(severity, Severity) and severity.scheme.platform_id != platform_id:
        raise HeartbeatError("The level is another platform's.")
    return found


def _check(row: Heartbeat, at: datetime) -> None:
    if bool(row.cron) == bool(row.every_seconds):
        raise HeartbeatError("Say when it runs, either by cron text or by a number of seconds.")
    if row.every_seconds and not SHORTEST <= row.every_seconds <= LONGEST:
        raise HeartbeatError(f"It is expected every {SHORTEST} seconds at most, and once a year at least.")
    if row.grace_seconds > LONGEST or row.longest_seconds > LONGEST:
        raise HeartbeatError("A grace or a longest time is a year at most.")
    if row.cron:
        try:
            is_possible = next_slot(Rule(cron=row.cron, zone=row.zone), at) is not None
        except RuleError as error:
            raise HeartbeatError(str(error)) from error
        if not is_possible:
            raise HeartbeatError(f"{row.cron!r} never comes: no such day exists.")
    if row.opens_incident and row.severity is None:
        raise HeartbeatError("What opens an incident needs a level.")
    if not row.enabled and not row.paused_reason:
        raise HeartbeatError("Say why it is paused: who looks at it later will ask.")


def _alarm_values(row: Heartbeat) -> dict[str, Any]:
    return {
        "name": f"{row.name} is late or failed",
        "service_id": row.service_id,
        "signal": f"beat-{row.key}"[:60],
        "severity_id": row.severity_id,
        "opens_incident": row.opens_incident,
    }


@transaction.atomic
def heartbeat_add(
    *, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]
) -> tuple[Heartbeat, str]:
    """A new heartbeat, its alarm, and the key of its link, which cannot be shown again. Raises HeartbeatError."""
    row = Heartbeat(platform=platform, key=key, created_at=at, expected_since=at, **_checked(platform.pk, values))
    _check(row, at)
    secret, row.key_hash = key_new()
    match = {"platform": platform, "origin": AlarmOrigin.HEARTBEAT, "key": key}
    try:
        with transaction.atomic():
            row.alarm = Alarm.objects.create(**match, since=at, **_alarm_values(row))
            row.save(force_insert=True)
    except IntegrityError as error:
        raise HeartbeatError(f"{platform.name} has a heartbeat {key}.") from error
    _audit(by, at, row, "added")
    return row, secret


@transaction.atomic
def heartbeat_change(
    *, by: Actor, at: datetime, heartbeat: Heartbeat, expected: int, values: Mapping[str, Any]
) -> Heartbeat:
    """Change, pause or go on with a heartbeat; its beats stay. What it expects anew counts from now on.

    Raises HeartbeatError, VersionConflictError.
    """
    columns = _checked(heartbeat.platform_id, values)
    wanted = Heartbeat.objects.select_related("service", "severity__scheme", "platform", "alarm").get(pk=heartbeat.pk)
    before, was_enabled = [getattr(wanted, name) for name in EXPECTS], wanted.enabled
    for name, value in columns.items():
        setattr(wanted, name, value)
    if wanted.enabled:
        wanted.paused_reason = columns["paused_reason"] = ""
    _check(wanted, at)
    is_anew = [getattr(wanted, name) for name in EXPECTS] != before or (wanted.enabled and not was_enabled)
    if is_anew:
        columns |= {"expected_since": at, "look_at": at}
    heartbeat.update_versioned(expected=expected, **columns)
    Alarm.objects.filter(pk=wanted.alarm_id).update(**_alarm_values(wanted), version=F("version") + 1)
    if is_anew or not wanted.enabled:
        reason = "What is expected of it is new." if wanted.enabled else f"It is paused: {wanted.paused_reason}"
        Alarm.objects.filter(pk=wanted.alarm_id).update(fetched_at=None, evaluated_until=None)
        alarm_transition(alarm=wanted.alarm, to_state=AlarmState.UNKNOWN, at=at, recorded_at=at, reason=reason)
    _audit(by, at, heartbeat, "changed", enabled=wanted.enabled)
    heartbeat.refresh_from_db()
    return heartbeat


@transaction.atomic
def heartbeat_rotate(*, by: Actor, at: datetime, heartbeat: Heartbeat, expected: int) -> str:
    """A new key, shown once; the link before it goes on working for a day. Raises VersionConflictError."""
    key, columns = key_changed(heartbeat)
    heartbeat.update_versioned(expected=expected, **columns)
    _audit(by, at, heartbeat, "rotated")
    return key


def _audit(by: Actor, at: datetime, row: Heartbeat, done: str, **data: object) -> None:
    record(
        by=by,
        at=at,
        verb=f"monitoring.heartbeat.{done}",
        obj_kind="monitoring.heartbeat",
        obj_id=row.pk,
        platform_id=row.platform_id,
        data={"key": row.key, **data},
    )


def heartbeats_postpone(*, at: datetime) -> int:
    """Give what fell due while the portal was away its grace from now on, a minute at least; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE, {"at": at, "least": LEAST_WAIT})
        return int(cursor.rowcount)


def heartbeats_judge(*, at: datetime) -> int:
    """Judge what was heard of or fell due, each in a transaction of its own; returns how many this pass judged.

    The row's lock is the claim: another copy goes past it, and a pass that is killed has judged nothing.
    """
    due = Heartbeat.objects.filter(enabled=True, look_at__lte=at).order_by("look_at", "pk")
    return sum(_judge_alone(pk, at) for pk in due.values_list("pk", flat=True)[:AT_ONCE])


def _judge_alone(pk: int, at: datetime) -> bool:
    """One that cannot be judged holds up no other; it is shown as not judged, and tried again."""
    try:
        return _judge(pk, at)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        logger.exception("monitoring.heartbeat.failed", heartbeat=pk)
        return False


@transaction.atomic
def _judge(pk: int, at: datetime) -> bool:
    rows = Heartbeat.objects.select_for_update(skip_locked=True, no_key=True)
    row = rows.filter(pk=pk, enabled=True, look_at__lte=at).first()
    if row is None:
        return False
    try:
        found = judge(row.expectation, row.heard, at)
    except RuleError as error:
        found = Judgement(UNKNOWN, at, str(error))
    Heartbeat.objects.filter(pk=pk).update(look_at=found.look_at)
    alarm = Alarm.objects.get(pk=row.alarm_id)
    Alarm.objects.filter(pk=alarm.pk).update(fetched_at=at, evaluated_until=found.look_at)
    failpoint("monitoring.heartbeat_judged")
    if found.state != alarm.state:
        reason, data = _why(row, found)
        alarm_transition(alarm=alarm, to_state=found.state, at=found.at, recorded_at=at, reason=reason, data=data)
    return True


def _why(row: Heartbeat, found: Judgement) -> tuple[str, dict[str, Any]]:
    """The reason in words, and what it was judged by."""
    newest = row.beats.order_by("-pk").first()
    reason = found.reason
    if found.state == ALARM and newest is not None and newest.word == BeatWord.FAIL and newest.exit_code is not None:
        reason = f"{reason} Exit code {newest.exit_code}."
    return reason, {"heartbeat": row.key, "expects": row.cron or row.every_seconds, "zone": row.zone}


def beats_forget(*, at: datetime, limit: int = 5_000) -> int:
    """Let go of beats older than 90 days, and of those beyond the newest of each heartbeat; returns how many.

    At most `limit` of the old ones, and as many of each heartbeat, go at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"before": at - KEPT_FOR, "kept": MOST_KEPT, "limit": limit})
        return int(cursor.rowcount)
