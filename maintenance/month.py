"""A month of windows as lines over whole weeks. Pure: occurrences and days in, columns and lanes out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from django.utils.timezone import localdate, localtime

from maintenance.models import OccurrenceState, WindowOccurrence

LANES: Final = 3
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One square of the month; `more` lines of it found no lane."""

    day: date
    in_month: bool
    is_today: bool
    more: int


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """What stands on days `first` to `last` of one week, and the occurrence it leads to."""

    occurrence: WindowOccurrence
    first: date
    last: date
    is_daily: bool = False
    lane: int = 0

    @property
    def column(self) -> int:
        return self.first.isoweekday()

    @property
    def span(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def begins_here(self) -> bool:
        return self.is_daily or localdate(self.occurrence.starts_at) == self.first


@dataclass(frozen=True, slots=True)
class CalendarWeek:
    days: Sequence[CalendarDay]
    lines: Sequence[CalendarLine]


def first_of_weeks(month: date) -> tuple[date, int]:
    """The Monday on or before the first of the month, and how many weeks the month touches."""
    first = month - timedelta(days=month.weekday())
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first, ((following - first).days + 6) // 7


def weeks_of(month: date, today: date, occurrences: Sequence[WindowOccurrence]) -> list[CalendarWeek]:
    """Whole weeks, Monday first, in days of the active zone; `month` is the first of the month."""
    first, count = first_of_weeks(month)
    weeks = []
    for monday in (first + timedelta(weeks=n) for n in range(count)):
        lines, more = _lanes(_lines(monday, occurrences))
        days = [monday + timedelta(days=n) for n in range(7)]
        squares = [CalendarDay(day, day.month == month.month, day == today, more.count(day)) for day in days]
        weeks.append(CalendarWeek(squares, lines))
    return weeks


def _lines(monday: date, occurrences: Iterable[WindowOccurrence]) -> Iterator[CalendarLine]:
    sunday = monday + 6 * DAY
    found = []
    for row in occurrences:
        first, last = days_of(row)
        if first <= sunday and last >= monday:
            found.append(CalendarLine(row, max(first, monday), min(last, sunday)))
    found.sort(key=lambda line: (line.occurrence.window_id, line.first, line.occurrence.pk))
    for _, lines in groupby(found, key=lambda line: line.occurrence.window_id):
        yield from _merged(list(lines))


def days_of(occurrence: WindowOccurrence) -> tuple[date, date]:
    """Its first and last day; an end at midnight belongs to the day before."""
    return localdate(occurrence.starts_at), localdate(occurrence.ends_at - timedelta(microseconds=1))


def _merged(lines: Sequence[CalendarLine]) -> Iterator[CalendarLine]:
    """A window that comes on following days at the same time is one line: seven of them would hide the rest."""
    run: list[CalendarLine] = []
    for line in lines:
        if run and not _follows(run[-1], line):
            yield _one(run)
            run = []
        run.append(line)
    yield _one(run)


def _follows(before: CalendarLine, line: CalendarLine) -> bool:
    starts: set[time] = {_start(one.occurrence.starts_at) for one in (before, line)}
    return before.span == line.span == 1 and before.last + DAY == line.first and len(starts) == 1


def _start(at: datetime) -> time:
    return localtime(at).time()


def _one(run: Sequence[CalendarLine]) -> CalendarLine:
    """The line of a run leads to what is open, else to what comes next, else to the last."""
    if len(run) == 1:
        return run[0]
    rows = [line.occurrence for line in run]
    by_state = {row.state: row for row in reversed(rows)}
    lead = by_state.get(OccurrenceState.OPEN) or by_state.get(OccurrenceState.PLANNED) or rows[-1]
    return CalendarLine(lead, run[0].first, run[-1].last, is_daily=True)


def _lanes(lines: Iterable[CalendarLine]) -> tuple[list[CalendarLine], list[date]]:
    """Each line in the first lane that is free; then the days of those that found none, one entry a line and day."""
    free = [date.min] * LANES
    placed: list[CalendarLine] = []
    left: list[date] = []
    for line in sorted(lines, key=lambda one: (one.first, -one.span, one.occurrence.starts_at, one.occurrence.pk)):
        lane = next((n for n, until in enumerate(free) if until < line.first), None)
        if lane is None:
            left += [line.first + n * DAY for n in range(line.span)]
            continue
        free[lane] = line.last
        placed.append(CalendarLine(line.occurrence, line.first, line.last, line.is_daily, lane))
    return placed, left
