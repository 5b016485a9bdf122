"""What stands around every page: navigation, the chosen platform, the portal's health.

core knows no other app: each registers what it adds from its AppConfig.ready.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from django.conf import settings
from django.db.models import Count, Min, QuerySet, Value
from django.http import HttpRequest

from opsportal.core import clock, prepared
from opsportal.core.actor import ANONYMOUS, Actor
from opsportal.core.addresses import address
from opsportal.core.freshness import SESSION_PLATFORM, kept
from opsportal.core.gate import allows

RowsOf = Callable[[Actor, datetime], QuerySet[Any]]  # what an actor may see at an instant


class PlatformChoice(Protocol):
    """As much of a platform as the shell shows."""

    @property
    def pk(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """A platform of the switcher."""

    pk: int
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around every page of one person, as long as the version of what they see lasts."""

    platforms: tuple[Choice, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """The portal's own state: "ok", "degraded" or "dead", and one sentence that says why."""

    state: str = "ok"
    text: str = "All loops run."


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    pk: int | None = None


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
    count: RowsOf | None


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
_platform_source: list[Callable[[Actor], prepared.Read]] = []
_health_source: list[Callable[[], Health]] = []
_worst_source: list[RowsOf] = []


def register_nav(
    order: int,
    name: str,
    label: str,
    icon: str,
    url_name: str,
    action: str,
    count: RowsOf | None = None,
) -> None:
    """Add a line to the rail, shown to whoever may do `action`; beside it stands how many rows `count` gives."""
    _nav[name] = _NavEntry(order, name, label, icon, url_name, action, count)


def register_setting(order: int, label: str, text: str, icon: str, url_name: str, action: str) -> None:
    """Add a card to the settings index, shown to whoever may do `action`."""
    _settings[url_name] = SettingLink(order, label, text, icon, url_name, action)


def setting_links(actor: Actor) -> list[SettingLink]:
    """The cards this actor may open, in order."""
    return [link for link in sorted(_settings.values(), key=lambda row: row.order) if allows(actor, link.action)]


def register_platforms(source: Callable[[Actor], prepared.Read]) -> None:
    """Say which platforms an actor may choose from: rows of Choice."""
    _platform_source[:] = [source]


def register_health(source: Callable[[], Health]) -> None:
    """Say how the portal itself is; must never raise."""
    _health_source[:] = [source]


def register_worst_rank(source: RowsOf) -> None:
    """Say which rows with a `rank` are open for an actor: the favicon shows the worst."""
    _worst_source[:] = [source]


def request_actor(request: HttpRequest) -> Actor:
    """The actor of any request, also of one that failed before accounts' middleware ran."""
    return getattr(request, "actor", ANONYMOUS)


def visible_platforms(request: HttpRequest) -> Sequence[PlatformChoice]:
    """The platforms this person may see."""
    return _frame(request).platforms


def _build_frame(actor: Actor) -> _Frame:
    reads = [*(source(actor) for source in _platform_source), *_figures(actor)]
    choices, *figures = prepared.together(actor, *reads)
    return _Frame(tuple(Choice(*row) for row in choices), dict(*figures))


def _frame(request: HttpRequest) -> _Frame:
    """Platforms and figures of this person: once a request, and kept for as long as nothing changed."""
    frame: _Frame | None = getattr(request, "shell_frame", None)
    if frame is None:
        actor = request_actor(request)
        if actor.kind == "anonymous":
            return _Frame()
        frame = kept(request, actor, "shell", lambda: _build_frame(actor))
        request.shell_frame = frame  # type: ignore[attr-defined]
    return frame


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


def _figures(actor: Actor) -> list[prepared.Read]:
    """The number of rows of each line that counts, and the worst rank ("" is its name), all in one query."""
    names = tuple(name for name, entry in _nav.items() if entry.count is not None and allows(actor, entry.action))
    if not names and not _worst_source:
        return []
    return [prepared.Read(partial(_figure_rows, names), {"at": clock.now()})]


def _figure_rows(names: Sequence[str], actor: Actor, at: datetime) -> QuerySet[Any, Any]:
    counted = [(name, source(actor, at), Count("pk")) for name in names if (source := _nav[name].count) is not None]
    ranked = [("", source(actor, at), Min("rank")) for source in _worst_source]
    first, *more = [
        rows.order_by().annotate(figure=Value(name)).values("figure").annotate(n=figure).values_list("figure", "n")
        for name, rows, figure in (*counted, *ranked)
    ]
    united: QuerySet[Any, Any] = first.union(*more, all=True)
    return united


def _nav_items(request: HttpRequest, actor: Actor, figures: Mapping[str, int]) -> list[NavItem]:
    items, best = [], ""
    shown = [entry for entry in sorted(_nav.values(), key=lambda entry: entry.order) if allows(actor, entry.action)]
    urls = {entry.name: url for entry in shown if (url := address(entry.url_name))}
    for url in urls.values():  # the longest address that this page lies below is the current one
        below = request.path == url if url == "/" else request.path.startswith(url)
        best = url if below and len(url) > len(best) else best
    for entry in shown:
        if entry.name in urls:
            url = urls[entry.name]
            items.append(NavItem(entry.name, entry.label, entry.icon, url, url == best, figures.get(entry.name, 0)))
    return items


def _shell(request: HttpRequest) -> Shell:
    actor = request_actor(request)
    simulated = bool(settings.AWS_ENDPOINT_URL)
    if actor.kind == "anonymous":
        return Shell(user=Person("", ""), now=clock.now(), simulated=simulated)
    user: Any = request.user
    figures = _frame(request).figures
    nav = _nav_items(request, actor, figures)
    return Shell(
        user=Person(user.name, user.email, user.pk),
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
        worst_rank=figures.get(""),
        can_declare=bool(address("incidents:declare")) and allows(actor, "incidents.incident_declare"),
    )


def shell_context(request: HttpRequest) -> dict[str, Shell]:
    """Context processor of the Jinja2 pages; built once a request, also when several blocks are rendered."""
    shell: Shell | None = getattr(request, "shell", None)
    if shell is None:
        shell = _shell(request)
        request.shell = shell  # type: ignore[attr-defined]
    return {"shell": shell}
