"""The past of the living shop: 92 days of faults, deployments, windows, drills and missed lists.

A pure function of a seed and the first day. The simulator lays the faults over its values; the first
start of the demo replays the same script through the portal's services. Both see one past.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

from opsportal.local.aws.catalogue import PLATFORMS, platform
from opsportal.local.aws.faults import Fault
from opsportal.local.aws.plot import PLOT, Plot

DAYS: Final = 92
DETAILED_DAYS: Final = 30
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class PastIncident:
    """One incident of the past. Minutes count from its start; `rank` is 1 (worst) to 5."""

    number: int
    platform: str
    service: str
    fault: str
    rank: int
    title: str
    cause: str
    remedy: str
    lesson: str
    starts_at: datetime
    minutes: int
    acknowledged_after: int
    mitigated_after: int
    reviewed_after_hours: int | None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class PastDeployment:
    """One deployment of a service. A bad one is followed by an incident and rolled back."""

    platform: str
    service: str
    version: str
    at: datetime
    outcome: Literal["succeeded", "rolled_back"]


@dataclass(frozen=True, slots=True)
class PastWindow:
    """A maintenance window that was held."""

    platform: str
    title: str
    starts_at: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class PastMiss:
    """A checklist of that day that nobody finished; `rhythm` is morning or evening."""

    platform: str
    rhythm: Literal["morning", "evening"]
    day: date


@dataclass(frozen=True, slots=True)
class PastDrill:
    """A recovery drill and what it measured, in minutes."""

    platform: str
    kind: Literal["restore", "failover"]
    at: datetime
    recovery_minutes: int
    data_loss_minutes: int


@dataclass(frozen=True, slots=True)
class Past:
    """The whole script, each part in order of time."""

    seed: int
    first_day: date
    incidents: tuple[PastIncident, ...]
    deployments: tuple[PastDeployment, ...]
    windows: tuple[PastWindow, ...]
    misses: tuple[PastMiss, ...]
    drills: tuple[PastDrill, ...]

    def faults(self) -> tuple[Fault, ...]:
        """Return the incidents' faults, for the simulator's values."""
        return tuple(Fault(i.fault, i.platform, i.starts_at, i.ends_at) for i in self.incidents)


def past(seed: int, first_day: date, days: int = DAYS) -> Past:
    """Return the script for that many days from 00:00 UTC of the first day on; the same for the same arguments."""
    dice = random.Random(f"{seed}/{first_day.isoformat()}/{days}")
    last_day = first_day + timedelta(days=days)
    plots = [plot for plot in PLOT if plot.days_ago <= days]
    incidents = tuple(_incident(dice, number, plot, last_day) for number, plot in enumerate(plots, start=1))
    return Past(
        seed=seed,
        first_day=first_day,
        incidents=incidents,
        deployments=_deployments(dice, first_day, days, plots, incidents),
        windows=_windows(first_day, days),
        misses=_misses(dice, last_day),
        drills=_drills(dice, first_day, days),
    )


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def _incident(dice: random.Random, number: int, plot: Plot, last_day: date) -> PastIncident:
    starts_at = _at(last_day - timedelta(days=plot.days_ago), plot.hour, dice.randrange(4, 50))
    acknowledged = dice.randrange(2, 6) if plot.rank == 1 else dice.randrange(3, 13)
    # The newest review is still being written, so that the demo shows one with its clock running.
    reviewed = dice.randrange(20, 46) if plot.days_ago > 2 and plot.rank <= 2 else None
    return PastIncident(
        number=number,
        platform=plot.platform,
        service=platform(plot.platform).services[0].name,
        fault=plot.fault,
        rank=plot.rank,
        title=plot.title,
        cause=plot.cause,
        remedy=plot.remedy,
        lesson=plot.lesson,
        starts_at=starts_at,
        minutes=plot.minutes,
        acknowledged_after=min(acknowledged, plot.minutes // 2),
        mitigated_after=max(plot.minutes - dice.randrange(2, 6), plot.minutes // 2 + 1),
        reviewed_after_hours=reviewed,
    )


def _deployments(
    dice: random.Random, first_day: date, days: int, plots: list[Plot], incidents: tuple[PastIncident, ...]
) -> tuple[PastDeployment, ...]:
    rows = [
        (i.starts_at - timedelta(minutes=dice.randrange(6, 20)), i.platform, i.service, True)
        for plot, i in zip(plots, incidents, strict=True)
        if plot.after_deployment
    ]
    for owner in PLATFORMS:
        for offset in range(dice.randrange(1, 4), days, 4):
            day = first_day + timedelta(days=offset)
            if day.weekday() < 5:
                service = dice.choice(owner.services).name
                rows.append((_at(day, 8 + dice.randrange(9), dice.randrange(60)), owner.key, service, False))
    counts: dict[str, int] = {}
    found = []
    for at, owner_key, service, bad in sorted(rows):
        counts[service] = counts.get(service, 0) + 1
        major, minor = 2 + counts[service] // 9, counts[service] % 9
        outcome: Literal["succeeded", "rolled_back"] = "rolled_back" if bad else "succeeded"
        found.append(PastDeployment(owner_key, service, f"{major}.{minor}.{dice.randrange(4)}", at, outcome))
    return tuple(found)


def _windows(first_day: date, days: int) -> tuple[PastWindow, ...]:
    """One window a week for each platform, on Sunday night, an hour apart."""
    found = []
    for offset in range(days):
        day = first_day + timedelta(days=offset)
        if day.weekday() == 6:
            found += [
                PastWindow(owner.key, "Weekly database maintenance", _at(day, 1 + number), 45)
                for number, owner in enumerate(PLATFORMS)
            ]
    return tuple(found)


def _misses(dice: random.Random, last_day: date) -> tuple[PastMiss, ...]:
    found = set()
    for key in ("solemate", "phase-09"):
        for days_ago in dice.sample(range(3, DETAILED_DAYS), 3):
            rhythm: Literal["morning", "evening"] = dice.choice(("morning", "evening"))
            found.add(PastMiss(key, rhythm, last_day - timedelta(days=days_ago)))
    return tuple(sorted(found, key=lambda miss: (miss.day, miss.platform, miss.rhythm)))


def _drills(dice: random.Random, first_day: date, days: int) -> tuple[PastDrill, ...]:
    found = []
    for number, owner in enumerate(PLATFORMS):
        for offset in range(8 + number, days, 30):
            kind: Literal["restore", "failover"] = "restore" if (offset // 30 + number) % 2 else "failover"
            measured = dice.randrange(14, 38) if kind == "restore" else dice.randrange(1, 4)
            loss = dice.randrange(2, 6) if kind == "restore" else 0
            found.append(PastDrill(owner.key, kind, _at(first_day + timedelta(days=offset), 5, 30), measured, loss))
    return tuple(sorted(found, key=lambda drill: (drill.at, drill.platform)))
