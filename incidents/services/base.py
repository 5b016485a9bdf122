"""What every change of an incident has in common: lock, version, audit, live pages, chart marks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

from incidents.lifecycle import Position, check_times
from incidents.models import Incident
from monitoring.models import AnnotationKind
from monitoring.services.marks import annotation_put
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.models import VersionConflictError
from opsportal.notifications.webhooks import announce

TIMES = (
    "impact_started_at",
    "detected_at",
    "declared_at",
    "acknowledged_at",
    "mitigated_at",
    "resolved_at",
    "closed_at",
)

# What webhooks may ask for: the verb of the audit, and what has happened then.
EVENTS: Final = {
    "incident.declared": "An incident was opened",
    "incident.acknowledged": "Someone took command",
    "severity.changed": "Its severity changed",
    "stage.changed": "It moved to another stage",
    "update.posted": "A status update was posted",
    "incident.mitigated": "Users are served again",
    "incident.resolved": "It was resolved",
    "incident.reopened": "It was reopened",
    "incident.closed": "It was closed",
    "incident.merged": "It was closed as a duplicate of another",
    "review.published": "Its review was published",
}


def next_number(sequence: str) -> int:
    """The next portal-wide number; a rolled back transaction leaves a hole, never a twin."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass)", [sequence])
        return int(cursor.fetchone()[0])


def lock(incident: Incident, *, expected: int) -> Incident:
    """The row as it stands now, held until the transaction ends. Raises VersionConflictError.

    NO KEY: a log line's foreign key check must not wait here while it holds the timeline's counter. Without a join:
    PostgreSQL drops the row from one whose key (the severity) another writer changed while this one waited.
    """
    current: Incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)
    if current.version != expected:
        raise VersionConflictError(current)
    return current


def change(incident: Incident, **changes: Any) -> None:
    """Write the locked row; refuses times in the wrong order. Raises TimeOrderError."""
    if any(name in changes for name in TIMES):
        check_times({name: changes.get(name, getattr(incident, name)) for name in TIMES})
    incident.update_versioned(expected=incident.version, **changes)


def moved(incident: Incident, position: Position, at: datetime) -> dict[str, Any]:
    """The column values that put the incident at `position`."""
    changes: dict[str, Any] = {"state": position.state.value, "stage": position.stage.value}
    if position.stage.value != incident.stage:
        changes["stage_times"] = {**incident.stage_times, position.stage.value: at.isoformat()}
    return changes


def finish(incident: Incident, *, by: Actor, at: datetime, verb: str, data: Mapping[str, Any] | None = None) -> None:
    """A service's last statements: live pages, webhooks, then the audit row, whose chain is locked the shortest."""
    touch(f"incident:{incident.pk}", incident.pk)
    touch("today", incident.pk)
    if verb in EVENTS and not incident.is_restricted:
        announce(
            event=verb,
            key=f"{verb}:{incident.pk}:{incident.version}",
            platform_id=incident.platform_id,
            at=at,
            data=lambda: announced(incident, data or {}),
        )
    record(
        by=by,
        at=at,
        verb=f"incidents.{verb}",
        obj_kind="incident",
        obj_id=incident.pk,
        platform_id=incident.platform_id,
        data=dict(data or {}),
    )


def announced(incident: Incident, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What a webhook is told about an incident."""
    return {
        "number": incident.number,
        "reference": incident.reference,
        "url": f"{settings.PUBLIC_URL}{incident.url}",
        "title": incident.title,
        "platform": incident.platform.key,
        "service": incident.service.key if incident.service else None,
        "severity": incident.severity.label,
        "rank": incident.rank,
        "state": incident.state,
        "stage": incident.stage,
        "version": incident.version,
        **extra,
    }


def mark_charts(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Keep the mark over [impact, resolved) that charts show and SLO reports attribute burnt budget by."""
    annotation_put(
        by=by,
        at=at,
        platform=incident.platform,
        service=incident.service,
        kind=AnnotationKind.INCIDENT,
        ref=incident.reference,
        title=incident.title,
        url=incident.url,
        starts_at=incident.impact_started_at,
        ends_at=incident.resolved_at,
        restricted=incident.is_restricted,
    )
