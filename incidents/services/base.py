"""What every change of an incident has in common: lock, version, audit, live pages, chart marks."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from incidents import events
from incidents.lifecycle import Position, TimeOrderError, check_times
from incidents.models import Incident, IncidentWave
from monitoring.models import AnnotationKind
from monitoring.services.marks import annotation_put
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
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
        _check_waves(incident, changes)
    incident.update_versioned(expected=incident.version, **changes)


def _check_waves(incident: Incident, changes: Mapping[str, Any]) -> None:
    """What came back ended after what had ended before it. Raises TimeOrderError."""
    ends = [changes[name] for name in ("mitigated_at", "resolved_at") if changes.get(name) is not None]
    if not ends:
        return
    before = IncidentWave.objects.filter(incident=incident).order_by("-number").first()
    if before is not None and min(ends) < before.resolved_at:
        raise TimeOrderError(f"Wave {before.number} was resolved {stamp(before.resolved_at)}: this one ended later.")


def moved(incident: Incident, position: Position, at: datetime) -> dict[str, Any]:
    """The column values that put the incident at `position`."""
    changes: dict[str, Any] = {"state": position.state.value, "stage": position.stage.value}
    if position.stage.value != incident.stage:
        changes["stage_times"] = {**incident.stage_times, position.stage.value: at.isoformat()}
    return changes


def finish(
    incident: Incident,
    *,
    by: Actor,
    at: datetime,
    verb: str,
    data: Mapping[str, Any] | None = None,
    tells: Callable[[], events.Told] | None = None,
) -> None:
    """A service's last statements: live pages, webhooks, then the audit row, whose chain is locked the shortest.

    `data` is the audit's. `tells` is what webhooks hear of this event besides what the incident is; asked only when one
    listens, and never of a restricted incident.
    """
    touch(f"incident:{incident.pk}", incident.pk)
    touch("today", incident.pk)
    if tells is not None and not incident.is_restricted:
        announce(
            event=verb,
            key=f"{verb}:{incident.pk}:{incident.version}",
            platform_id=incident.platform_id,
            at=at,
            data=lambda: {**events.of_incident(incident), **tells()},
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


def mark_charts(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Keep the mark over [impact, resolved) that charts show and SLO reports attribute burnt budget by.

    It is audited: only `finish` comes after it.
    """
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
