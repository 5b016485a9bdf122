"""Sources of outside alerts and their links: made, changed, rotated, tried; topics allowed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction

from monitoring.intake.mapping import MappingError, checked
from monitoring.intake.samples import sample_of
from monitoring.models import AlertSource, InboundMessage, InboundVerdict, SnsTopic, SourceKind, TopicState
from monitoring.services.alarms import alarms_release
from monitoring.services.inbound import CHANNEL, TEST_HEADER, message_replay
from monitoring.services.links import key_changed, key_new
from monitoring.services.senders import secret_new
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform, Service, Severity
from opsportal.schedule.wake import wake

_HELD_AGAIN: Final = 50  # messages of a topic that are judged anew once it is allowed


class AlertSourceError(RefusedError):
    """Nothing was changed; the text is a sentence for the person who asked."""


def _audit(row: AlertSource | SnsTopic, verb: str, *, by: Actor, at: datetime, **data: object) -> None:
    kind = str(row._meta.model_name)
    record(
        by=by,
        at=at,
        verb=f"monitoring.{verb}",
        obj_kind=f"monitoring.{kind}",
        obj_id=row.pk,
        platform_id=row.platform_id,
        data=data,
    )


def _checked(platform_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a source. Raises AlertSourceError."""
    found = dict(values)
    found["name"] = clean_text(str(found["name"])).strip()[:80]
    service, severity = found.get("service"), found.get("severity")
    if isinstance(service, Service) and service.platform_id != platform_id:
        raise AlertSourceError("The service is another platform's.")
    if isinstance(severity, Severity) and severity.scheme.platform_id != platform_id:
        raise AlertSourceError("The level is another platform's.")
    try:
        found["mapping"] = checked(found.get("mapping") or {})
    except MappingError as error:
        raise AlertSourceError(f"The mapping cannot be used: {error}") from error
    return found


@transaction.atomic
def source_add(
    *, by: Actor, at: datetime, platform: Platform, kind: str, values: Mapping[str, Any]
) -> tuple[AlertSource, str]:
    """A new source and the key of its link, which cannot be shown again. Raises AlertSourceError."""
    if kind not in SourceKind.values:
        raise AlertSourceError("There is no such kind of source.")
    columns = _checked(platform.pk, values)
    key, hashed = key_new()
    try:
        with transaction.atomic():
            source = AlertSource.objects.create(
                platform=platform, kind=kind, key_hash=hashed, created_at=at, secret=secret_new(kind), **columns
            )
    except IntegrityError as error:
        raise AlertSourceError(f"{platform.name} has a source of this name.") from error
    _audit(source, "alert_source.added", by=by, at=at, kind=kind)
    return source, key


@transaction.atomic
def source_change(
    *, by: Actor, at: datetime, source: AlertSource, expected: int, values: Mapping[str, Any]
) -> AlertSource:
    """Change what its alerts mean, or pause it: then messages are kept, and its alarms are nobody's word any more.

    Raises AlertSourceError, VersionConflictError.
    """
    columns = _checked(source.platform_id, values)
    was_enabled = source.enabled
    try:
        with transaction.atomic():
            source.update_versioned(expected=expected, **columns)
    except IntegrityError as error:
        raise AlertSourceError("The platform has another source of this name.") from error
    if was_enabled and not source.enabled:
        alarms_release(at=at, reason="Its source is paused.", platform=source.platform)
    _audit(source, "alert_source.changed", by=by, at=at, enabled=source.enabled)
    return source


@transaction.atomic
def source_rotate(*, by: Actor, at: datetime, source: AlertSource, expected: int) -> str:
    """A new key and secret, shown once; those before them go on working for a day. Raises VersionConflictError."""
    key, columns = key_changed(source)
    columns["secret"] = secret_new(source.kind, before=source.secret)
    source.update_versioned(expected=expected, **columns)
    _audit(source, "alert_source.rotated", by=by, at=at)
    return key


@transaction.atomic
def source_test(*, by: Actor, at: datetime, source: AlertSource) -> InboundMessage:
    """Put a sample of its kind among its messages: it is read and understood as ever, and moves no alarm."""
    message = InboundMessage.objects.create(
        source=source,
        platform_id=source.platform_id,
        received_at=at,
        headers={TEST_HEADER: "1"},
        body=sample_of(source.kind),
        verdict=InboundVerdict.WAITING if source.enabled else InboundVerdict.PAUSED,
        replayed_by_id=by.user_id,
    )
    wake(CHANNEL)
    _audit(source, "alert_source.tested", by=by, at=at, message=message.pk)
    return message


@transaction.atomic
def topic_decide(*, by: Actor, at: datetime, topic: SnsTopic, expected: int, is_allowed: bool) -> int:
    """Hear a topic, or not; what it sent meanwhile is judged anew. Returns how many messages that are.

    Raises VersionConflictError.
    """
    state = TopicState.ALLOWED if is_allowed else TopicState.REFUSED
    topic.update_versioned(
        expected=expected,
        state=state,
        decided_by_id=by.user_id,
        decided_at=at,
        **({} if is_allowed else {"confirm_token": ""}),
    )
    again = 0
    if is_allowed and topic.source.enabled:
        held = InboundMessage.objects.filter(source=topic.source_id, topic=topic.arn, verdict=InboundVerdict.HELD)
        newest = list(held.filter(replays=None).order_by("-pk")[:_HELD_AGAIN])
        for message in reversed(newest):
            message_replay(by=by, at=at, message=message)
        again = len(newest)
    _audit(topic, "sns_topic.decided", by=by, at=at, state=str(state), again=again)
    return again
