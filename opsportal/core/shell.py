"""What stands around every page: navigation, the chosen platform, the portal's health.

core knows no other app: each registers what it adds from its AppConfig.ready.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from opsportal.core import clock
from opsportal.core.actor import ANONYMOUS, Actor
from opsportal.core.gate import allows

SESSION_PLATFORM: Final = "platform"
ALL_PLATFORMS: Final = "all"


class PlatformChoice(Protocol):
    """As much of a platform as the shell shows."""

    pk: int
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Health:
    """The portal's own state: "ok", "degraded" or "dead", and one sentence that says why."""

    state: str = "ok"
    text: str = "All loops run."


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class NavItem:
    """One line of the rail, as shown to this person on this page."""

    name: str
    label: str
    icon: str
    url: str
    current: bool
    count: int


@dataclass(frozen=True, slots=True)
class _NavEntry:
    order: int
    name: str
    label: str
    icon: str
    url_name: str
    action: str
    count: Callable[[Actor], int] | None


@dataclass(frozen=True, slots=True)
class Shell:
    """The `shell` of every template."""

    user: Person
    now: datetime
    theme: str = "system"
    density: str = "compact"
    shortcuts_enabled: bool = True
    simulated: bool = False
    platforms: Sequence[PlatformChoice] = ()
    platform: PlatformChoice | None = None
    nav: Sequence[NavItem] = ()
    counts: dict[str, int] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    worst_rank: int | None = None
    can_declare: bool = False


@dataclass(frozen=True, slots=True)
class SettingLink:
    """One card of the settings index."""

    order: int
    label: str
    text: str
    icon: str
    url_name: str
    action: str


_nav: dict[str, _NavEntry] = {}
_settings: dict[str, SettingLink] = {}
_platform_source: list[Callable[[Actor], Sequence[PlatformChoice]]] = []
_health_source: list[Callable[[], Health]] = []
_worst_source: list[Callable[[Actor], int | None]] = []


def register_nav(
    order: int,
    name: str,
    label: str,
    icon: str,
    url_name: str,
    action: str,
    count: Callable[[Actor], int] | None = None,
) -> None:
    """Add a line to the rail, shown to whoever may do `action`; `count` is the number beside it."""
    _nav[name] = _NavEntry(order, name, label, icon, url_name, action, count)


def register_setting(order: int, label: str, text: str, icon: str, url_name: str, action: str) -> None:
    """Add a card to the settings index, shown to whoever may do `action`."""
    _settings[url_name] = SettingLink(order, label, text, icon, url_name, action)


def setting_links(actor: Actor) -> list[SettingLink]:
    """The cards this actor may open, in order."""
    return [link for link in sorted(_settings.values(), key=lambda row: row.order) if allows(actor, link.action)]


def register_platforms(source: Callable[[Actor], Sequence[PlatformChoice]]) -> None:
    """Say which platforms an actor may choose from (one query)."""
    _platform_source[:] = [source]


def register_health(source: Callable[[], Health]) -> None:
    """Say how the portal itself is; must never raise."""
    _health_source[:] = [source]


def register_worst_rank(source: Callable[[Actor], int | None]) -> None:
    """Say the rank of the worst open incident an actor may see, for the favicon."""
    _worst_source[:] = [source]


def request_actor(request: HttpRequest) -> Actor:
    """The actor of any request, also of one that failed before accounts' middleware ran."""
    return getattr(request, "actor", ANONYMOUS)


def visible_platforms(request: HttpRequest) -> Sequence[PlatformChoice]:
    """The platforms this person may see, read once a request."""
    cached: Sequence[PlatformChoice] | None = getattr(request, "visible_platforms", None)
    if cached is None:
        actor = request_actor(request)
        known = actor.kind != "anonymous" and bool(_platform_source)
        cached = _platform_source[0](actor) if known else ()
        request.visible_platforms = cached  # type: ignore[attr-defined]
    return cached


def selected_platform(request: HttpRequest) -> PlatformChoice | None:
    """The platform the lists are narrowed to, or None for all.

    `?platform=KEY` chooses and is remembered in the session, `?platform=all` forgets; a key the person may not see
    chooses nothing.
    """
    session: Any = getattr(request, "session", None)
    if session is None or request_actor(request).kind == "anonymous":
        return None
    asked = request.GET.get("platform")
    key = asked if asked is not None else session.get(SESSION_PLATFORM, "")
    chosen = next((platform for platform in visible_platforms(request) if platform.key == key), None)
    if asked is not None and session.get(SESSION_PLATFORM, "") != (chosen.key if chosen else ""):
        session[SESSION_PLATFORM] = chosen.key if chosen else ""
    return chosen


def _exists(url_name: str) -> bool:
    """Whether this installation has the room."""
    try:
        reverse(url_name)
    except NoReverseMatch:
        return False
    return True


def _nav_items(request: HttpRequest, actor: Actor) -> list[NavItem]:
    items, best = [], ""
    shown = [entry for entry in sorted(_nav.values(), key=lambda entry: entry.order) if allows(actor, entry.action)]
    urls: dict[str, str] = {}
    for entry in shown:
        if _exists(entry.url_name):
            urls[entry.name] = reverse(entry.url_name)
    for url in urls.values():  # the longest address that this page lies below is the current one
        below = request.path == url if url == "/" else request.path.startswith(url)
        best = url if below and len(url) > len(best) else best
    for entry in shown:
        if entry.name in urls:
            count = entry.count(actor) if entry.count else 0
            url = urls[entry.name]
            items.append(NavItem(entry.name, entry.label, entry.icon, url, url == best, count))
    return items


def _shell(request: HttpRequest) -> Shell:
    actor = request_actor(request)
    simulated = bool(settings.AWS_ENDPOINT_URL)
    if actor.kind == "anonymous":
        return Shell(user=Person("", ""), now=clock.now(), simulated=simulated)
    user: Any = request.user
    nav = _nav_items(request, actor)
    return Shell(
        user=Person(user.name, user.email),
        now=clock.now(),
        theme=user.theme,
        density=user.density,
        shortcuts_enabled=user.shortcuts_enabled,
        simulated=simulated,
        platforms=visible_platforms(request),
        platform=selected_platform(request),
        nav=nav,
        counts={item.name: item.count for item in nav},
        health=_health_source[0]() if _health_source else Health(),
        worst_rank=_worst_source[0](actor) if _worst_source else None,
        can_declare=_exists("incidents:declare") and allows(actor, "incidents.incident_declare"),
    )


def shell_context(request: HttpRequest) -> dict[str, Shell]:
    """Context processor of the Jinja2 pages; built once a request, also when several blocks are rendered."""
    shell: Shell | None = getattr(request, "shell", None)
    if shell is None:
        shell = _shell(request)
        request.shell = shell  # type: ignore[attr-defined]
    return {"shell": shell}
