"""Change freezes that a person begins and ends: of a platform or of one of its services.

The record and what shows it; nothing is held back by it yet.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from maintenance.models import OccurrenceState, Window, WindowKind, WindowOccurrence
from maintenance.services.windows import (
    WindowInputError,
    WindowRefusedError,
    occurrence_log,
    occurrence_mark,
    window_open,
)
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Platform, PolicySource, Service

LONGEST: Final = timedelta(days=92)
LONGEST_REASON: Final = 240  # characters
LONGEST_END_REASON: Final = 400


@transaction.atomic
def freeze_begin(
    *, by: Actor, at: datetime, platform: Platform, service: Service | None, reason: str, ends_at: datetime
) -> WindowOccurrence:
    """Freeze changes of a platform, or of one of its services, from now until `ends_at`.

    Raises WindowRefusedError while the same is frozen already, WindowInputError for an end that is past or too far and
    for a reason that is missing or too long.
    """
    why = _reason(reason, LONGEST_REASON)
    if not at < ends_at <= at + LONGEST:
        raise WindowInputError("A freeze ends after now, at most 92 days later; nothing was changed.")
    Platform.objects.hold(platform.pk)
    window = _window(platform, service)
    running = window.occurrences.filter(state=OccurrenceState.OPEN, ends_at__gt=at).first()
    if running is not None:
        raise WindowRefusedError(
            f"{running.asked_by_name} froze this until {running.ends_at:%Y-%m-%d %H:%M} UTC: end that one first."
        )
    occurrence = WindowOccurrence.objects.create(
        platform=platform, window=window, starts_at=at, ends_at=ends_at, reason=why,
        asked_by_name=by.name,
    )  # fmt: skip
    window_open(by=by, at=at, occurrence=occurrence)
    return occurrence


def _reason(text: str, most: int) -> str:
    """In clean words; nothing of them is cut. Raises WindowInputError."""
    words = clean_text(text).strip()
    if not 0 < len(words) <= most:
        raise WindowInputError(f"Say why, in at most {most} characters; nothing was changed.")
    return words


def _window(platform: Platform, service: Service | None) -> Window:
    """What freezes of this platform or service are occurrences of; it comes with the first one."""
    key = f"change-freeze-{service.pk}" if service else "change-freeze"
    window, is_new = Window.objects.get_or_create(
        platform=platform,
        key=key,
        defaults={
            "name": f"Change freeze of {service.name if service else platform.name}"[:120],
            "kind": WindowKind.FREEZE,
            "duration_minutes": 0,
            "silences_alarms": False,
            "excludes_slo": False,
            "source": PolicySource.EDITED,
        },
    )
    if is_new and service is not None:
        window.services.set([service])
    return window


@transaction.atomic
def freeze_end(*, by: Actor, at: datetime, occurrence: WindowOccurrence, expected: int, reason: str) -> None:
    """Let changes go on before the freeze ends by itself.

    Raises WindowRefusedError when it is over, or no freeze, WindowInputError for a reason that is missing or too long.
    """
    why = _reason(reason, LONGEST_END_REASON)
    if not occurrence.freezes(at):
        raise WindowRefusedError("Only a freeze that holds can be ended; nothing was changed.")
    occurrence.update_versioned(
        expected=expected, state=OccurrenceState.CLOSED, closed_at=at, end_reason=why,
        ended_by_name=by.name, ends_at=max(at, occurrence.starts_at + timedelta(microseconds=1)),
    )  # fmt: skip
    occurrence_mark(by=by, at=at, occurrence=occurrence)
    text = f"{occurrence.window.name} ended: {why}"
    occurrence_log(by=by, at=at, occurrence=occurrence, text=text, verb="ended")
