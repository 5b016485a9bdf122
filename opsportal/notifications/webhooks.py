"""Telling other programs: which events there are, who asked for them, and the outbox rows that tell them."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction

from opsportal.audit.services import record, text_digest
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.refusals import RefusedError
from opsportal.notifications.models import Channel, OutboxMessage, Webhook
from opsportal.notifications.services import WAKE_OUTBOX, is_muted
from opsportal.notifications.signing import new_secret, sealed
from opsportal.platforms.models import Platform
from opsportal.schedule.wake import wake

PING: Final = "webhook.ping"
BOTH_SIGN_FOR: Final = timedelta(hours=24)
_events: dict[str, str] = {}


class WebhookError(RefusedError):
    """Nothing was changed; the text is a sentence for the person who asked."""


def register_events(events: Mapping[str, str]) -> None:
    """Let webhooks ask for these: name → what has happened then. From AppConfig.ready."""
    _events.update(events)


def events() -> Mapping[str, str]:
    """Every event a webhook may ask for."""
    return dict(_events)


def announce(*, event: str, key: str, platform_id: int, at: datetime, data: Callable[[], Mapping[str, Any]]) -> int:
    """Tell every active webhook of the platform that asked for `event`, in the caller's transaction.

    `key` names what happened; `data` is asked only when somebody listens. Returns how many will be told.
    """
    if is_muted():
        return 0
    listening = list(Webhook.objects.filter(platform_id=platform_id, is_active=True, events__contains=[event]))
    if listening:
        _enqueue(listening, event=event, key=key, at=at, data=data())
    return len(listening)


def _enqueue(webhooks: Sequence[Webhook], *, event: str, key: str, at: datetime, data: Mapping[str, Any]) -> None:
    now = real_now()
    body = json.dumps({"event": event, "key": key, "at": at.isoformat(), "data": data}, default=str)
    rows = [
        OutboxMessage(
            key=f"{key}:{webhook.target}", kind=event, channel=Channel.WEBHOOK, platform_id=webhook.platform_id,
            target=webhook.target, subject=event, body=body, at=at, created_at=now, not_before=now,
        )
        for webhook in webhooks
    ]  # fmt: skip
    OutboxMessage.objects.bulk_create(rows, ignore_conflicts=True)
    wake(WAKE_OUTBOX)


def _check(url: str, asked: Sequence[str]) -> list[str]:
    """The events in order, once each. Raises WebhookError."""
    import httpx  # only who names an address loads it

    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise WebhookError(f"This is no address: {error}.") from error
    plain = parts.scheme == "http" and not settings.LOCAL
    if parts.scheme not in ("http", "https") or not parts.host or parts.userinfo or plain:
        raise WebhookError("A webhook's address is https:// with a host, and no sign-in in it.")
    if not asked or not set(asked) <= set(_events):
        raise WebhookError("Choose at least one event.")
    return sorted(set(asked))


def _record(webhook: Webhook, verb: str, *, by: Actor, at: datetime) -> None:
    record(
        by=by,
        at=at,
        verb=f"notifications.webhook.{verb}",
        obj_kind="webhook",
        obj_id=webhook.pk,
        platform_id=webhook.platform_id,
        data={
            "url": text_digest(webhook.url, salt=f"webhook:{webhook.pk}"),
            "events": webhook.events,
            "is_active": webhook.is_active,
        },
    )


@transaction.atomic
def webhook_add(
    *, by: Actor, at: datetime, platform: Platform, name: str, url: str, events: Sequence[str]
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which cannot be shown again. Raises WebhookError."""
    secret, wanted = new_secret(), _check(url, events)
    try:
        with transaction.atomic():
            webhook = Webhook.objects.create(
                platform=platform, name=name, url=url, events=wanted, secret=sealed(secret), created_at=at
            )
    except IntegrityError as error:
        raise WebhookError(f"{platform.name} has a webhook of this name.") from error
    _record(webhook, "added", by=by, at=at)
    return webhook, secret


@transaction.atomic
def webhook_change(
    *,
    by: Actor,
    at: datetime,
    webhook: Webhook,
    expected: int,
    name: str,
    url: str,
    events: Sequence[str],
    is_active: bool,
) -> Webhook:
    """Change where it goes and what it is told. Raises WebhookError, VersionConflictError."""
    wanted = _check(url, events)
    try:
        with transaction.atomic():
            webhook.update_versioned(expected=expected, name=name, url=url, events=wanted, is_active=is_active)
    except IntegrityError as error:
        raise WebhookError("The platform has another webhook of this name.") from error
    _record(webhook, "changed", by=by, at=at)
    return webhook


@transaction.atomic
def webhook_rotate(*, by: Actor, at: datetime, webhook: Webhook, expected: int) -> str:
    """A new secret, shown once; the one before it goes on signing for a day. Raises VersionConflictError."""
    secret = new_secret()
    webhook.update_versioned(
        expected=expected,
        secret=sealed(secret),
        old_secret=bytes(webhook.secret),
        old_secret_until=real_now() + BOTH_SIGN_FOR,
    )
    _record(webhook, "rotated", by=by, at=at)
    return secret


@transaction.atomic
def webhook_remove(*, by: Actor, at: datetime, webhook: Webhook, expected: int) -> None:
    """What still waits for it is parked. Raises VersionConflictError."""
    webhook.update_versioned(expected=expected, is_active=False)
    _record(webhook, "removed", by=by, at=at)
    webhook.delete()


@transaction.atomic
def webhook_ping(*, by: Actor, at: datetime, webhook: Webhook) -> None:
    """Send one message that says hello, so that the receiver can be tried."""
    key = f"{PING}:{real_now().isoformat()}"
    _enqueue([webhook], event=PING, key=key, at=at, data={"webhook": webhook.name, "by": by.name})
    _record(webhook, "pinged", by=by, at=at)
