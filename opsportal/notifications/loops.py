"""The loops that carry the outbox out and forget what is long done."""

import time
from datetime import datetime

from opsportal.notifications.delivery import PASS_SECONDS, claim_messages, forget_old, send_claimed
from opsportal.schedule.loops import loop


@loop(name="notifications.outbox", every=2.0, limit=30.0, channel="outbox")
def deliver_outbox(_now: datetime) -> int:
    done, started = 0, time.monotonic()
    while time.monotonic() - started < PASS_SECONDS:
        messages = claim_messages()
        if not messages:
            break
        send_claimed(messages)
        done += len(messages)
    return done


@loop(name="notifications.retention", every=600.0, limit=30.0)
def forget_old_messages(now: datetime) -> int:
    return forget_old(now=now)
