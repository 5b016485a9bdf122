"""Write a line of the journal."""

from datetime import datetime

from django.db import transaction

from maintenance.models import LogKind, OperationsLogEntry
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch


def log_add(
    *, by: Actor, at: datetime, platform_id: int, kind: LogKind, text: str, url: str = ""
) -> OperationsLogEntry:
    """Add a line within the caller's transaction; the caller writes the audit row of its own deed."""
    return OperationsLogEntry.objects.create(
        platform_id=platform_id, at=at, kind=kind, text=text, author_id=by.user_id, url=url
    )


@transaction.atomic
def log_write(*, by: Actor, at: datetime, platform_id: int, text: str) -> OperationsLogEntry:
    """A person's own line."""
    entry = log_add(by=by, at=at, platform_id=platform_id, kind=LogKind.NOTE, text=text)
    touch("today", entry.pk)
    record(
        by=by,
        at=at,
        verb="maintenance.log.written",
        obj_kind="operations_log_entry",
        obj_id=entry.pk,
        platform_id=platform_id,
        data={},
    )
    return entry
