"""The outbox's way out: claim, send, mark. Never marked before it is sent, so a crash repeats and never loses.

A repeat carries the same key (header `Idempotency-Key`, Message-ID), so a receiver can drop it. A message that keeps
failing is tried again with growing pauses and then parked, where the portal-health page shows it.
"""

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q

from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.notifications.models import Channel, Notice, OutboxMessage
from opsportal.notifications.transports import TransportError, deliver
from opsportal.schedule.holding import holder

logger = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=12)  # renewed before each message; what a killed process held goes out within 15 s
BATCH: Final = 10
LOOK_AT: Final = 200  # due messages to webhooks, to find so many different receivers
BACK_OFF: Final = (5, 15, 60, 300, 900, 3600)  # seconds after attempt 1, 2, 3, …
MAX_ATTEMPTS: Final = 8
PASS_SECONDS: Final = 20.0
KEEP_FOR: Final = timedelta(days=90)
PURGE_BATCH: Final = 1000


def claim_messages(*, channel: str = Channel.EMAIL, limit: int = BATCH) -> list[OutboxMessage]:
    """Take up to `limit` messages of a channel that are due and unheld; nobody else gets them while the lease runs.

    Of webhooks one for each receiver: one that does not answer holds back only itself.
    """
    now = real_now()
    with transaction.atomic():
        free = OutboxMessage.objects.select_for_update(skip_locked=True).filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            sent_at=None,
            parked_at=None,
            not_before__lte=now,
            channel=channel,
        )
        due = free.order_by("not_before", "pk").values_list("pk", "target")
        if channel == Channel.WEBHOOK:
            first: dict[str, int] = {}
            for pk, target in due[:LOOK_AT]:
                first.setdefault(target, pk)
            chosen = list(first.values())[:limit]
        else:
            chosen = [pk for pk, _target in due[:limit]]
        if not chosen:
            return []
        OutboxMessage.objects.filter(pk__in=chosen).update(
            lease_until=now + LEASE, holder=holder()[:120], fence=F("fence") + 1
        )
        return list(OutboxMessage.objects.filter(pk__in=chosen).order_by("not_before", "pk"))


def _held_update(message: OutboxMessage, **changes: object) -> bool:
    held = OutboxMessage.objects.filter(pk=message.pk, fence=message.fence, sent_at=None, parked_at=None)
    return held.update(**changes) == 1


def send_claimed(messages: Sequence[OutboxMessage], *, until: float = math.inf) -> int:
    """Send what was claimed; returns how many went out. A message whose lease was lost meanwhile is left alone.

    What is not begun before `until` (monotonic seconds) is given back: a pass has a limit, whoever answers slowly.
    """
    sent = 0
    for position, message in enumerate(messages):
        if time.monotonic() > until:
            for left in messages[position:]:
                _held_update(left, lease_until=None)
            break
        # The attempt counts where it is made: a batch that waited behind a slow mail server costs nothing.
        if not _held_update(message, lease_until=real_now() + LEASE, attempts=F("attempts") + 1):
            continue
        message.attempts += 1
        failpoint("outbox.before_send")
        try:
            deliver(message)
        except TransportError as error:
            _record_failure(message, error)
            continue
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:
            # One message that cannot even be tried must not stop those behind it.
            logger.exception("outbox.broken", message=message.pk, kind=message.kind)
            _record_failure(
                message, TransportError(f"It could not be sent: {type(error).__name__}.", is_permanent=False)
            )
            continue
        failpoint("outbox.after_send")
        # A mail about an account holds a live link, which nobody needs here once it is on its way.
        spent = {"body": ""} if message.kind.startswith("accounts.") else {}
        if _held_update(message, sent_at=real_now(), lease_until=None, last_error="", **spent):
            sent += 1
        failpoint("outbox.after_mark")
    return sent


def _record_failure(message: OutboxMessage, error: TransportError) -> None:
    text, now = str(error)[:500], real_now()
    if error.is_permanent or message.attempts >= MAX_ATTEMPTS:
        _held_update(message, parked_at=now, lease_until=None, last_error=text)
        logger.error("outbox.parked", message=message.pk, kind=message.kind, attempts=message.attempts, error=text)
        return
    wait = BACK_OFF[min(message.attempts - 1, len(BACK_OFF) - 1)]
    _held_update(message, not_before=now + timedelta(seconds=wait), lease_until=None, last_error=text)
    logger.warning("outbox.retry", message=message.pk, attempt=message.attempts, wait=wait, error=text)


def message_release(*, message_id: int) -> bool:
    """Let a parked message go again from the start; returns whether it was parked."""
    now = real_now()
    parked = OutboxMessage.objects.filter(pk=message_id, parked_at__isnull=False)
    return parked.update(parked_at=None, attempts=0, not_before=now, lease_until=None, fence=F("fence") + 1) == 1


def forget_old(*, now: datetime) -> int:
    """Delete messages sent and notices read longer ago than KEEP_FOR, a batch of each; returns how many went.

    Notices are read in business time, `now`; messages are sent in real time.
    """
    sent = OutboxMessage.objects.filter(sent_at__lt=real_now() - KEEP_FOR).order_by("pk").values("pk")[:PURGE_BATCH]
    read = Notice.objects.filter(read_at__lt=now - KEEP_FOR).order_by("pk").values("pk")[:PURGE_BATCH]
    messages, _ = OutboxMessage.objects.filter(pk__in=sent).delete()
    notices, _ = Notice.objects.filter(pk__in=read).delete()
    return messages + notices
