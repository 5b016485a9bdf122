"""Stretches of time a promise or a report is about: rolling days, and calendar periods as a zone counts them.

A calendar period begins at local midnight: where that hour is skipped, at the first instant after it; where it comes
twice, at the first. So a month in Europe/Berlin has 743 to 745 hours, and a day is never taken for 24.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
WindowKind = Literal["rolling", "week", "month", "quarter", "year"]
LONGEST: Final = timedelta(days=400)
SLICE_SECONDS: Final = 300
_KEY: Final = re.compile(
    r"(?P<days>[1-9]\d{0,2})d|(?P<first>20\d\d-\d\d-\d\d)\.\.(?P<last>20\d\d-\d\d-\d\d)"
    r"|(?P<year>20\d\d)(?:-(?:w(?P<week>\d\d)|q(?P<quarter>[1-4])|(?P<month>0[1-9]|1[0-2])))?"
)
HELP: Final = "30d, 2026-w47, 2026-10, 2026-q4, 2026 or 2026-10-01..2026-10-15"


class PeriodError(ValueError):
    """Not a period; the text is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Period:
    """[starts_at, ends_at), judged as of `at` (which may lie before the end). `zone` is "" for rolling days."""

    key: str
    name: str
    starts_at: datetime
    ends_at: datetime
    at: datetime
    zone: str = ""

    @property
    def until(self) -> datetime:
        """Where counting ends: the end, or the last whole 5 minutes before `at`."""
        return min(self.ends_at, floor_slice(self.at))

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    @property
    def before(self) -> tuple[datetime, datetime]:
        """The period before it: the month before a month, the days before these days."""
        if self.zone and ".." not in self.key:
            zone = ZoneInfo(self.zone)
            day = self.starts_at.astimezone(zone).date() - timedelta(days=1)
            first, _ = _BOUNDS[_kind_of(self.key)](day)
            return midnight(first, zone), self.starts_at
        return self.starts_at - self.length, self.starts_at


def floor_slice(at: datetime) -> datetime:
    """The last whole 5 minutes before `at`."""
    stamp = int(at.timestamp())
    return datetime.fromtimestamp(stamp - stamp % SLICE_SECONDS, UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a day begins in a zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _week(day: date) -> tuple[date, date]:
    first = day - timedelta(days=day.weekday())
    return first, first + timedelta(days=7)


def _month(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _quarter(day: date) -> tuple[date, date]:
    first = day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return first, (first + timedelta(days=95)).replace(day=1)


def _year(day: date) -> tuple[date, date]:
    first = day.replace(month=1, day=1)
    return first, first.replace(year=first.year + 1)


_BOUNDS: Final[Mapping[str, Callable[[date], tuple[date, date]]]] = {
    "week": _week,
    "month": _month,
    "quarter": _quarter,
    "year": _year,
}


def _kind_of(key: str) -> str:
    found = _KEY.fullmatch(key)
    assert found, key
    return next((kind for kind in ("week", "quarter", "month") if found[kind]), "year")


def _labels(kind: str, first: date) -> tuple[str, str]:
    """Key and name of the calendar period that begins on that day."""
    week = first.isocalendar()
    quarter = (first.month + 2) // 3
    return {
        "week": (f"{week.year}-w{week.week:02d}", f"Week {week.week}, {week.year}"),
        "month": (f"{first:%Y-%m}", f"{first:%B %Y}"),
        "quarter": (f"{first.year}-q{quarter}", f"Quarter {quarter}, {first.year}"),
        "year": (f"{first.year}", f"{first.year}"),
    }[kind]


def rolling(at: datetime, days: int = 30) -> Period:
    """The last so many times 24 hours."""
    end = floor_slice(at)
    return Period(f"{days}d", f"{days} days to {end:%-d %B %Y}", end - timedelta(days=days), end, at)


def calendar(kind: str, day: date, at: datetime, zone: ZoneInfo) -> Period:
    """The week (from Monday), month, quarter or year that holds `day`."""
    first, following = _BOUNDS[kind](day)
    key, name = _labels(kind, first)
    shown = name if zone.key == "UTC" else f"{name}, {zone.key}"
    return Period(key, shown, midnight(first, zone), midnight(following, zone), at, zone.key)


def window(kind: str, *, days: int, zone: ZoneInfo, at: datetime) -> Period:
    """The window of a promise as it stands `at`: the last days, or the calendar period now running."""
    return rolling(at, days) if kind == "rolling" else calendar(kind, at.astimezone(zone).date(), at, zone)


def parse(text: str, at: datetime, zone: ZoneInfo) -> Period:
    """The period a key names (see HELP); empty is 30 days. Raises PeriodError."""
    found = _KEY.fullmatch(text or "30d")
    if found is None:
        raise PeriodError(f"A period is {HELP}.")
    if found["days"]:
        if timedelta(days=int(found["days"])) > LONGEST:
            raise PeriodError(f"A period is at most {LONGEST.days} days.")
        return rolling(at, int(found["days"]))
    try:
        period = _between(found["first"], found["last"], at, zone) if found["first"] else _named(found, at, zone)
    except ValueError as error:
        raise PeriodError(str(error) if isinstance(error, PeriodError) else f"There is no {text}.") from error
    if period.starts_at >= floor_slice(at):
        raise PeriodError("This period has not begun.")
    return period


def _named(found: re.Match[str], at: datetime, zone: ZoneInfo) -> Period:
    year = int(found["year"])
    if found["week"]:
        return calendar("week", date.fromisocalendar(year, int(found["week"]), 1), at, zone)
    if found["quarter"]:
        return calendar("quarter", date(year, 3 * int(found["quarter"]) - 2, 1), at, zone)
    kind = "month" if found["month"] else "year"
    return calendar(kind, date(year, int(found["month"] or 1), 1), at, zone)


def _between(first: str, last: str, at: datetime, zone: ZoneInfo) -> Period:
    """Whole days, the last one included."""
    begins, ends = date.fromisoformat(first), date.fromisoformat(last)
    if not begins <= ends:
        raise PeriodError("A period ends after it begins.")
    if ends - begins >= LONGEST:
        raise PeriodError(f"A period is at most {LONGEST.days} days.")
    name = f"{ends:%-d %B %Y}"
    name = name if begins == ends else f"{begins:%-d %B %Y} to {name}"
    shown = name if zone.key == "UTC" else f"{name}, {zone.key}"
    start, end = midnight(begins, zone), midnight(ends + timedelta(days=1), zone)
    return Period(f"{first}..{last}", shown, start, end, at, zone.key)


def last_whole(kind: str, at: datetime, zone: ZoneInfo) -> Period:
    """The newest calendar period that is over."""
    first, _ = _BOUNDS[kind](at.astimezone(zone).date())
    return calendar(kind, first - timedelta(days=1), at, zone)


def choices(at: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The periods a page offers: key and name."""
    today = at.astimezone(zone).date()
    past, this = last_whole("month", at, zone), calendar("month", today, at, zone)
    week, quarter = calendar("week", today, at, zone), calendar("quarter", today, at, zone)
    first = past.starts_at.astimezone(zone)
    return [
        ("30d", "30 days"),
        (week.key, "Week"),
        (past.key, f"{first:%B}"),
        (this.key, f"{this.starts_at.astimezone(zone):%B}"),
        (quarter.key, "Quarter"),
        (f"{today.year}", f"{today.year}"),
    ]


def held(dated: Sequence[tuple[datetime, T]], start: datetime, end: datetime) -> list[tuple[T, datetime, datetime]]:
    """Which of the dated versions held when within [start, end); the first holds for everything before it too.

    A version that begins at the same instant as a later one never held.
    """
    found: list[tuple[T, datetime, datetime]] = []
    for n, (begins, version) in enumerate(dated):
        since = start if n == 0 else max(start, begins)
        until = end if n + 1 == len(dated) else min(end, dated[n + 1][0])
        if since < until:
            found.append((version, since, until))
    return found
