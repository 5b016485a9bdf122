"""Heartbeats for pages and the API: what is late first, then what is not known."""

from datetime import datetime

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from monitoring.models import AlarmState, Beat, Heartbeat
from monitoring.models.heartbeats import UNJUDGED_FOR
from opsportal.core.actor import Actor
from opsportal.core.pagination import Page, keyset_page

# Worst first as PostgreSQL can tell; what stands in a row is `Heartbeat.kind_at`.
ORDER = ("place", "key", "pk")
PAGE = 50
BEATS = 60


def heartbeats_of(actor: Actor, *, at: datetime, platform_id: int | None = None) -> QuerySet[Heartbeat]:
    """Heartbeats the actor may see, with `place` to order them: late or failed, not known, in time, paused."""
    place = Case(
        When(enabled=False, then=Value(3)),
        When(Q(look_at__lt=at - UNJUDGED_FOR) | Q(alarm__state=AlarmState.UNKNOWN), then=Value(1)),
        When(alarm__state=AlarmState.OK, then=Value(2)),
        default=Value(0),
        output_field=IntegerField(),
    )
    rows = Heartbeat.objects.visible_to(actor).of_platform(platform_id).annotate(place=place)
    return rows.select_related("platform", "service", "severity", "alarm")


def heartbeat_page(
    actor: Actor, *, at: datetime, platform_id: int | None, cursor: str | None, size: int = PAGE
) -> Page[Heartbeat]:
    """A page of heartbeats, the worst first."""
    return keyset_page(heartbeats_of(actor, at=at, platform_id=platform_id), order=ORDER, cursor=cursor, size=size)


def beat_page(heartbeat: Heartbeat, *, cursor: str | None, size: int = BEATS) -> Page[Beat]:
    """Its beats, newest first."""
    return keyset_page(Beat.objects.filter(heartbeat=heartbeat), order=("-pk",), cursor=cursor, size=size)
