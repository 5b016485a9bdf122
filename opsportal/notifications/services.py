"""Telling people: rows in the caller's transaction; the dispatcher carries them out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.notifications.models import Channel, Notice, OutboxMessage
from opsportal.platforms.models import Membership
from opsportal.schedule.wake import wake

WAKE_OUTBOX: Final = "outbox"
SUBJECT_LENGTH: Final = 200
_is_muted: ContextVar[bool] = ContextVar("notifications_muted", default=False)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person: told inside the portal when `user_id` is given, by mail when `email` is."""

    user_id: int | None
    email: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """The active members of a platform who hold one of these roles (none given: every role)."""

    platform_id: int
    roles: tuple[str, ...] = ()


def people(*user_ids: int) -> list[Recipient]:
    """These people with their addresses; inactive ones are left out."""
    found = User.objects.filter(pk__in=user_ids, is_active=True).order_by("pk").values_list("pk", "email")
    return [Recipient(pk, email) for pk, email in found]


def members(audience: Audience) -> list[Recipient]:
    """The people an audience stands for now."""
    rows = Membership.objects.filter(platform_id=audience.platform_id, user__is_active=True)
    if audience.roles:
        rows = rows.filter(role__in=audience.roles)
    return [Recipient(pk, email) for pk, email in rows.order_by("user_id").values_list("user_id", "user__email")]


@contextmanager
def muted() -> Iterator[None]:
    """Replaying the past tells nobody: no mail, and notices count as read."""
    token = _is_muted.set(True)
    try:
        yield
    finally:
        _is_muted.reset(token)


def is_muted() -> bool:
    """Whether the past is being replayed."""
    return _is_muted.get()


def notify(  # noqa: PLR0913 - a message has that many parts
    *,
    key: str,
    kind: str,
    to: Sequence[Recipient] | Audience,
    subject: str,
    body: str,
    url: str,
    group_key: str,
    at: datetime,
    platform_id: int | None,
) -> int:
    """Tell each recipient once, by notice and mail, in the caller's transaction; returns how many people.

    `key` names the event: telling it again writes nothing. `group_key` keeps one matter's messages together. `url` is
    a path of the portal. Without a way to send mail, only notices are written.
    """
    recipients = members(to) if isinstance(to, Audience) else list(to)
    # One subject line, whatever was typed: a line break would end the mail's header.
    title = " ".join(clean_text(subject).split())[:SUBJECT_LENGTH]
    text, silent, now = clean_text(body), _is_muted.get(), real_now()
    notices = [
        Notice(
            user_id=person.user_id, key=key, kind=kind, platform_id=platform_id, subject=title, body=text, url=url,
            group_key=group_key, at=at, read_at=at if silent else None,
        )
        for person in recipients
        if person.user_id is not None
    ]  # fmt: skip
    mails = [
        OutboxMessage(
            key=f"{key}:{person.user_id or person.email}:email", kind=kind, channel=Channel.EMAIL,
            user_id=person.user_id, platform_id=platform_id, target=person.email, subject=title, body=text, url=url,
            group_key=group_key, at=at, created_at=now, not_before=now,
        )
        for person in recipients
        if person.email and sends_mail() and not silent
    ]  # fmt: skip
    with transaction.atomic():
        Notice.objects.bulk_create(notices, ignore_conflicts=True)
        OutboxMessage.objects.bulk_create(mails, ignore_conflicts=True)
        if mails:
            wake(WAKE_OUTBOX)
        if not silent:
            for notice in notices:
                touch(f"notices:{notice.user_id}", 0)
    return len(recipients)


def sends_mail() -> bool:
    """Whether a mail would go anywhere: to the configured server, or to the demo's sink."""
    return bool(settings.EMAIL_CONFIGURED or settings.DEMO)


def mail_enqueue(
    *, key: str, kind: str, target: str, subject: str, body: str, at: datetime, user_id: int | None
) -> None:
    """Put one mail that concerns a single person (invitation, password reset) into the outbox.

    It is written even when no mail can be sent: it is then parked and shown, never silently dropped.
    """
    now = real_now()
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                key=key, kind=kind, channel=Channel.EMAIL, user_id=user_id, target=target,
                subject=" ".join(clean_text(subject).split())[:SUBJECT_LENGTH], body=clean_text(body),
                at=at, created_at=now, not_before=now,
            )
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    wake(WAKE_OUTBOX)


def notices_mark_read(*, by: Actor, at: datetime, notice_id: int | None = None) -> int:
    """Mark one notice of this person as read, or all of them; returns how many changed."""
    unread = Notice.objects.filter(user_id=by.user_id or 0, read_at=None)
    if notice_id is not None:
        unread = unread.filter(pk=notice_id)
    changed = unread.update(read_at=at)
    if changed:
        touch(f"notices:{by.user_id}", unread.aggregate(last=Max("pk"))["last"] or 0)
    return changed
