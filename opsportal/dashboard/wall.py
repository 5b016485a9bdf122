"""A screen on the wall: what is on fire, in letters that can be read across the room, with nothing to press."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.http import HttpResponse

from monitoring.selectors.services import stale_series
from monitoring.selectors.slo_report import SloRow, slo_rows, slos_of
from monitoring.slo.periods import rolling
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.freshness import kept
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform
from opsportal.dashboard.selectors import Now, now_column

INCIDENTS: Final = 6
ALARMS: Final = 5
SLOS: Final = 3
READ: Final = frozenset({"read"})


@dataclass(frozen=True, slots=True)
class Wall:
    """What the screen shows."""

    now: Now
    slos: list[SloRow]
    stale: int


def passer_by(actor: Actor) -> Actor:
    """Anyone may stand before the screen: it shows no restricted incident, whoever signed it in."""
    return Actor(kind="token", name=actor.name, user_id=actor.user_id, roles=actor.roles, scopes=READ)


def wall_content(request: AuthorizedRequest, at: datetime) -> Wall:
    platform = selected_platform(request)
    platform_id, reader = (platform.pk if platform else None), passer_by(request.actor)

    def worst() -> list[SloRow]:
        return slo_rows(slos_of(reader, platform_id=platform_id), rolling(at))[:SLOS]

    return Wall(
        now=now_column(reader, at, platform_id),
        slos=kept(request, request.actor, f"wall:slos:{platform_id}", worst),
        stale=stale_series(reader, at=at, platform_id=platform_id, size=1).total,
    )


@require_action("dashboard.wall_view")
def wall(request: AuthorizedRequest) -> HttpResponse:
    """The page refreshes itself: by the event stream, every 20 s without news, and whole without script."""
    at = clock.now()
    context = {"at": at, "wall": wall_content(request, at), "most": INCIDENTS, "alarms": ALARMS}
    return render_page(request, "dashboard/wall.html", context, fragment="board")
