"""The watchers: checkpoints to the anchor, invariants, and the ping to the outside while all is well."""

from datetime import datetime
from typing import Final

import structlog
from django.conf import settings

from opsportal.audit.checkpoints import write_due_checkpoints
from opsportal.core.clock import real_now
from opsportal.health.models import Finding
from opsportal.health.services import findings_replace
from opsportal.schedule.invariants import MAX_FINDINGS, invariants
from opsportal.schedule.loops import loop
from opsportal.schedule.selectors import loop_health
from opsportal.targets.http import TargetError, fetch

logger = structlog.get_logger(__name__)
HEARTBEAT_EVERY: Final = 20.0


class HeartbeatError(Exception):
    """The outbound heartbeat could not be delivered."""


@loop(name="audit.checkpoints", every=10.0, limit=30.0)
def write_checkpoints(_now: datetime) -> int:
    return write_due_checkpoints()


@loop(name="health.invariants", every=60.0, limit=30.0)
def prove_invariants(_now: datetime) -> int:
    """Run every registered check; each has the loop's statement time-out, so a slow one fails and shows."""
    at = real_now()
    found: list[Finding] = []
    for name, check in invariants().items():
        try:
            texts = check()[:MAX_FINDINGS]
        except Exception as error:
            logger.warning("health.invariant_failed", invariant=name, exc_info=True)
            texts = [f"This check could not run: {type(error).__name__}: {error}"]
        found += [Finding(invariant=name, text=text[:300], found_at=at) for text in texts]
    findings_replace(found=found)
    return 0


@loop(name="health.heartbeat", every=HEARTBEAT_EVERY, limit=15.0)
def send_heartbeat(_now: datetime) -> int:
    """Ping HEARTBEAT_URL, but only while every loop is well: silence is the alarm."""
    if not settings.HEARTBEAT_URL:
        return 0
    ill = [item.name for item in loop_health() if not item.is_well]
    if ill:
        logger.warning("health.heartbeat_withheld", loops=ill)
        return 0
    try:
        answer = fetch(purpose="heartbeat", url=settings.HEARTBEAT_URL)
    except TargetError as error:
        raise HeartbeatError(str(error)) from error
    if answer.status >= 400:
        raise HeartbeatError(f"HEARTBEAT_URL answered {answer.status}.")
    return 0
