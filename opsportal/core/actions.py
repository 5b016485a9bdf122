"""Every view declares its action here; a route without one fails the architecture test."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, Protocol, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from opsportal.core.actor import Actor
from opsportal.core.gate import authorize, rules
from opsportal.core.htmx import wants_fragment

P = ParamSpec("P")


class AuthorizedRequest(HttpRequest):
    """A request that passed the gate; `actor` is set by accounts' middleware."""

    actor: Actor
    htmx: HtmxDetails


class ActionView(Protocol):
    """A view that says which action it performs, by which methods."""

    action: str
    methods: tuple[str, ...]

    def __call__(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase: ...


def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Send a stranger to sign in. htmx would swap that page into this one: it gets 401, and the page says so."""
    if wants_fragment(request):
        return HttpResponse(status=401)
    return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)


PAGE_METHODS: Final = ("GET", "HEAD")
READ_WRITE: Final = (*PAGE_METHODS, "POST")
WRITE: Final = ("POST",)


def require_action(
    action: str, *, methods: tuple[str, ...] = PAGE_METHODS
) -> Callable[[Callable[Concatenate[AuthorizedRequest, P], HttpResponseBase]], ActionView]:
    """Gate a view: refuse other methods (405), ask strangers to sign in, deny who has no right to `action`.

    The view itself gates the object it loads, by `permitted(actor, action, rows)` or `authorize(actor, action, obj)`.
    """

    def decorate(view: Callable[Concatenate[AuthorizedRequest, P], HttpResponseBase]) -> ActionView:
        @wraps(view)
        def gated(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            authorized = cast("AuthorizedRequest", request)
            rule = rules().get(action)
            is_public = rule is not None and rule.cells["anonymous"] == "y"
            if not is_public:  # a public page reads no session: /healthz must answer without a database
                if authorized.actor.kind == "anonymous":
                    return sign_in(request)
                authorize(authorized.actor, action)
            return view(authorized, *args, **kwargs)

        gated.action = action  # type: ignore[attr-defined]
        gated.methods = methods  # type: ignore[attr-defined]
        return cast("ActionView", gated)

    return decorate
