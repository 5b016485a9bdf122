"""The ledger's own loops: due slots in, due runs out to Celery, lost runs back, old runs away."""

from datetime import datetime

from opsportal.schedule.loops import loop
from opsportal.schedule.publish import hand_over
from opsportal.schedule.retention import prune_runs
from opsportal.schedule.services import ensure_slots, reap_runs


@loop(name="schedule.slots", every=1.0, limit=20.0, channel="slots")
def plan_due_slots(now: datetime) -> int:
    return ensure_slots(now=now)


@loop(name="schedule.hand-over", every=2.0, limit=30.0, channel="runs")
def hand_due_runs(_now: datetime) -> int:
    return hand_over()


@loop(name="schedule.reaper", every=2.0, limit=20.0)
def reap_lost_runs(_now: datetime) -> int:
    return reap_runs()


@loop(name="schedule.retention", every=600.0, limit=30.0)
def prune_old_runs(_now: datetime) -> int:
    return prune_runs()
