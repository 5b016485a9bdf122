"""The loops of the intake: messages judged, subscriptions confirmed, old messages let go."""

from datetime import datetime, timedelta
from typing import Final

from monitoring.models import InboundMessage, InboundVerdict
from monitoring.services.inbound import CHANNEL, inbound_judge, inbound_purge
from monitoring.services.topics import CONFIRM_CHANNEL, topics_confirm
from opsportal.core.clock import real_now
from opsportal.core.models import VersionConflictError
from opsportal.schedule.loops import loop

WAITS_AT_MOST: Final = timedelta(minutes=2)


@loop(name="monitoring.intake", every=1.0, limit=30.0, channel=CHANNEL)
def judge_inbound(now: datetime) -> int:
    return inbound_judge(at=now)


@loop(name="monitoring.intake-confirm", every=10.0, limit=30.0, channel=CONFIRM_CHANNEL)
def confirm_topics(now: datetime) -> int:
    try:
        return topics_confirm(at=now)
    except VersionConflictError:  # an admin decided in this moment; the next pass sees what
        return 0


@loop(name="monitoring.intake-purge", every=600.0, limit=30.0)
def purge_inbound(now: datetime) -> int:
    return inbound_purge(at=now)


def left_waiting() -> list[str]:
    """No message waits for minutes, unless it is tried again later."""
    waiting = InboundMessage.objects.filter(verdict=InboundVerdict.WAITING, not_before=None)
    oldest = waiting.order_by("pk").values_list("stored_at", flat=True).first()
    if oldest is None or oldest >= real_now() - WAITS_AT_MOST:
        return []
    return [f"{waiting.count()} messages of outside sources wait to be judged."]
