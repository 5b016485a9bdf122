"""What a person's pages show has a version: a page that did not change is answered 304 before it is built.

The version is read in one statement. It changes with every audited write on the person's platforms (the audit
chain's head), with what rooms register beside it, with the person's own rights and settings, and with the minute,
since pages tell how long things have lasted. A page whose figures move otherwise must not use it.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar, cast

from django.conf import settings
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control

from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.htmx import wants_fragment

if TYPE_CHECKING:  # it imports Django's user forms, which no AppConfig may do while apps load
    from opsportal.core.actions import AuthorizedRequest

P = ParamSpec("P")
SESSION_PLATFORM: Final = "platform"  # where the chosen platform's key stands in the session
T = TypeVar("T")
KEPT_SECONDS: Final = 120  # the version changes with the minute anyway
_sources: Final[list[str]] = []


def register_version(table: str, platform_column: str, counter: str) -> None:
    """Add `sum(counter)` of the person's platforms; the counter grows with each write of a row, in its transaction."""
    _sources.append(f"(SELECT sum({counter}) FROM {table} WHERE {platform_column} = ANY(%(platforms)s))")  # noqa: S608


def seen_version(request: HttpRequest, actor: Actor) -> str:
    """The version of all that this person can see now; one statement a request."""
    known: str | None = getattr(request, "seen_version", None)
    if known is None:
        user = request.user
        parts = [user.pk, getattr(user, "version", 0), sorted(actor.roles.items()), actor.is_portal_admin]
        parts += [int(clock.now().timestamp() // 60), *_read(sorted(actor.platform_ids))]
        known = hashlib.blake2s(repr(parts).encode(), digest_size=16).hexdigest()
        request.seen_version = known  # type: ignore[attr-defined]
    return known


def _read(platforms: list[int]) -> tuple[object, ...]:
    if not _sources:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(_sources)}", {"platforms": platforms})
        return tuple(cursor.fetchone() or ())


def kept(request: HttpRequest, actor: Actor, name: str, build: Callable[[], T]) -> T:
    """What `build` gives for this person, built again when the version moves; without a cache, each time.

    `name` tells apart what else it depends on. The cache only saves time: nothing is lost with it.
    """
    return kept_each(request, actor, (name,), lambda _name: build())[name]


def kept_each(request: HttpRequest, actor: Actor, names: Sequence[str], build: Callable[[str], T]) -> dict[str, T]:
    """What `build` gives for each name, in one question to the cache and one answer; see `kept`."""
    keys = {name: f"kept:{name}:{seen_version(request, actor)}" for name in names}
    known: dict[str, T] = cache.get_many(keys.values())
    missing = {key: build(name) for name, key in keys.items() if key not in known}
    if missing:
        cache.set_many(missing, KEPT_SECONDS)
    return {name: known[key] if key in known else missing[key] for name, key in keys.items()}


def revalidated(
    view: Callable[Concatenate["AuthorizedRequest", P], HttpResponseBase],
) -> Callable[Concatenate["AuthorizedRequest", P], HttpResponseBase]:
    """Answer 304 to a browser that holds the page as it still is. Stands below `require_action`."""

    @wraps(view)
    def answered(request: "AuthorizedRequest", *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if len(get_messages(request)):
            return view(request, *args, **kwargs)  # shown once, to be read once
        etag = _etag(request)
        unchanged = get_conditional_response(request, etag=etag)
        if unchanged is not None:
            return unchanged
        response = view(request, *args, **kwargs)
        if response.status_code == 200:
            response["ETag"] = etag
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return cast("Callable[Concatenate[AuthorizedRequest, P], HttpResponseBase]", answered)


def _etag(request: "AuthorizedRequest") -> str:
    # Forms in the page carry a token of this cookie; a new sign-in brings a new one.
    secret = request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")
    parts = (
        seen_version(request, request.actor),
        request.get_full_path(),
        wants_fragment(request),
        request.session.get(SESSION_PLATFORM, ""),
        secret,
    )
    return f'W/"{hashlib.blake2s(repr(parts).encode(), digest_size=16).hexdigest()}"'
