"""The loops that carry the outbox out and forget what is long done."""

import time
from datetime import datetime

from opsportal.notifications.delivery import PASS_SECONDS, claim_messages, forget_old, send_claimed
from opsportal.notifications.models import Channel
from opsportal.schedule.loops import loop


@loop(name="notifications.outbox", every=2.0, limit=30.0, channel="outbox")
def deliver_outbox(_now: datetime) -> int:
    """Mail."""
    return _deliver(Channel.EMAIL)


@loop(name="notifications.webhooks", every=2.0, limit=30.0, channel="outbox")
def deliver_webhooks(_now: datetime) -> int:
    """Webhooks, in a lane of their own: no receiver that is slow keeps a mail waiting."""
    return _deliver(Channel.WEBHOOK)


def _deliver(channel: Channel) -> int:
    done, until = 0, time.monotonic() + PASS_SECONDS
    while time.monotonic() < until:
        messages = claim_messages(channel=channel)
        if not messages:
            break
        send_claimed(messages, until=until)
        done += len(messages)
    return done


@loop(name="notifications.retention", every=600.0, limit=30.0)
def forget_old_messages(now: datetime) -> int:
    return forget_old(now=now)
