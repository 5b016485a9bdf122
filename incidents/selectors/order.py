"""Where lines belong that were logged after others that happened later."""

from collections.abc import Sequence
from datetime import datetime

from incidents.selectors.detail import EntryView


def places(entries: Sequence[EntryView], before: datetime | None = None) -> dict[int, EntryView | None]:
    """By number, each late line that stands out of its time's order, and the line here that it belongs after.

    `entries` are in the order of recording; `before` is when the line above them happened. None: it belongs above
    all that is here. A correction names the line it corrects and needs no place.
    """
    found: dict[int, EntryView | None] = {}
    latest = before
    for position, entry in enumerate(entries):
        is_behind = latest is not None and entry.occurred_at < latest
        if is_behind and entry.is_late and not entry.supersedes_id:
            earlier = [line for line in entries[:position] if line.occurred_at <= entry.occurred_at]
            found[entry.number] = max(earlier, key=lambda line: (line.occurred_at, line.number), default=None)
        latest = entry.occurred_at if latest is None else max(latest, entry.occurred_at)
    return found
