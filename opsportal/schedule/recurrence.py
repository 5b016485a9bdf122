"""When a rule falls due. Pure: no Django, no clock, no database.

A local rule (cron text and a zone) is read on the wall clock of its zone. A wall time that a spring-forward
skips is due at the first minute that exists (marked shifted); one that an autumn repeats is due once, the first
time. "Every n seconds" counts elapsed time in UTC and knows no zone. Other cron libraries fire twice in the
autumn hour or skip one hourly run; hence our own mapping, with cronsim only to read the cron text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


class RuleError(ValueError):
    """The rule's cron text, zone or interval cannot be read."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One due time. `local` is the wall time the rule named; `is_shifted` says that it did not exist."""

    at_utc: datetime
    local: datetime
    is_shifted: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Either `cron` (five fields, read in `zone`) or `every_seconds` (elapsed UTC, counted from `anchor`)."""

    cron: str = ""
    zone: str = "UTC"
    every_seconds: int = 0
    anchor: datetime = EPOCH

    def __post_init__(self) -> None:
        if bool(self.cron) == bool(self.every_seconds):
            raise RuleError("Give either a cron text or a number of seconds, not both.")
        if self.every_seconds < 0:
            raise RuleError("The interval must be positive.")
        if self.anchor.tzinfo is None:
            raise RuleError("The anchor needs a time zone.")
        zone_of(self.zone)
        if self.cron:
            _walk(self.cron, datetime(2000, 1, 1))  # noqa: DTZ001 - wall time

    @property
    def zone_info(self) -> ZoneInfo:
        return zone_of(self.zone)


def zone_of(name: str) -> ZoneInfo:
    """The zone of that IANA name; raises RuleError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RuleError(f"Unknown time zone {name!r}.") from error


def _walk(cron: str, after: datetime) -> Iterator[datetime]:
    if len(cron.split()) != 5:
        raise RuleError(f"{cron!r}: cron text has five fields: minute hour day month weekday.")
    try:
        return iter(CronSim(cron, after))
    except CronSimError as error:
        raise RuleError(f"{cron!r}: {error}.") from error


def in_words(cron: str) -> str:
    """The rule as people say it: `At 08:00 every day`, `At 09:00 on the first Monday of the month`."""
    try:
        return str(CronSim(cron, datetime(2000, 1, 1)).explain())  # noqa: DTZ001 - wall time
    except CronSimError as error:
        raise RuleError(f"{cron!r}: {error}.") from error


def to_utc(local: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The instant of a wall time: the first of two when repeated; after a gap its first minute and True."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first, False
    # In a gap fold=1 lands before the jump and fold=0 after it: halve until the jump's own minute is left.
    low = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    high, before = first, low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    whole = high.replace(second=0, microsecond=0)
    return (whole if whole.astimezone(zone).utcoffset() != before else whole + MINUTE), True


def iter_slots(rule: Rule, after: datetime) -> Iterator[Slot]:
    """Every slot later than `after`, in order, each instant once; ends only when the cron text never matches again."""
    zone = rule.zone_info
    if rule.every_seconds:
        step = timedelta(seconds=rule.every_seconds)
        at = rule.anchor.astimezone(UTC) + ((after - rule.anchor) // step + 1) * step
        while True:
            yield Slot(at, at.astimezone(zone).replace(tzinfo=None))
            at += step
    pending: Slot | None = None
    for local in _walk(rule.cron, after.astimezone(zone).replace(tzinfo=None)):
        at, shifted = to_utc(local, zone)
        if at <= after:
            continue
        slot = Slot(at, local, shifted)
        if pending is not None and pending.at_utc != at:
            yield pending
        elif pending is not None and shifted:
            continue  # several skipped wall times share one first minute: due once
        pending = slot
    if pending is not None:
        yield pending


def next_slots(rule: Rule, after: datetime, until: datetime) -> list[Slot]:
    """The slots in the interval (after, until]."""
    slots: list[Slot] = []
    for slot in iter_slots(rule, after):
        if slot.at_utc > until:
            break
        slots.append(slot)
    return slots


def next_slot(rule: Rule, after: datetime) -> Slot | None:
    """The first slot later than `after`, or None when there is none."""
    return next(iter_slots(rule, after), None)
