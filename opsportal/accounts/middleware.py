"""Gives each request its actor, gates the routes of libraries, and keeps the list of open sessions."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from opsportal.accounts.actors import session_actor
from opsportal.accounts.models import User
from opsportal.accounts.services.sessions import session_seen
from opsportal.core.actor import Actor
from opsportal.core.clock import stamp
from opsportal.core.gate import DeniedError, authorize, rules
from opsportal.core.middleware import domain_answer
from opsportal.core.shell import request_actor

FIRST_RUN: Final = "platforms:first-run"  # by name: platforms stands above
_OWN_GATE: Final = ("action", "cls")  # our views and DRF's carry their action themselves


def _actor_in_zone(request: HttpRequest) -> Actor:
    """The actor; from here on pages show and read times in the person's zone. The API speaks UTC to everybody."""
    actor = session_actor(request)
    if isinstance(request.user, User) and not request.path.startswith("/api/"):
        # A zone that tzdata dropped since it was chosen leaves UTC.
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            timezone.activate(ZoneInfo(request.user.zone))
    return actor


class ActorMiddleware:
    """`request.actor` is read when first asked for: session, person and roles in three queries at most.

    `request.received` is the instant (ms) before which the page knows everything: its event stream begins there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.received = stamp()  # type: ignore[attr-defined]
        request.actor = SimpleLazyObject(lambda: _actor_in_zone(request))  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
        finally:
            timezone.deactivate()  # threads serve more than one person
        if request.session.accessed and response.status_code < 500:
            session_seen(request=request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Gate a view that declares no action by the table of `opsportal.routes`."""
        del args, kwargs
        if any(hasattr(view, name) for name in _OWN_GATE):
            return None
        try:
            return self._refusal(request)
        except DeniedError as refusal:  # what is raised here, before the view, passes no other middleware
            return domain_answer(request, refusal)

    def _refusal(self, request: HttpRequest) -> HttpResponseBase | None:
        match = request.resolver_match
        name = match.view_name if match else ""
        action = settings.ROUTE_ACTIONS.get("admin:" if name.startswith("admin:") else name)
        if action is None:
            raise DeniedError(name, "No rule allows this page.")
        rule = rules().get(action)
        if name == settings.LOGIN_URL and request.method == "GET" and not User.objects.exists():
            return redirect(FIRST_RUN)  # nobody could sign in yet
        if rule is not None and rule.cells["anonymous"] == "y":
            return None
        actor = request_actor(request)
        if actor.kind == "anonymous":
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        authorize(actor, action)
        return None
