"""The stretch of time a page shows, from its query string."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.timezone import get_current_timezone

SPANS: Final = {
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "12h": timedelta(hours=12),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
COMPARED: Final = {"1d": (timedelta(days=1), "the day before"), "7d": (timedelta(days=7), "a week before")}
BUCKETS: Final = (5, 60, 1440)  # minutes
LONGEST: Final = timedelta(days=93)
SHORTEST: Final = timedelta(minutes=10)  # zooming ends here: a curve needs some points


@dataclass(frozen=True, slots=True)
class Range:
    """[start, end), the name of its choice ("" for one's own), and what it is compared with ("" for nothing)."""

    key: str
    start: datetime
    end: datetime
    compare: str = ""

    @property
    def query(self) -> str:
        """The query string that shows the same again."""
        chosen = f"range={self.key}" if self.key else f"from={_written(self.start)}&to={_written(self.end)}"
        return f"{chosen}&compare={self.compare}" if self.compare else chosen

    @property
    def back(self) -> timedelta | None:
        """How far back the second curve lies."""
        return COMPARED[self.compare][0] if self.compare else None

    @property
    def back_name(self) -> str:
        """The second curve in words."""
        return COMPARED[self.compare][1] if self.compare else ""

    @property
    def fixed(self) -> str:
        """The query of the same instants whenever it is opened: for a link that is sent to somebody."""
        return replace(self, key="").query

    def named(self, key: str) -> str:
        """The query of another choice that keeps the comparison."""
        return replace(self, key=key).query

    def compared(self, key: str) -> str:
        """The query of the same range beside another one."""
        return replace(self, compare=key).query

    def steps(self, at: datetime) -> list[tuple[str, str, str]]:
        """Ways from here for who drags nothing: (words, icon, query); none leads past `at` or the limits."""
        length = self.end - self.start
        found = [("Earlier", "chevron-left", self._moved(self.start - length / 2, self.end - length / 2))]
        if self.end + timedelta(minutes=1) < at:
            ahead = min(length / 2, at - self.end)
            found.append(("Later", "chevron-right", self._moved(self.start + ahead, self.end + ahead)))
        if length / 2 >= SHORTEST:
            found.append(("Zoom in", "plus", self._moved(self.start + length / 4, self.end - length / 4)))
        if length * 2 <= LONGEST:
            end = min(self.end + length / 2, at)
            found.append(("Zoom out", "minus", self._moved(end - length * 2, end)))
        return found

    def _moved(self, start: datetime, end: datetime) -> str:
        return replace(self, key="", start=start, end=end).query


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def instant(text: str) -> datetime:
    """An ISO instant of a link, in the reader's zone when it names none; raises BadRequest (400)."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=get_current_timezone()) if at.tzinfo is None else at
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest("This link names a time that cannot be read.") from error


def bucket_size(text: str) -> int:
    """`?res=`: the minutes of a bucket, an hour unless asked; raises BadRequest (400)."""
    if text and text not in {str(size) for size in BUCKETS}:
        raise BadRequest("Buckets have 5, 60 or 1440 minutes.")
    return int(text or 60)


def running(key: str, at: datetime, compare: str = "") -> Range:
    """A named range until `at`; it ends with the running minute: what is asked twice within it is the same question."""
    end = at.replace(second=0, microsecond=0)
    return Range(key, end - SPANS[key], end, compare)


def says_range(request: HttpRequest) -> bool:
    """Whether the address itself says what is shown."""
    return not request.GET.keys().isdisjoint(("range", "from", "compare"))


def range_of(request: HttpRequest, at: datetime, *, default: str = "3h") -> Range:
    """`?range=3h`, or `?from=…&to=…` (at most 93 days), and `&compare=7d`; raises BadRequest."""
    compare = request.GET.get("compare", "")
    compare = compare if compare in COMPARED else ""
    begins, ends = request.GET.get("from"), request.GET.get("to")
    if begins:
        start = instant(begins)
        end = instant(ends) if ends else at
        if not start < end or end - start > LONGEST:
            raise BadRequest("This range is empty or longer than 93 days.")
        return Range("", start, end, compare)
    key = request.GET.get("range", default)
    return running(key if key in SPANS else default, at, compare)
