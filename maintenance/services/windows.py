"""Plan, open and close maintenance windows and freezes.

Opening a window writes rows of monitoring (silence, SLO exclusion, annotation), so that nothing down there
needs to know about windows.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.urls import reverse

from maintenance.models import LogKind, OccurrenceState, Window, WindowKind, WindowOccurrence
from maintenance.services.operations_log import log_add
from monitoring.models import AnnotationKind
from monitoring.services.exclusions import exclusion_put
from monitoring.services.marks import annotation_put, silence_put
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.core.refusals import ConflictingError, RefusedError
from opsportal.platforms.models import Service
from opsportal.schedule.recurrence import Rule, next_slots

HORIZON: Final = timedelta(days=35)


class WindowRefusedError(ConflictingError):
    """The window cannot be changed this way; the message says why."""


class WindowInputError(RefusedError):
    """What was asked for could be at no time."""


def window_occurrences_plan(*, at: datetime, window: Window) -> int:
    """Write the coming occurrences of a recurring window, each once; returns how many are new."""
    if not window.rule:
        return 0
    length = timedelta(minutes=window.duration_minutes)
    slots = next_slots(Rule(cron=window.rule, zone=window.zone), at - length, at + HORIZON)
    known = set(window.occurrences.filter(starts_at__gt=at - length).values_list("starts_at", flat=True))
    new = [
        WindowOccurrence(
            platform_id=window.platform_id, window=window, starts_at=slot.at_utc, ends_at=slot.at_utc + length
        )
        for slot in slots
        if slot.at_utc not in known
    ]
    # Another dispatcher may plan at the same time: its rows and ours are the same.
    WindowOccurrence.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


@transaction.atomic
def window_now(*, by: Actor, at: datetime, window: Window) -> WindowOccurrence:
    """An extra occurrence that begins at once and lasts as long as the window's others."""
    occurrence = WindowOccurrence.objects.create(
        platform_id=window.platform_id,
        window=window,
        starts_at=at,
        ends_at=at + timedelta(minutes=window.duration_minutes),
    )
    record(
        by=by,
        at=at,
        verb="maintenance.window.added",
        obj_kind="window_occurrence",
        obj_id=occurrence.pk,
        platform_id=window.platform_id,
    )
    return occurrence


@transaction.atomic
def window_open(*, by: Actor, at: datetime, occurrence: WindowOccurrence) -> None:
    """Open it: alarms are silenced, the SLO's adjusted figures leave it out, charts show it."""
    occurrence.update_versioned(expected=occurrence.version, state=OccurrenceState.OPEN, opened_at=at)
    window = occurrence.window
    occurrence_mark(by=by, at=at, occurrence=occurrence)
    text = f"{window.get_kind_display()} open: {occurrence.title}."
    occurrence_log(by=by, at=at, occurrence=occurrence, text=text, verb="opened")


def occurrence_mark(*, by: Actor, at: datetime, occurrence: WindowOccurrence) -> None:
    """Lay its span over monitoring, or change what was laid there; of each of its services, or of the platform."""
    services: list[Service | None] = [*occurrence.window.services.all()] or [None]
    for service in services:
        _mark(by=by, at=at, occurrence=occurrence, service=service)


def _mark(*, by: Actor, at: datetime, occurrence: WindowOccurrence, service: Service | None) -> None:
    window = occurrence.window
    span: dict[str, Any] = {
        "platform": occurrence.platform,
        "service": service,
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "ref": f"WIN-{occurrence.pk}" + (f"/{service.key}" if service else ""),
        "url": reverse("maintenance:window", args=[occurrence.pk]),
    }
    if window.kind == WindowKind.FREEZE:
        annotation_put(by=by, at=at, kind=AnnotationKind.FREEZE, title=occurrence.title, **span)
        return
    if window.silences_alarms:
        silence_put(by=by, at=at, reason=window.name, **span)
    if window.excludes_slo:
        exclusion_put(by=by, at=at, slo=None, reason=window.name, **span)
    annotation_put(by=by, at=at, kind=AnnotationKind.WINDOW, title=window.name, **span)


@transaction.atomic
def window_close(*, by: Actor, at: datetime, occurrence: WindowOccurrence) -> None:
    """Close it; what it wrote into monitoring ends by its own times."""
    occurrence.update_versioned(expected=occurrence.version, state=OccurrenceState.CLOSED, closed_at=at)
    text = f"{occurrence.window.get_kind_display()} closed: {occurrence.window.name}."
    occurrence_log(by=by, at=at, occurrence=occurrence, text=text, verb="closed")


@transaction.atomic
def window_cancel(*, by: Actor, at: datetime, occurrence: WindowOccurrence, expected: int, reason: str) -> None:
    """Call off a planned occurrence; it stays visible as cancelled. Raises WindowRefusedError once it is open."""
    if occurrence.state != OccurrenceState.PLANNED:
        raise WindowRefusedError("Only a planned window can be cancelled; nothing was changed.")
    occurrence.update_versioned(
        expected=expected, state=OccurrenceState.CANCELLED, closed_at=at, end_reason=clean_text(reason)[:400],
        ended_by_name=by.name,
    )  # fmt: skip
    text = f"{occurrence.window.name} of {occurrence.starts_at:%d %b %H:%M} UTC cancelled: {reason}"
    occurrence_log(by=by, at=at, occurrence=occurrence, text=text, verb="cancelled")


def occurrence_log(*, by: Actor, at: datetime, occurrence: WindowOccurrence, text: str, verb: str) -> None:
    """Write what became of it to the operations log, wake the pages and leave its audit row: the last of a deed."""
    log_add(
        by=by,
        at=at,
        platform_id=occurrence.platform_id,
        kind=LogKind.WINDOW,
        text=text,
        url=reverse("maintenance:window", args=[occurrence.pk]),
    )
    touch("today", occurrence.pk)
    record(
        by=by,
        at=at,
        verb=f"maintenance.window.{verb}",
        obj_kind="window_occurrence",
        obj_id=occurrence.pk,
        platform_id=occurrence.platform_id,
    )
