"""Reads about people."""

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.conflicts import LastChange
from opsportal.core.models import VersionedModel


def last_change_of(row: VersionedModel) -> LastChange | None:
    """Who changed a row last, as the audit trail has it; None when it never saw the row."""
    entry = (
        AuditEntry.objects.filter(obj_kind=str(row._meta.model_name), obj_id=str(row.pk))
        .order_by("-recorded_at", "-pk")
        .first()
    )
    if entry is None:
        return None
    person = User.objects.filter(pk=entry.actor_user_id).first() if entry.actor_user_id else None
    return LastChange(name=person.name if person else entry.actor_system, at=entry.at)
