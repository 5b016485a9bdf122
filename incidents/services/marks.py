"""Pins, stars and tags on lines, and how far each person has read. The lines themselves are never touched."""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from incidents.choices import MarkKind
from incidents.errors import IncidentError
from incidents.models import EntryMark, Incident, LastLook, TimelineEntry
from incidents.services.timeline import entry_log
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text

MOST_PINS: Final = 20
MOST_TAGS: Final = 10
VISIT_ENDS_AFTER: Final = timedelta(minutes=10)
NOTED_EVERY: Final = timedelta(minutes=1)
_WORD: Final = re.compile(r"\w[\w-]{0,39}")


@transaction.atomic
def entry_pin(*, by: Actor, at: datetime, entry: TimelineEntry, on: bool) -> bool:
    """Put a line into the strip above the timeline, or take it out. False when it is so already."""
    if on and _marks(entry.incident, MarkKind.PIN).exclude(entry=entry).count() >= MOST_PINS:
        raise IncidentError(f"{MOST_PINS} lines are pinned already; take one off first.")
    return _set(entry, MarkKind.PIN, by=by, at=at, on=on)


@transaction.atomic
def entry_star(*, by: Actor, at: datetime, entry: TimelineEntry, on: bool) -> bool:
    """Mark a line for oneself. False when it is so already."""
    if by.user_id is None:
        raise IncidentError("Only a person keeps stars.")
    return _set(entry, MarkKind.STAR, by=by, at=at, on=on)


@transaction.atomic
def entry_tag(*, by: Actor, at: datetime, entry: TimelineEntry, word: str, on: bool) -> bool:
    """Give a line a word to find it by, or take it off. False when it is so already."""
    word = tag_word(word)
    if on and EntryMark.objects.filter(entry=entry, kind=MarkKind.TAG).exclude(text=word).count() >= MOST_TAGS:
        raise IncidentError(f"A line has at most {MOST_TAGS} tags.")
    return _set(entry, MarkKind.TAG, by=by, at=at, on=on, text=word)


def tag_word(text: str) -> str:
    """A tag as it is kept: one word in small letters. Raises IncidentError."""
    word = clean_text(text).strip().removeprefix("#").casefold()
    if not _WORD.fullmatch(word):
        raise IncidentError("A tag is one word of at most 40 letters, digits and hyphens.")
    return word


@transaction.atomic
def line_pin(*, by: Actor, at: datetime, incident: Incident, body: str, **logged: Any) -> TimelineEntry:
    """Log a line, `logged` being what `entry_log` takes, and pin it at once; a number pins the line that has it.

    Raises IncidentError.
    """
    number = body.strip().removeprefix("#")
    if number.isascii() and number.isdigit():
        standing = TimelineEntry.objects.filter(incident=incident, number=int(number[:9])).first()
        if standing is None:
            raise IncidentError(f"There is no line {number[:9]} yet; nothing was pinned.")
        entry_pin(by=by, at=at, entry=standing, on=True)
        return standing
    entry = entry_log(by=by, at=at, incident=incident, body=body, **logged)
    entry_pin(by=by, at=at, entry=entry, on=True)
    return entry


def _marks(incident: Incident, kind: MarkKind) -> QuerySet[EntryMark]:
    rows: QuerySet[EntryMark] = EntryMark.objects.filter(incident=incident, kind=kind)
    return rows


def _set(entry: TimelineEntry, kind: MarkKind, *, by: Actor, at: datetime, on: bool, text: str = "") -> bool:
    own = {"by_id": by.user_id} if kind == MarkKind.STAR else {}
    mark = {"entry": entry, "kind": kind, "text": text, **own}
    if on:
        made = {"incident_id": entry.incident_id, "by_id": by.user_id, "at": at}
        _, is_changed = EntryMark.objects.get_or_create(**mark, defaults=made)
    else:
        is_changed = bool(EntryMark.objects.filter(**mark).delete()[0])
    if not is_changed:
        return False
    touch(f"incident:{entry.incident_id}", entry.incident_id)
    record(
        by=by,
        at=at,
        verb=f"incidents.entry.{_VERBS[kind][0 if on else 1]}",
        obj_kind="incident",
        obj_id=entry.incident_id,
        platform_id=entry.platform_id,
        data={"entry": entry.pk},
    )
    return True


_VERBS: Final = {
    MarkKind.PIN: ("pinned", "unpinned"),
    MarkKind.STAR: ("starred", "unstarred"),
    MarkKind.TAG: ("tagged", "untagged"),
}


def look_note(*, user_id: int, at: datetime, incident: Incident, look: LastLook | None, number: int) -> LastLook:
    """Go on with the visit up to line `number`, or after ten minutes away begin a new one.

    A page that is left open is no look at it. Written at most once a minute: losing the last minute shows a line twice
    as new, never hides one.
    """
    if look is None:
        look, is_new = LastLook.objects.get_or_create(
            incident=incident, user_id=user_id, defaults={"last_number": number, "last_at": at}
        )
        if is_new:
            return look
    if at - look.last_at > VISIT_ENDS_AFTER:
        look.since_number, look.since_at = look.last_number, look.last_at
    elif at - look.last_at < NOTED_EVERY or number < look.last_number:
        return look
    look.last_number, look.last_at = max(number, look.last_number), at
    look.save(update_fields=["last_number", "last_at", "since_number", "since_at"])
    return look
