"""The loops of heartbeats: judge what was heard of or fell due, let old beats go."""

from datetime import datetime, timedelta
from typing import Final

from monitoring.services.heartbeats import beats_forget, heartbeats_judge, heartbeats_postpone
from opsportal.core.clock import real_now
from opsportal.schedule.loops import loop
from opsportal.schedule.models import LoopPulse

AWAY: Final = timedelta(seconds=60)


@loop(name="monitoring.heartbeats", every=2.0, limit=30.0)
def judge_due(now: datetime) -> int:
    """Judge; after an absence of the portal itself, whose fault a missing beat may be, wait for the next one first."""
    last = LoopPulse.objects.filter(name="monitoring.heartbeats").values_list("ok_at", flat=True).first()
    if last is not None and real_now() - last > AWAY:
        heartbeats_postpone(at=now)
    return heartbeats_judge(at=now)


@loop(name="monitoring.beat-retention", every=3600.0, limit=30.0)
def forget(now: datetime) -> int:
    beats_forget(at=now)
    return 0
