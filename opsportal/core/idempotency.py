"""Replay of a write: the same key gives the same answer and one effect.

The key's row is inserted first, in the transaction of the view itself: a second request with the same key waits
for the first to commit and then gets its stored answer; a failed one leaves nothing behind and may be tried again.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final, TypeVar, cast
from uuid import uuid4

from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.htmx import SAVED_COOKIE
from opsportal.core.models import IdempotencyKey
from opsportal.core.refusals import RefusedError

V = TypeVar("V", bound=Callable[..., HttpResponseBase])
KEEP_FOR: Final = timedelta(hours=24)
MAX_KEY: Final = 100
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag", "HX-Redirect", "X-Toast")
_SHOWN_ONCE: Final = b"This was done already. Its answer was shown once and is kept nowhere.\n"
# What differs between two sendings of one form without being part of what it asks for.
_TRANSPORT_FIELDS: Final = frozenset({"csrfmiddlewaretoken"})


class KeyReusedError(RefusedError):
    """The same key came with another body (422)."""


def new_key() -> str:
    """Names one sending of a form, so that a resend is stored once."""
    return uuid4().hex


def _request_of(args: tuple[object, ...]) -> Any:
    return next(arg for arg in args if isinstance(getattr(arg, "_request", arg), HttpRequest))


def _key_of(request: Any) -> str:
    key = request.headers.get("Idempotency-Key") or (
        request.POST.get("idempotency_key", "") if not hasattr(request, "_request") else ""
    )
    if len(key) > MAX_KEY or not key.isprintable():
        raise BadRequest(f"An idempotency key is at most {MAX_KEY} printable characters.")
    return cast("str", key)


def _fingerprint(request: Any) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if hasattr(request, "_request"):
        digest.update(repr(request.data).encode("utf-8", "replace"))
    else:
        for name, values in sorted(request.POST.lists()):
            if name not in _TRANSPORT_FIELDS:
                digest.update(f"{name}={values!r}\n".encode("utf-8", "replace"))
    return digest.digest()


def _scope(actor: Actor) -> str:
    return f"token:{actor.token_id}" if actor.kind == "token" else f"{actor.kind}:{actor.user_id}"


def idempotent(view: V) -> V:
    """Make a write (page view or API method) safe to repeat by `Idempotency-Key` header or form field.

    Of an answer marked `no-store` only the fact is kept: its body was to be seen once.
    Without a key the view runs as ever. Answers of 400 and above are not kept: nothing happened, so the corrected
    request may use the same key.
    """

    @wraps(view)
    def replaying(*args: Any, **kwargs: Any) -> HttpResponseBase:
        request = _request_of(args)
        key = "" if request.method in SAFE_METHODS else _key_of(request)
        if not key:
            return view(*args, **kwargs)
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            row, is_new = IdempotencyKey.objects.get_or_create(
                scope=_scope(request.actor),
                key=key,
                defaults={"fingerprint": fingerprint, "created_at": real_now()},
            )
            if not is_new:
                return _replay(row, fingerprint)
            response = view(*args, **kwargs)
            if response.status_code >= 400:
                transaction.set_rollback(True)
            else:
                _keep(row, response)
        return response

    replaying.is_idempotent = True  # type: ignore[attr-defined]
    return cast("V", replaying)


def _keep(row: IdempotencyKey, response: HttpResponseBase) -> None:
    body = _body(response)
    row.status = response.status_code
    row.headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    if SAVED_COOKIE in response.cookies:  # a sender who missed the first answer still holds what it says is saved
        row.headers["Set-Cookie"] = response.cookies[SAVED_COOKIE].OutputString()
    if hasattr(response, "data"):
        row.headers["Content-Type"] = "application/json"
    row.body = body
    if "no-store" in response.headers.get("Cache-Control", ""):
        row.headers["Content-Type"] = "text/plain; charset=utf-8"
        row.body = _SHOWN_ONCE
    row.save(update_fields=["status", "headers", "body"])


def _body(response: HttpResponseBase) -> bytes:
    if hasattr(response, "data"):  # a DRF response is rendered later, outside this transaction
        from rest_framework.renderers import JSONRenderer

        return JSONRenderer().render(response.data) if response.data is not None else b""
    return cast("HttpResponse", response).content


def _replay(row: IdempotencyKey, fingerprint: bytes) -> HttpResponse:
    if bytes(row.fingerprint) != fingerprint:
        raise KeyReusedError("This idempotency key was already used for another request.")
    response = HttpResponse(bytes(row.body), status=row.status)
    for name, value in row.headers.items():
        response[name] = value
    response["Idempotent-Replay"] = "true"
    return response


def purge(*, before: Any) -> int:
    """Forget keys older than `before`; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=before).delete()[0]
