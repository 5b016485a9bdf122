"""When a clock is due: minutes around the clock or business minutes in a calendar. Pure: no I/O, no Django.

Due instants are computed once, when the clock starts, and stored. Intervals are half-open: what happens exactly
at the due instant is late.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

HORIZON: Final = timedelta(days=3 * 366)
NEVER_DUE: Final = "never due: its calendar opens too rarely"
WARN_SHARE: Final = 0.8  # of the time; a portal default, no guide says when to warn


class CalendarError(ValueError):
    """The calendar opens too rarely for the clock to come due within three years."""


class DueRule(StrEnum):
    """How a clock finds its due instant."""

    MINUTES = "minutes"
    NEXT_BUSINESS_DAY = "next_business_day"
    NEXT_SPRINT = "next_sprint"


class Outcome(StrEnum):
    RUNNING = "running"
    MET = "met"
    MISSED = "missed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Business hours: ISO weekdays, local opening times in a zone, days off. Closing ≤ opening means overnight."""

    zone: str
    weekdays: frozenset[int]
    opens: time
    closes: time
    holidays: frozenset[date] = field(default_factory=frozenset)

    def opening(self, day: date) -> tuple[datetime, datetime] | None:
        """The UTC interval [opens, closes) that begins on local `day`, or None on a day off."""
        if day.isoweekday() not in self.weekdays or day in self.holidays:
            return None
        end_day = day if self.closes > self.opens else day + timedelta(days=1)
        start, end = self.instant(day, self.opens), self.instant(end_day, self.closes)
        return (start, end) if start < end else None

    def instant(self, day: date, at: time) -> datetime:
        """A local time of a day in UTC; one that a gap skips is the first minute after it."""
        zone = ZoneInfo(self.zone)
        local = datetime.combine(day, at, zone)
        instant = local.astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return instant
        # The local time falls into a gap: the first minute that exists after it stands for it.
        offset, minute = instant.astimezone(zone).utcoffset(), timedelta(minutes=1)
        while (instant - minute).astimezone(zone).utcoffset() == offset:
            instant -= minute
        return instant


def due_at(start: datetime, minutes: int, calendar: Calendar | None = None) -> datetime:
    """The instant `minutes` after `start`: elapsed time, or only while `calendar` is open. Raises CalendarError."""
    return due_after(start, timedelta(minutes=minutes), calendar)


def due_after(start: datetime, left: timedelta, calendar: Calendar | None = None) -> datetime:
    """The instant at which `left` has passed since `start`: elapsed time, or only while `calendar` is open.

    Raises CalendarError when the calendar never gives that much time.
    """
    start = start.astimezone(UTC)
    if calendar is None:
        return start + left
    if not calendar.weekdays:
        raise CalendarError("The calendar has no business day.")
    # An overnight opening of the day before may still be running.
    day = start.astimezone(ZoneInfo(calendar.zone)).date() - timedelta(days=1)
    last = day + HORIZON
    while day <= last:
        opening = calendar.opening(day)
        if opening is not None:
            begin, end = max(start, opening[0]), opening[1]
            if begin < end:
                if begin + left <= end:
                    return begin + left
                left -= end - begin
        day += timedelta(days=1)
    raise CalendarError("The calendar does not open often enough for this clock.")


def remaining(at: datetime, due: datetime, calendar: Calendar | None = None) -> timedelta:
    """How much time a clock has left at `at`, counted as its rule counts; nothing from `due` on."""
    at, due = at.astimezone(UTC), due.astimezone(UTC)
    if due <= at:
        return timedelta(0)
    if calendar is None:
        return due - at
    left, zone = timedelta(0), ZoneInfo(calendar.zone)
    day, last = at.astimezone(zone).date() - timedelta(days=1), due.astimezone(zone).date()
    while day <= last:
        opening = calendar.opening(day)
        if opening is not None:
            left += max(min(opening[1], due) - max(opening[0], at), timedelta(0))
        day += timedelta(days=1)
    return left


def warn_at(start: datetime, due: datetime, share: float, calendar: Calendar | None = None) -> datetime | None:
    """When `share` of the time has passed; None when that is not between start and due."""
    used = timedelta(microseconds=remaining(start, due, calendar) // timedelta(microseconds=1) * share)
    when = due_after(start, used, calendar)
    return when if start < when < due else None


def next_business_day(start: datetime, calendar: Calendar) -> datetime:
    """The end of the first business day after the local day of `start`. Raises CalendarError."""
    day = start.astimezone(ZoneInfo(calendar.zone)).date()
    last = day + HORIZON
    while day < last:
        day += timedelta(days=1)
        opening = calendar.opening(day)
        if opening is not None and opening[1] > start:
            return opening[1]
    raise CalendarError("The calendar has no business day to come.")


def end_of(day: date, calendar: Calendar | None = None) -> datetime:
    """When a date is over: its closing time, or midnight (UTC without a calendar) on a day the calendar is shut."""
    if calendar is None:
        return datetime.combine(day + timedelta(days=1), time(), UTC)
    opening = calendar.opening(day)
    return opening[1] if opening is not None else calendar.instant(day + timedelta(days=1), time())


def outcome(due: datetime | None, done: datetime | None, now: datetime) -> Outcome:
    """How the clock stands: met only strictly before `due`; without a number it runs until done."""
    if done is not None:
        return Outcome.MET if due is None or done < due else Outcome.MISSED
    return Outcome.RUNNING if due is None or now < due else Outcome.MISSED


def words(minutes: int | None, calendar_name: str = "") -> str:
    """The rule as people say it: `15 min`, `48 h`, `4 h in business hours`; "" without a number."""
    if minutes is None:
        return ""
    text = f"{minutes // 60} h" if minutes >= 60 and minutes % 60 == 0 else f"{minutes} min"
    return f"{text} in {calendar_name}" if calendar_name else text
