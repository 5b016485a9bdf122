"""Appending to a timeline: gap-free numbers, a resent line stored once, all live."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from incidents.choices import EntryKind
from incidents.errors import IncidentError
from incidents.models import Incident, TimelineEntry, TimelineHead
from opsportal.audit.services import APPEND_CALL, append_values
from opsportal.core.actor import Actor
from opsportal.core.live import TOUCH_CALL
from opsportal.core.markdown import clean_text

MAX_BODY: Final = 10_000
CLOCK_SKEW: Final = timedelta(minutes=1)
PROMPT: Final = timedelta(seconds=2)  # a line that was on its way for longer was held back by a lost connection

# Number, entry and who is woken in one statement, of a logged line its audit row too: the head's row lock is held for
# one round trip, whoever else writes, and the chain's lock comes after it, as it does everywhere.
_ENTRY: Final = """
WITH head AS (
    UPDATE incidents_timelinehead SET last_number = last_number + 1 WHERE incident_id = %(incident)s
    RETURNING last_number
), entry AS (
    INSERT INTO incidents_timelineentry
        (incident_id, number, kind, occurred_at, recorded_at, author_id, source, body, data, client_key, supersedes_id)
    SELECT %(incident)s, head.last_number, %(kind)s, %(occurred_at)s, %(recorded_at)s, %(author)s, %(source)s, %(body)s,
        %(data)s, %(client_key)s, %(supersedes)s
    FROM head RETURNING id, number
)
SELECT id, number, """
_WOKEN: Final = TOUCH_CALL.format(id="number")
_AUDITED: Final = APPEND_CALL.format(data="jsonb_build_object('entry', id)")
_APPEND: Final = f"{_ENTRY} {_WOKEN} FROM entry"
_LOG: Final = f"{_ENTRY} {_WOKEN}, {_AUDITED} FROM entry"


def append(  # noqa: PLR0913 - one row, its fields by name
    incident: Incident,
    *,
    kind: str,
    body: str,
    by: Actor,
    at: datetime,
    occurred_at: datetime | None = None,
    data: Mapping[str, Any] | None = None,
    client_key: str | None = None,
    supersedes: TimelineEntry | None = None,
    audit: Mapping[str, Any] | None = None,
) -> TimelineEntry:
    """Write one entry inside the caller's transaction and wake who is looking. Raises IntegrityError on a resend.

    `audit`: the values of its audit row, when the entry is all that happens.
    """
    entry = TimelineEntry(
        incident=incident,
        kind=kind,
        occurred_at=occurred_at or at,
        recorded_at=at,
        author_id=by.user_id,
        source="" if by.user_id else by.name[:60],
        body=clean_text(body)[:MAX_BODY],
        data=dict(data or {}),
        client_key=client_key or None,
        supersedes=supersedes,
    )
    data_field = TimelineEntry._meta.get_field("data")
    values = {
        "incident": incident.pk,
        "kind": entry.kind,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "author": entry.author_id,
        "source": entry.source,
        "body": entry.body,
        "data": data_field.get_db_prep_save(entry.data, connection),
        "client_key": entry.client_key,
        "supersedes": supersedes.pk if supersedes else None,
        "live_topic": f"incident:{incident.pk}",
        **(audit or {}),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOG if audit else _APPEND, values)
        entry.pk, entry.number = cursor.fetchone()[:2]
    return entry


def start_timeline(incident: Incident) -> None:
    """Give a new incident its counter."""
    TimelineHead.objects.create(incident=incident)


def entry_log(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    body: str,
    kind: str = EntryKind.LOG,
    occurred_at: datetime | None = None,
    client_key: str = "",
    data: Mapping[str, Any] | None = None,
) -> TimelineEntry:
    """Log a line. The same `client_key` again returns the entry that is already there. Raises IncidentError."""
    if not body.strip():
        raise IncidentError("Write what happened.")
    if len(body) > MAX_BODY:
        raise IncidentError(f"A line has at most {MAX_BODY:,} characters; put the rest into a second one.")
    check_occurred(occurred_at, at)
    audit = append_values(
        by=by,
        at=at,
        verb="incidents.entry.logged",
        obj_kind="incident",
        obj_id=incident.pk,
        platform_id=incident.platform_id,
    )
    try:
        # A resend's statement is taken back with its number, so it leaves no gap; inside a transaction by a savepoint.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return append(
                incident,
                kind=kind,
                body=body,
                by=by,
                at=at,
                occurred_at=occurred_at,
                data=data,
                client_key=client_key or None,
                audit=audit,
            )
    except IntegrityError:
        if not client_key:
            raise
        existing: TimelineEntry | None = TimelineEntry.objects.filter(incident=incident, client_key=client_key).first()
        if existing is None:
            raise
        return existing


def device_time(*, at: datetime, held: timedelta, contact: datetime | None) -> datetime | None:
    """When a line was written that its browser held back for `held`: the device's time, between the last contact with
    the portal and now. None when it came at once.
    """
    if held <= PROMPT:
        return None
    earliest = min(contact, at) if contact is not None else at
    return at - held if at - earliest > held else earliest


def check_occurred(occurred_at: datetime | None, at: datetime) -> None:
    """Nothing is logged before it happened. Raises IncidentError."""
    if occurred_at is not None and occurred_at > at + CLOCK_SKEW:
        raise IncidentError("This time is still to come; log it when it has happened.")
