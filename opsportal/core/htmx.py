"""Page or fragment: the one place that decides.

A fragment is a named block of its page; the view names it, never the client.
"""

from typing import Any, Final
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.template.backends.jinja2 import Template
from django.template.backends.utils import csrf_input_lazy, csrf_token_lazy
from django.template.loader import get_template
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from jinja2_fragments import render_block

SAVED_COOKIE: Final = "saved"
_SAVED_SECONDS: Final = 300
VARY = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part: not a boosted navigation, not a page it restores from history."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def render_fragment(request: HttpRequest, template: str, fragment: str, context: dict[str, Any]) -> str:
    """The text of one block of `template`, with the same context processors as the whole page."""
    loaded = get_template(template)
    assert isinstance(loaded, Template), f"{template} is not one of our Jinja2 pages"
    full = {
        **context,
        "request": request,
        "csrf_input": csrf_input_lazy(request),
        "csrf_token": csrf_token_lazy(request),
    }
    for processor in loaded.backend.template_context_processors:
        full.update(processor(request))
    return str(render_block(loaded.backend.env, template, fragment, full))


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The full page, or only its block `fragment` when htmx asks for a part. Always sets Vary."""
    if fragment is not None and wants_fragment(request):
        return part_response(render_fragment(request, template, fragment, context), status=status)
    return part_response(get_template(template).render(context, request), status=status)


def part_response(body: str, *, status: int = 200) -> HttpResponse:
    """An answer whose body depends on whether htmx asked."""
    response = HttpResponse(body, status=status)
    patch_vary_headers(response, VARY)
    return response


def redirect_or_fragment(
    request: HttpRequest,
    url: str,
    *,
    template: str | None = None,
    fragment: str | None = None,
    context: dict[str, Any] | None = None,
    toast: str = "",
) -> HttpResponse:
    """The answer to a successful post.

    A plain post is sent to `url` by 303. htmx gets the changed block when `template` and `fragment` are given, else
    it follows to `url` by itself. Either comes with a cookie that names the form's address: on that word alone the
    browser lets go of what it kept of the form (static/js/drafts.js). `toast` is shown to htmx; a plain page shows
    what changed anyway.
    """
    if not wants_fragment(request):
        response = HttpResponse(status=303, headers={"Location": url})
    elif template is not None and fragment is not None:
        response = HttpResponse(render_fragment(request, template, fragment, context or {}))
    else:
        response = HttpResponse(status=204, headers={"HX-Redirect": url})
    if toast:
        toast_header(response, toast)
    tell_saved(request, response)
    patch_vary_headers(response, VARY)
    return response


def tell_saved(request: HttpRequest, response: HttpResponse) -> None:
    """Give the browser's script the word that nothing of this form is the browser's only any more."""
    taken = quote(request.path, safe="")
    response.set_cookie(SAVED_COOKIE, taken, max_age=_SAVED_SECONDS, secure=request.is_secure(), samesite="Lax")


def toast_header(response: HttpResponse, text: str) -> None:
    """Have the page say `text` in its live region; header values are one ASCII line: static/js/toasts.js decodes."""
    response["X-Toast"] = " ".join(text.split()).encode("ascii", "xmlcharrefreplace").decode()


def local_url(request: HttpRequest, candidate: str, fallback: str) -> str:
    """`candidate` when it stays on this host, else `fallback`: for `next` fields."""
    allowed = url_has_allowed_host_and_scheme(
        candidate, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return candidate if candidate and allowed else fallback
