"""The span of time a board or report is about. Pure: no I/O, no Django."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

ROLLING: Final = {"30d": 30, "92d": 92}
LONGEST: Final = timedelta(days=400)
_MONTH: Final = re.compile(r"20\d\d-(?:0[1-9]|1[0-2])")
_SPAN: Final = re.compile(r"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ)\.\.(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ)")


class PeriodError(ValueError):
    """Not a period; the text is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Period:
    """[since, until), and as much time before it for comparison."""

    key: str
    name: str
    since: datetime
    until: datetime

    @property
    def before(self) -> "Period":
        """The month before a month, the days before these days."""
        if _MONTH.fullmatch(self.key) is None:
            length = self.until - self.since
            name = f"the {length.days} days before" if length.days else "as much time before"
            return Period("", name, self.since - length, self.since)
        first = (self.since - timedelta(days=1)).replace(day=1)
        return Period(f"{first:%Y-%m}", f"{first:%B %Y}", first, self.since)


def period(text: str, at: datetime) -> Period:
    """`30d`, `92d`, a month such as `2026-10`, or `2026-10-01T00:00:00Z..2026-10-08T00:00:00Z`: two instants in UTC.

    Empty is 30 days. Raises PeriodError.
    """
    key = text or "30d"
    if span := _SPAN.fullmatch(key):
        return _span(key, span[1], span[2], at)
    if key in ROLLING:
        days = ROLLING[key]
        return Period(key, f"Last {days} days", at - timedelta(days=days), at)
    if _MONTH.fullmatch(key) is None:
        raise PeriodError("A period is 30d, 92d or a month such as 2026-10.")
    first = datetime(int(key[:4]), int(key[5:]), 1, tzinfo=UTC)
    if first > at:
        raise PeriodError("This month has not begun.")
    return Period(key, f"{first:%B %Y}", first, min((first + timedelta(days=32)).replace(day=1), at))


def _span(key: str, first: str, last: str, at: datetime) -> Period:
    try:
        since, until = datetime.fromisoformat(first), min(datetime.fromisoformat(last), at)
    except ValueError as error:
        raise PeriodError("These are no two instants.") from error
    found = between(since, until)
    return Period(key, found.name, since, until)


def between(since: datetime, until: datetime) -> Period:
    """Any span, compared with as much time before it. Raises PeriodError."""
    if not since < until:
        raise PeriodError("A period ends after it begins.")
    if until - since > LONGEST:
        raise PeriodError(f"A period is at most {LONGEST.days} days.")
    return Period("", f"{since:%Y-%m-%d} to {until:%Y-%m-%d}", since, until)


def choices(at: datetime) -> list[tuple[str, str]]:
    """The periods offered: key and name."""
    last = at.astimezone(UTC).replace(day=1) - timedelta(days=1)
    return [("30d", "30 days"), ("92d", "92 days"), (f"{last:%Y-%m}", f"{last:%B}"), (f"{at:%Y-%m}", f"{at:%B}")]
