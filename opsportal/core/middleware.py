"""Faults become pages here, once for every view; and each answer says how long it took."""

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import DataError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from opsportal.core.gate import DeniedError, HiddenError, StaleMfaError
from opsportal.core.htmx import local_url, wants_fragment
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import RefusedError
from opsportal.core.views import errors

_UNREADABLE: Final = "The address holds a character that cannot be stored. Nothing was changed."


class _QueryTimer:
    """Counts and times the statements of one request."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.count = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started
            self.count += 1


class ErrorPagesMiddleware:
    """Domain errors become 403, 404, 409, 422 or a second factor; bad input becomes 400; a lost database 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started, queries = time.perf_counter(), _QueryTimer()
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return errors.error_page(request, 400, _UNREADABLE)
        if request.content_type == "multipart/form-data" and _length(request) > settings.UPLOAD_MAX_SIZE:
            # Before anything reads the body: CSRF would take all of it in to find its token.
            text = "More than 5 MB in one file. Nothing was changed; go back and choose a smaller one."
            return errors.error_page(
                request, 413, text, back=local_url(request, request.headers.get("Referer", ""), "")
            )
        with connection.execute_wrapper(queries):
            response = self.get_response(request)
        total = (time.perf_counter() - started) * 1000
        response["Server-Timing"] = (
            f'app;dur={total:.1f}, db;dur={queries.seconds * 1000:.1f};desc="{queries.count} queries"'
        )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a view raised; None leaves it to Django (Http404, SuspiciousOperation, 500)."""
        return domain_answer(request, exception) or _input_answer(request, exception)


def _length(request: HttpRequest) -> int:
    said = request.META.get("CONTENT_LENGTH") or "0"
    return int(said) if said.isascii() and said.isdigit() else 0


def domain_answer(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """The page of a refusal; None when it is none of ours."""
    if isinstance(exception, StaleMfaError):
        return second_factor_redirect(request)
    if isinstance(exception, DeniedError):
        return errors.permission_denied(request, exception)
    if isinstance(exception, HiddenError):
        return errors.not_found(request, exception)
    if isinstance(exception, VersionConflictError):
        return errors.version_conflict(request, exception)
    if isinstance(exception, RefusedError):
        return errors.refused(request, exception)
    return None


def _input_answer(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    if isinstance(exception, RequestDataTooBig):
        return errors.error_page(request, 413, "More than 1 MiB in one form. Nothing was changed.")
    if errors.is_database_gone(exception):
        return errors.database_gone(request)
    if errors.is_database_busy(exception):
        return errors.database_busy(request)
    if isinstance(exception, DataError | UnicodeEncodeError) or _is_nul_refusal(exception):
        return errors.bad_request(request, BadRequest())
    return None


def _is_nul_refusal(exception: Exception) -> bool:
    return isinstance(exception, ValueError) and "NUL (0x00)" in str(exception)


def second_factor_redirect(request: HttpRequest) -> HttpResponse:
    """Send the person to show a second factor, and back to the page the form stood on."""
    back = request.get_full_path() if request.method == "GET" else ""
    if not back:
        referer = urlsplit(request.headers.get("Referer", ""))
        back = local_url(request, referer._replace(scheme="", netloc="").geturl(), "/")
    if errors.is_api(request):
        return errors.problem(403, "Confirm with your second factor in the portal first; nothing was changed.")
    target = f"{reverse('accounts:confirm')}?{urlencode({'next': back})}"
    if wants_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponse(status=303, headers={"Location": target})
