"""A whole timeline outside the portal: as Markdown, as a table, as data. Both times, corrections and marks included."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from incidents.models import Incident
from incidents.selectors.detail import EntryView
from opsportal.core.markdown import html_as_text
from opsportal.core.spreadsheets import csv_lines

Marks = Mapping[int, Sequence[str]]  # number of the line -> "pinned" and its tags
COLUMNS: Final = (
    "number", "kind", "occurred_at", "recorded_at", "sent_late", "author", "text", "supersedes", "superseded_by",
    "pinned", "tags",
)  # fmt: skip


def _row(entry: EntryView, numbers: Mapping[int, int], marks: Marks) -> tuple[Any, ...]:
    found = marks.get(entry.number, ())
    return (
        entry.number,
        entry.kind,
        entry.occurred_at,
        entry.recorded_at,
        bool(entry.sent_late),
        entry.author_name or entry.system_word,
        entry.body,
        numbers.get(entry.supersedes_id) if entry.supersedes_id else None,
        entry.superseded_by,
        "pinned" in found,
        [word for word in found if word != "pinned"],
    )


def as_markdown(incident: Incident, entries: Iterator[EntryView], marks: Marks) -> Iterator[str]:
    """A corrected line stands with the number of its correction. Raw HTML is text.

    Each line is an item of the list: what is code in it ends with it.
    """
    yield html_as_text(f"# {incident.reference} {incident.title}\n\n")
    for entry in entries:
        who = entry.author_name or entry.system_word
        body = entry.spoken.replace("\n", "\n   ")
        marked = f"*(superseded by line {entry.superseded_by})* {body}" if entry.superseded_by else body
        late = f", logged {entry.recorded_at:%Y-%m-%d %H:%M:%SZ}" if entry.is_late else ""
        late += ", sent late, device time" if entry.sent_late else ""
        said = "".join(f" *{word}*" for word in marks.get(entry.number, ()))
        when = f"{entry.occurred_at:%Y-%m-%d %H:%M:%SZ}"
        yield html_as_text(f"- {when} **{who}** (line {entry.number}{late}) {marked}{said}\n")


def as_csv(entries: Iterator[EntryView], numbers: Mapping[int, int], marks: Marks) -> Iterator[str]:
    """One line a row; tags share a cell."""
    rows = (_row(entry, numbers, marks) for entry in entries)
    return csv_lines(COLUMNS, ((*row[:-1], " ".join(row[-1])) for row in rows))


def as_json(
    incident: Incident, entries: Iterator[EntryView], numbers: Mapping[int, int], marks: Marks
) -> Iterator[str]:
    """One document, written as it is read."""
    head = {"incident": incident.reference, "title": incident.title}
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "entries": ['
    for position, entry in enumerate(entries):
        cells = dict(zip(COLUMNS, _row(entry, numbers, marks), strict=True))
        cells = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in cells.items()}
        yield (",\n" if position else "\n") + json.dumps(cells, ensure_ascii=False)
    yield "\n]}\n"
