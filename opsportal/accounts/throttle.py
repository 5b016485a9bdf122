"""Guessing passwords gets slow: axes counts failures by person and address together."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from opsportal.core.htmx import render_page

COOL_OFF_MINUTES: Final = 15


def username(request: HttpRequest | None, credentials: Mapping[str, Any] | None) -> str:
    """The e-mail that is being tried, from allauth's credentials or the sign-in form."""
    source: Mapping[str, Any] = credentials or (request.POST if request is not None else {})
    return str(source.get("email") or source.get("login") or "").strip().lower()[:254]


def locked_out(request: HttpRequest, credentials: Mapping[str, Any] | None = None, *_args: Any) -> HttpResponse:
    """Refuse for a while; another address of the same person is not locked with it."""
    del credentials
    text = f"Too many failed sign-ins from this address. Try again in {COOL_OFF_MINUTES} minutes."
    page = {"status": 429, "heading": "Wait a little", "text": text}
    response = render_page(request, "errors/403.html", page, status=429)
    response["Retry-After"] = str(COOL_OFF_MINUTES * 60)
    return response
