"""Keeping the auditor's findings, and setting parked messages free."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.health.models import Finding
from opsportal.notifications import delivery
from opsportal.notifications.models import OutboxMessage
from opsportal.notifications.services import WAKE_OUTBOX
from opsportal.schedule.wake import wake


def findings_replace(*, found: Sequence[Finding]) -> None:
    """Put these findings in place of the last ones."""
    with transaction.atomic():
        Finding.objects.all().delete()
        Finding.objects.bulk_create(found)


def message_release(*, by: Actor, at: datetime, message_id: int) -> bool:
    """Let a parked message go again from the start, on record; returns whether it was parked."""
    with transaction.atomic():
        message = OutboxMessage.objects.filter(pk=message_id).first()
        if message is None or not delivery.message_release(message_id=message_id):
            return False
        wake(WAKE_OUTBOX)
        record(
            by=by,
            at=at,
            verb="notifications.message.released",
            obj_kind="outbox_message",
            obj_id=message_id,
            platform_id=message.platform_id,
        )
    return True
