"""Files on a timeline: what they are is read from their content, never from their name."""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from incidents.choices import EntryKind
from incidents.errors import IncidentError
from incidents.models import Attachment, Incident, TimelineEntry
from incidents.services.timeline import append
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.formats import number
from opsportal.core.markdown import clean_text

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_FILES: Final = 50
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')


def _is_text(content: bytes) -> bool:
    try:
        return not _CONTROL.search(content.decode("utf-8"))
    except UnicodeDecodeError:
        return False


_KINDS: Final[tuple[tuple[str, str, Callable[[bytes], bool]], ...]] = (
    ("image/png", ".png", lambda content: content.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", ".jpg", lambda content: content.startswith(b"\xff\xd8\xff")),
    ("image/webp", ".webp", lambda content: content.startswith(b"RIFF") and content[8:12] == b"WEBP"),
    ("text/plain", ".txt", _is_text),
)
_TEXT_ENDINGS: Final = (".txt", ".log", ".md", ".csv", ".json", ".sql", ".yml", ".yaml", ".conf", ".diff")


def media_type(content: bytes) -> str:
    """What the bytes are: one of the images or plain text; "" for anything else."""
    return next((name for name, _ending, is_it in _KINDS if is_it(content)), "")


def file_name(name: str, kind: str) -> str:
    """A name that a file system takes, with the ending of what it is."""
    clean = _UNSAFE.sub("-", clean_text(name)).strip(" .-") or "file"
    ending = next(ending for media, ending, _ in _KINDS if media == kind)
    usual = _TEXT_ENDINGS if kind == "text/plain" else (ending, ".jpeg") if ending == ".jpg" else (ending,)
    if clean.lower().endswith(usual):
        stem, _, last = clean.rpartition(".")
        return f"{stem[:100]}.{last}"
    return f"{clean[:100]}{ending}"


def attachment_add(
    *, by: Actor, at: datetime, incident: Incident, name: str, content: bytes, client_key: str = ""
) -> TimelineEntry:
    """Keep a file with a line of its own; the same `client_key` again returns that line. Raises IncidentError."""
    if not content:
        raise IncidentError("This file is empty.")
    if len(content) > MOST_BYTES:
        raise IncidentError(f"A file has at most {number(MOST_BYTES, 'Bytes')}.")
    kind = media_type(content)
    if not kind:
        raise IncidentError("Only PNG, JPEG and WebP images and UTF-8 text can be kept here.")
    digest, name = hashlib.sha256(content).hexdigest(), file_name(name, kind)
    try:
        with transaction.atomic():
            # The lock on the counter that every line takes also makes the limit exact.
            said = f"attached {name} ({number(len(content), 'Bytes')}, SHA-256 {digest[:12]}…)"
            entry = append(incident, kind=EntryKind.FILE, body=said, by=by, at=at, client_key=client_key or None)
            if Attachment.objects.filter(incident=incident).count() >= MOST_FILES:
                raise IncidentError(f"{MOST_FILES} files are kept here already.")
            Attachment.objects.create(
                entry=entry,
                incident=incident,
                name=name,
                media_type=kind,
                size=len(content),
                sha256=digest,
                content=content,
            )
            record(
                by=by,
                at=at,
                verb="incidents.attachment.added",
                obj_kind="incident",
                obj_id=incident.pk,
                platform_id=incident.platform_id,
                data={"entry": entry.pk, "sha256": digest, "size": len(content), "type": kind},
            )
    except IntegrityError:
        if not client_key:
            raise
        existing: TimelineEntry | None = TimelineEntry.objects.filter(incident=incident, client_key=client_key).first()
        if existing is None:
            raise
        return existing
    return entry
