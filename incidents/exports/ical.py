"""A calendar as text (RFC 5545). Pure: no I/O, no Django."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LINE = 75  # octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that ends at `due`; it stands in the calendar as the quarter of an hour before."""

    uid: str
    due: datetime
    changed_at: datetime
    title: str
    text: str
    url: str


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    plain = "".join(char for char in value if char in "\n\t" or ord(char) >= 32)
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 octets; no character is cut in two."""
    piece, size = "", 0
    for char in line:
        width = len(char.encode("utf-8", "replace"))
        if size + width > LINE:
            yield piece
            piece, size = " ", 1
        piece, size = piece + char, size + width
    yield piece


def calendar(name: str, events: Iterable[Event]) -> str:
    """The whole file, with CRLF line ends as the format demands."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//opsportal//reviews//EN", f"X-WR-CALNAME:{_text(name)}"]
    for event in events:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{event.uid}",
            f"DTSTAMP:{_moment(event.changed_at)}",
            f"DTSTART:{_moment(event.due - timedelta(minutes=15))}",
            f"DTEND:{_moment(event.due)}",
            f"SUMMARY:{_text(event.title)}",
            f"DESCRIPTION:{_text(event.text)}",
            f"URL:{event.url}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{piece}\r\n" for line in lines for piece in _folded(line))
