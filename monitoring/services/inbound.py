"""Messages of outside sources: stored by the request that brings them, judged by the dispatcher.

The request does nothing but one statement, so that a storm is stored as fast as PostgreSQL commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from monitoring.intake import parsers, sns
from monitoring.intake.alerts import AlertIn, ParseError
from monitoring.intake.certificates import signing_key
from monitoring.intake.deployments import gitlab
from monitoring.intake.deployments.parsers import PARSERS, SIGNED
from monitoring.intake.deployments.told import Told
from monitoring.models import AlertSource, InboundMessage, InboundVerdict, SnsTopic, SourceKind, TopicState
from monitoring.services.alerts import Count, Incoming, alerts_apply
from monitoring.services.deployments import BY, Shipped, deployments_apply, deployments_record
from monitoring.services.senders import require_sender, token_print
from monitoring.services.topics import topic_ask, topic_seen
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.core.refusals import RefusedError
from opsportal.schedule.wake import WAKE_CHANNEL, wake

CHANNEL: Final = "intake"
MOST_BYTES: Final = 262_144
TEST_HEADER: Final = "x-opsportal-test"  # never taken from outside
KEPT_HEADERS: Final = ("content-type", "user-agent", "x-amz-sns-message-id", "x-amz-sns-message-type",
                       "x-amz-sns-rawdelivery", "x-amz-sns-topic-arn", "x-github-delivery", "x-github-event",
                       "x-gitlab-event", "x-hub-signature-256")  # fmt: skip
BATCH: Final = 200
KEPT_FOR: Final = timedelta(days=14)
MOST_KEPT: Final = 10_000  # of each source
TRIES: Final = 8
# Two links at most fit: the one in force and the one before it. A storm wakes the dispatcher once: NOTIFY is
# serialised by PostgreSQL at commit, and who works already goes on by itself.
_STORE: Final = f"""
WITH source AS (
    SELECT id, platform_id, enabled FROM monitoring_alertsource
    WHERE kind = %(kind)s
      AND (key_hash = %(key)s OR (old_key_hash = %(key)s AND old_key_until > %(real)s))
    LIMIT 1
), idle AS (
    SELECT NOT EXISTS (SELECT 1 FROM monitoring_inboundmessage WHERE verdict = 'waiting') AS is_idle
), stored AS (
    INSERT INTO monitoring_inboundmessage
        (source_id, platform_id, received_at, headers, body, verdict, reason, alerts, repeats, topic, attempts)
    SELECT id, platform_id, %(at)s, %(headers)s::jsonb, %(body)s,
           CASE WHEN enabled THEN 'waiting' ELSE 'paused' END, '', 0, 0, '', 0
    FROM source
    RETURNING id, verdict
)
SELECT stored.id, CASE WHEN idle.is_idle AND stored.verdict = 'waiting'
    THEN pg_notify('{WAKE_CHANNEL}', '{CHANNEL}')::text END
FROM stored, idle
"""  # noqa: S608 - our own constants

logger = structlog.get_logger(__name__)


def message_store(*, kind: str, key: bytes, headers: Mapping[str, str], body: bytes, at: datetime) -> int | None:
    """Store a message of the source that this link belongs to, committed; its id, or None when no source has it."""
    kept = {name: headers[name].replace("\x00", "")[:400] for name in KEPT_HEADERS if name in headers}
    if gitlab.TOKEN in headers:
        kept[gitlab.TOKEN] = token_print(headers[gitlab.TOKEN])  # a secret is no part of the record
    values: dict[str, str | bytes | datetime] = {
        "kind": kind, "key": key, "real": real_now(), "at": at, "headers": orjson.dumps(kept).decode(), "body": body,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_STORE, values)
        row = cursor.fetchone()
    return int(row[0]) if row else None


class ReplayError(RefusedError):
    """Nothing was changed; the text is a sentence for the person who asked."""


@transaction.atomic
def message_replay(*, by: Actor, at: datetime, message: InboundMessage) -> InboundMessage:
    """Judge a message anew, as of when it came; the first verdict stays. What was accepted is known already.

    Raises ReplayError while its source is paused.
    """
    first = message.replay_of or message
    if not AlertSource.objects.filter(pk=first.source_id, enabled=True).exists():
        raise ReplayError("The source is paused, the message is kept. Go on with the source, then judge it again.")
    again = InboundMessage.objects.create(
        source_id=first.source_id,
        platform_id=first.platform_id,
        received_at=at,
        headers=first.headers,
        body=bytes(first.body),
        replay_of=first,
        replayed_by_id=by.user_id,
    )
    wake(CHANNEL)
    record(
        by=by,
        at=at,
        verb="monitoring.inbound.replayed",
        obj_kind="monitoring.inboundmessage",
        obj_id=first.pk,
        platform_id=first.platform_id,
        data={"replay": again.pk},
    )
    return again


@dataclass(slots=True)
class Reading:
    """A message and what it turned out to be, before anything is written."""

    message: InboundMessage
    verdict: str = InboundVerdict.ACCEPTED
    reason: str = ""
    topic: str = ""
    alerts: list[AlertIn] = field(default_factory=list)
    deployments: list[Told] = field(default_factory=list)
    token: str = ""  # of a subscription that is to be confirmed
    is_tried_again: bool = False

    @property
    def came_at(self) -> datetime:
        first = self.message.replay_of
        return first.received_at if first is not None else self.message.received_at

    @property
    def is_test(self) -> bool:
        return TEST_HEADER in self.message.headers


def inbound_judge(*, at: datetime, key_of: sns.KeyOf | None = None) -> int:
    """Judge the oldest messages that wait; returns how many. Asks SNS for a certificate before any lock is held."""
    waiting = InboundMessage.objects.filter(verdict=InboundVerdict.WAITING).exclude(not_before__gt=real_now())
    messages = list(waiting.select_related("source__severity", "source__platform", "replay_of").order_by("pk")[:BATCH])
    if not messages:
        return 0
    readings = [reading_of(message, key_of=key_of or signing_key) for message in messages]
    failpoint("monitoring.intake.read")
    try:
        return _settle(readings, at=at)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        # One message must not hold up the others: each by itself, and the one that cannot be settled says so.
        logger.exception("monitoring.intake.batch_failed", messages=len(readings))
        return sum(_settle_alone(reading, at=at) for reading in readings)


def _settle_alone(reading: Reading, *, at: datetime) -> int:
    try:
        return _settle([reading], at=at)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        logger.exception("monitoring.intake.message_failed", message=reading.message.pk)
        failed = Reading(reading.message, InboundVerdict.FAILED, f"The portal failed at it: {type(error).__name__}.")
        return _settle([failed], at=at)


def reading_of(message: InboundMessage, *, key_of: sns.KeyOf) -> Reading:
    """Who sent it and what it says. Never raises for what a message holds."""
    reading, source = Reading(message), message.source
    body, headers = bytes(message.body), message.headers
    try:
        if source.kind == SourceKind.SNS and not reading.is_test:
            _prove(reading, body, headers, key_of=key_of)
        elif source.kind in SIGNED and not reading.is_test:
            require_sender(source, body, headers)
        if source.tells_of_deployments:
            reading.deployments = PARSERS[source.kind](body, headers)
        elif reading.verdict == InboundVerdict.ACCEPTED:
            sent = {**headers, sns.RAW_HEADER: "true"} if reading.is_test else headers
            reading.alerts = parsers.parse(source.kind, body, sent, fields=source.mapping.get("fields", {}))
    except ParseError as error:
        reading.verdict, reading.reason = InboundVerdict.UNREADABLE, str(error)
    except sns.ForgedError as error:
        reading.verdict, reading.reason = InboundVerdict.REFUSED, str(error)
    except sns.SignerUnreachableError as error:
        reading.is_tried_again = message.attempts + 1 < TRIES
        reading.verdict = InboundVerdict.WAITING if reading.is_tried_again else InboundVerdict.REFUSED
        reading.reason = f"Its certificate could not be had: {error}"
    except Exception as error:
        logger.exception("monitoring.intake.parser_failed", message=message.pk)
        reading.verdict, reading.reason = InboundVerdict.FAILED, f"The parser failed: {type(error).__name__}."
    return reading


def _prove(reading: Reading, body: bytes, headers: Mapping[str, str], *, key_of: sns.KeyOf) -> None:
    """Raises ForgedError, ParseError, SignerUnreachableError; a topic nobody allowed is held."""
    source = reading.message.source
    if sns.is_raw(headers):
        if not source.takes_raw:
            raise sns.ForgedError("Raw delivery is not signed, and this source does not take it.")
        reading.topic = headers.get("x-amz-sns-topic-arn", "")[:300]
        if sns.ARN.fullmatch(reading.topic) is None:
            raise sns.ForgedError("A raw delivery names its topic in the header x-amz-sns-topic-arn.")
    else:
        envelope = sns.envelope_of(body)
        sns.verify(envelope, headers, at=reading.came_at, key_of=key_of)
        reading.topic = envelope.topic
        if envelope.kind == sns.SUBSCRIPTION:
            reading.token = envelope.token
        if envelope.kind != sns.NOTIFICATION:
            reading.verdict = InboundVerdict.CONFIRMED
    state = SnsTopic.objects.filter(source=source, arn=reading.topic).values_list("state", flat=True).first()
    if state == TopicState.REFUSED:
        raise sns.ForgedError("An admin refused this topic.")
    if state != TopicState.ALLOWED:
        reading.verdict, reading.reason = InboundVerdict.HELD, "Its topic waits for an admin's approval."


@transaction.atomic
def _settle(readings: Sequence[Reading], *, at: datetime) -> int:
    """Write what the messages mean, each once: those another dispatcher has or had are left out."""
    asked = [reading.message.pk for reading in readings]
    rows = InboundMessage.objects.select_for_update(skip_locked=True).filter(
        pk__in=asked, verdict=InboundVerdict.WAITING
    )
    mine = set(rows.order_by("pk").values_list("pk", flat=True))
    own = _unpaused([reading for reading in readings if reading.message.pk in mine])
    shipped = [
        Shipped(reading.message.source, reading.message.pk, reading.came_at, reading.deployments)
        for reading in own if reading.deployments and not reading.is_test
    ]  # fmt: skip
    told, changed_rows = deployments_apply(shipped)  # first, for it holds platforms
    real = [reading for reading in own if reading.alerts and not reading.is_test]
    counts = alerts_apply(
        [
            Incoming(
                source=reading.message.source,
                message_id=reading.message.pk,
                name_id=reading.message.replay_of_id or reading.message.pk,
                received_at=reading.came_at,
                alerts=reading.alerts,
            )
            for reading in real
        ],
        at=at,
    )
    counts |= told
    failpoint("monitoring.intake.applied")
    for reading in own:
        _note_topic(reading, at)
    changed = [_judged(reading, counts.get(reading.message.pk), at) for reading in own]
    columns = ["verdict", "reason", "alerts", "repeats", "topic", "judged_at", "attempts", "not_before"]
    InboundMessage.objects.bulk_update(changed, columns)
    deployments_record(changed_rows, by=BY, at=at)
    return sum(not reading.is_tried_again for reading in own)


def _unpaused(readings: Sequence[Reading]) -> list[Reading]:
    """The readings; of a source paused since they came, nothing but that they are kept. Who pauses it now, waits."""
    sources = AlertSource.objects.filter(pk__in={reading.message.source_id for reading in readings}).order_by("pk")
    going = dict(sources.select_for_update(no_key=True).values_list("pk", "enabled"))
    return [
        reading if going[reading.message.source_id] or reading.is_test
        else Reading(reading.message, InboundVerdict.PAUSED)
        for reading in readings
    ]  # fmt: skip


def _note_topic(reading: Reading, at: datetime) -> None:
    if not reading.topic or reading.verdict not in (InboundVerdict.HELD, InboundVerdict.CONFIRMED):
        return
    topic = topic_seen(source=reading.message.source, arn=reading.topic, at=at)
    if reading.verdict == InboundVerdict.CONFIRMED and reading.token:
        topic_ask(topic=topic, token=reading.token)
        reading.reason = "The subscription is being confirmed."
    elif reading.verdict == InboundVerdict.CONFIRMED:
        reading.reason = "The subscription was ended at SNS."


def _judged(reading: Reading, count: Count | None, at: datetime) -> InboundMessage:
    """The message with its verdict."""
    message = reading.message
    message.verdict, message.reason, message.topic = reading.verdict, reading.reason[:300], reading.topic
    message.judged_at = None if reading.is_tried_again else at
    if reading.is_tried_again:
        message.attempts += 1
        message.not_before = real_now() + timedelta(seconds=15 * 2**message.attempts)
    understood = [alert.title for alert in reading.alerts] + [one.label for one in reading.deployments]
    if reading.is_test and understood:
        message.reason = f"A try: understood as “{understood[0]}”. No alarm was moved, nothing was counted."[:300]
    if count is not None:
        message.alerts, message.repeats = count.new, count.repeats
        if count.new == 0:
            message.verdict = InboundVerdict.REPEAT
    return message


def inbound_purge(*, at: datetime, limit: int = 2_000) -> int:
    """Let go of messages past their time, and of those beyond the newest of each source; returns how many."""
    judged = InboundMessage.objects.exclude(verdict=InboundVerdict.WAITING)
    gone = _delete(judged.filter(received_at__lt=at - KEPT_FOR).order_by("pk").values_list("pk", flat=True)[:limit])
    for source_id in AlertSource.objects.order_by("pk").values_list("pk", flat=True):
        of_source = InboundMessage.objects.filter(source=source_id).order_by("-pk").values_list("pk", flat=True)
        last = of_source[MOST_KEPT : MOST_KEPT + 1].first()
        if last is not None:
            beyond = judged.filter(source=source_id, pk__lte=last).order_by("pk").values_list("pk", flat=True)
            gone += _delete(beyond[:limit])
    return gone


def _delete(pks: Iterable[int]) -> int:
    found = list(pks)
    return InboundMessage.objects.filter(pk__in=found).delete()[0] if found else 0
