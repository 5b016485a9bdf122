"""The stretch of time a page shows, from its query string."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest

SPANS: Final = {
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
LONGEST: Final = timedelta(days=93)


@dataclass(frozen=True, slots=True)
class Range:
    """[start, end) and the name of its choice ("" for a range of one's own)."""

    key: str
    start: datetime
    end: datetime

    @property
    def query(self) -> str:
        if self.key:
            return f"range={self.key}"
        return f"from={self.start:%Y-%m-%dT%H:%M:%SZ}&to={self.end:%Y-%m-%dT%H:%M:%SZ}"


def instant(text: str) -> datetime:
    """An ISO instant of a link; raises BadRequest (400)."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest("This link names a time that cannot be read.") from error


def range_of(request: HttpRequest, at: datetime, *, default: str = "3h") -> Range:
    """`?range=3h`, or `?from=…&to=…` (at most 93 days); raises BadRequest."""
    begins, ends = request.GET.get("from"), request.GET.get("to")
    if begins:
        start = instant(begins)
        end = instant(ends) if ends else at
        if not start < end or end - start > LONGEST:
            raise BadRequest("This range is empty or longer than 93 days.")
        return Range("", start, end)
    key = request.GET.get("range", default)
    if key not in SPANS:
        key = default
    return Range(key, at - SPANS[key], at)
