"""What the ledger and the pulses say, for pages, health and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, QuerySet

from opsportal.core.clock import real_now
from opsportal.schedule.loops import Loop, loops
from opsportal.schedule.models import LoopPulse, Run, RunState

PULSE_GRACE: Final = 20.0  # four pulses missed


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One loop as the portal sees it; `state` is ok, failing (it runs, but every pass fails), dead or unseen."""

    name: str
    state: str
    every: float
    pulse_at: datetime | None
    ok_at: datetime | None
    items: int
    passes: int
    failures: int
    seconds: float
    last_error: str
    error_at: datetime | None
    holder: str

    @property
    def is_well(self) -> bool:
        return self.state == "ok"


def _state(loop: Loop, pulse: LoopPulse | None, now: datetime) -> str:
    if pulse is None:
        return "unseen"
    if now - pulse.pulse_at > timedelta(seconds=PULSE_GRACE):
        return "dead"
    fails = pulse.error_at is not None and (pulse.ok_at is None or pulse.ok_at < pulse.error_at)
    tolerated = timedelta(seconds=max(30.0, 3 * loop.every))
    if fails and (pulse.ok_at is None or now - pulse.ok_at > tolerated):
        return "failing"
    return "ok"


def loop_health() -> list[LoopHealth]:
    """Every registered loop with its pulse, by name; real time."""
    now = real_now()
    pulses: Mapping[str, LoopPulse] = {pulse.name: pulse for pulse in LoopPulse.objects.order_by("name")}
    return [_health(item, pulses.get(item.name), now) for item in loops().values()]


def _health(item: Loop, pulse: LoopPulse | None, now: datetime) -> LoopHealth:
    return LoopHealth(
        name=item.name,
        state=_state(item, pulse, now),
        every=item.every,
        pulse_at=pulse.pulse_at if pulse else None,
        ok_at=pulse.ok_at if pulse else None,
        items=pulse.items if pulse else 0,
        passes=pulse.passes if pulse else 0,
        failures=pulse.failures if pulse else 0,
        seconds=pulse.seconds if pulse else 0.0,
        last_error=pulse.last_error if pulse else "",
        error_at=pulse.error_at if pulse else None,
        holder=pulse.holder if pulse else "",
    )


def runs_by_state() -> dict[str, int]:
    """How many runs stand in each open or troubled state; ended runs are not counted, there are too many."""
    open_states = (RunState.DUE, RunState.RUNNING, RunState.UNKNOWN)
    counted = Run.objects.filter(state__in=open_states).order_by().values_list("state").annotate(n=Count("pk"))
    return {str(state): 0 for state in open_states} | dict(counted)


def recent_runs(key: str) -> QuerySet[Run]:
    """The runs of one key, latest first."""
    return Run.objects.filter(key=key).order_by("-slot_utc", "-pk")
