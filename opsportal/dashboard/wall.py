"""A screen on the wall: what is on fire, in letters that can be read across the room, with nothing to press."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.http import HttpResponse
from django.urls import reverse

from monitoring.selectors.services import ServiceRow, service_rows, stale_series
from monitoring.selectors.slo_report import SloRow, slo_rows, slos_of
from monitoring.slo.periods import rolling
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.freshness import kept
from opsportal.core.htmx import render_page
from opsportal.core.pagination import Head
from opsportal.core.shell import selected_platform, visible_platforms
from opsportal.dashboard.selectors import Now, now_column

INCIDENTS: Final = 6
ALARMS: Final = 5
SLOS: Final = 3
SERVICES: Final = 12
PANELS: Final[Mapping[str, str]] = {
    "incidents": "Open incidents",
    "services": "Services",
    "firing": "Alarms firing",
    "budgets": "Error budgets",
}
READ: Final = frozenset({"read"})


@dataclass(frozen=True, slots=True)
class Wall:
    """What the screen shows; a part that is not wanted is empty."""

    now: Now
    stale: int
    services: Head[ServiceRow]
    slos: list[SloRow]

    @property
    def states(self) -> Mapping[str, int]:
        """Services by their state on the overview."""
        return Counter(row.state for row in self.services.rows)


def passer_by(actor: Actor) -> Actor:
    """Anyone may stand before the screen: it shows no restricted incident, whoever signed it in."""
    return Actor(kind="token", name=actor.name, user_id=actor.user_id, roles=actor.roles, scopes=READ)


def wanted_panels(request: AuthorizedRequest) -> list[str]:
    """The panels that the address asks for, `?show=services&show=firing`, in the screen's order; else all."""
    asked = set(request.GET.getlist("show"))
    return [name for name in PANELS if name in asked] or list(PANELS)


def wall_content(request: AuthorizedRequest, at: datetime, panels: list[str]) -> Wall:
    platform = selected_platform(request)
    platform_id, reader = (platform.pk if platform else None), passer_by(request.actor)

    def worst() -> list[SloRow]:
        return slo_rows(slos_of(reader, platform_id=platform_id), rolling(at))[:SLOS]

    return Wall(
        now=now_column(reader, at, platform_id),
        stale=stale_series(reader, at=at, platform_id=platform_id, size=1).total,
        services=service_rows(reader, at=at, platform_id=platform_id) if "services" in panels else Head([], 0),
        slos=kept(request, request.actor, f"wall:slos:{platform_id}", worst) if "budgets" in panels else [],
    )


@require_action("dashboard.wall_view")
def wall(request: AuthorizedRequest) -> HttpResponse:
    """The page refreshes itself: by the event stream, every 20 s without news, and whole without script."""
    at, panels = clock.now(), wanted_panels(request)
    context = {
        "at": at,
        "wall": wall_content(request, at, panels),
        "panels": panels,
        "most": {"incidents": INCIDENTS, "services": SERVICES, "firing": ALARMS},
        "again": request.get_full_path(),
    }
    return render_page(request, "dashboard/wall.html", context, fragment="board")


@require_action("dashboard.wall_view")
def wall_choose(request: AuthorizedRequest) -> HttpResponse:
    """Which platform and which panels a screen shows: the answer is an address, which the screen opens."""
    chosen = selected_platform(request)
    context = {
        "panels": PANELS,
        "platforms": [("all", "every platform"), *((row.key, row.name) for row in visible_platforms(request))],
        "chosen": chosen.key if chosen else "all",
        "action": reverse("dashboard:wall"),
    }
    return render_page(request, "dashboard/wall_choose.html", context)
