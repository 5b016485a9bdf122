"""What happened in the nights of a database: which backups ran, which did not, and up to when it can be restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from opsportal.local.aws.catalogue import Platform
from opsportal.local.aws.faults import Fault
from opsportal.local.aws.world import World

SNAPSHOT_TAKES: Final = timedelta(minutes=6)
JOB_AFTER: Final = timedelta(minutes=20)  # the job that copies the snapshot begins so long after it
JOB_TAKES: Final = timedelta(minutes=14)
_MINUTE_OF_HOUR: Final = 10
_STANDS_STILL: Final = timedelta(hours=3)
_CATCHES_UP: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Night:
    """One backup that was to start then. `late` marks one made up for after a fault."""

    at: datetime
    failed: bool
    late: bool = False


def nights(world: World, owner: Platform, now: datetime, days: int) -> list[Night]:
    """Return the backups of the last days, oldest first."""
    lost = _lost(world, owner, now, days)
    rows = [Night(at, failed=at in lost) for at in _slots(owner, now, days)]
    rows += [Night(fault.ends_at + _CATCHES_UP, failed=False, late=True) for fault in _over(world, owner, now, days)]
    return sorted(rows, key=lambda night: night.at)


def restorable(world: World, owner: Platform, now: datetime) -> datetime:
    """Return the last moment the database can be restored to; it stands still while backups are missing."""
    for fault in _faults(world, owner):
        if fault.covers(now):
            return fault.starts_at - _STANDS_STILL
    edge = now - timedelta(minutes=2)
    return edge.replace(minute=edge.minute // 5 * 5, second=0, microsecond=0)


def _slots(owner: Platform, now: datetime, days: int) -> Iterator[datetime]:
    for back in range(days, -1, -1):
        at = (now - timedelta(days=back)).astimezone(UTC)
        slot = at.replace(hour=owner.database.backup_hour, minute=_MINUTE_OF_HOUR, second=0, microsecond=0)
        if now - timedelta(days=days) <= slot <= now:
            yield slot


def _faults(world: World, owner: Platform) -> list[Fault]:
    return [f for f in world.faults() if f.name == "backup-missing" and f.platform == owner.key]


def _over(world: World, owner: Platform, now: datetime, days: int) -> list[Fault]:
    edge = now - timedelta(days=days)
    return [fault for fault in _faults(world, owner) if edge < fault.ends_at and fault.ends_at + _CATCHES_UP <= now]


def _lost(world: World, owner: Platform, now: datetime, days: int) -> set[datetime]:
    lost: set[datetime] = set()
    slots = list(_slots(owner, now, days))
    for fault in _faults(world, owner):
        covered = {slot for slot in slots if fault.covers(slot)}
        if not covered and fault.starts_at <= now:
            # A fault switched on by day takes the night before with it, so that it shows at once: back to the newest
            # night that has a job to fail.
            before = [slot for slot in slots if slot <= fault.starts_at]
            jobs = [slot for slot in before if slot + JOB_AFTER <= fault.starts_at]
            covered = {slot for slot in before if slot >= jobs[-1]} if jobs else set(before)
        lost |= covered
    return lost
