"""Pages for what went wrong: they say what happened, what was not changed, and what to do next."""

import sys
from typing import Any, Final

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from jinja2 import Environment, FileSystemLoader

from opsportal.core.conflicts import (
    came_from,
    differences,
    last_change,
    meanwhile,
    name_of,
    resend_fields,
    typed_texts,
)
from opsportal.core.gate import DeniedError
from opsportal.core.htmx import local_url, render_page, tell_saved, toast_header, wants_fragment
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import ConflictingError, RefusedError

BUSY_TEXT: Final = "The database is busy. Nothing was changed; try again."
_BUSY_STATES: Final = frozenset({"40P01", "55P03", "57014"})  # deadlock, lock timeout, statement timeout
_GONE_CLASSES: Final = ("08", "53", "57P")  # connection, out of resources, shutting down
RETRY_AFTER_SECONDS: Final = 5
_TITLES: Final = {
    400: "That request cannot be read",
    403: "Not allowed",
    404: "Nothing here",
    409: "Someone was first",
    413: "Too large",
    422: "That cannot be saved",
    500: "The portal made a mistake",
    503: "The database is away",
}
_OLD_FORM: Final = "The form is too old"
_PLAIN: Final = Environment(loader=FileSystemLoader(settings.BASE_DIR / "templates"), autoescape=True)
# Rendered when the process starts: whatever breaks later, these stand.
_STATIC: Final = {name: _PLAIN.get_template(f"errors/{name}.html").render() for name in ("500", "503", "busy")}


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def problem(status: int, detail: str, **extra: Any) -> JsonResponse:
    """RFC 9457 for a fault that never reached the API's own handler."""
    body = {"type": "about:blank", "title": _TITLES.get(status, "Error"), "status": status, "detail": detail, **extra}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def error_page(request: HttpRequest, status: int, text: str, **context: Any) -> HttpResponse:
    """The page of `status` (templates/errors/<status>.html), or problem+json for the API."""
    if is_api(request):
        return problem(status, text)
    page = {"status": status, "heading": _TITLES[status], "text": text, **context}
    response = render_page(request, f"errors/{status}.html", page, status=status)
    if wants_fragment(request):
        # A whole page never goes into a part of one: its main part takes the place of the present page's.
        response["HX-Retarget"] = response["HX-Reselect"] = "#main"
        response["HX-Reswap"] = "outerHTML show:window:top"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = str(exception) if type(exception).__module__.startswith("opsportal.") else "Nothing was changed."
    return error_page(request, 400, text)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Who may, instead of this person; where only a part was asked for, in the page's live region."""
    text = str(exception) if isinstance(exception, DeniedError) else "Nothing was changed."
    response = error_page(request, 403, text)
    if wants_fragment(request):
        toast_header(response, text)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was older than the session or came from another site: its own text is given back, nobody else's."""
    del reason
    if wants_fragment(request):
        return HttpResponse(status=401)  # signed out or in again meanwhile: the page says so and keeps what was typed
    came = request.headers.get("Origin", "") or request.headers.get("Referer", "")
    if not local_url(request, came, ""):
        return error_page(request, 403, "This form came from elsewhere. Nothing was changed.")
    typed = typed_texts(request)
    back = local_url(request, request.headers.get("Referer", ""), "/")
    text = "This form is older than your session. Nothing was changed."
    text += " What you typed is below." if typed else " Open the form and fill it in again."
    return error_page(request, 403, text, typed=typed, back=back, heading=_OLD_FORM)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    del exception
    return error_page(request, 404, "It does not exist, or it is not yours to see.")


def refused(request: HttpRequest, error: RefusedError) -> HttpResponse:
    """What a service refused and no form takes up."""
    back = local_url(request, request.headers.get("Referer", ""), "/")
    return error_page(request, 409 if isinstance(error, ConflictingError) else 422, str(error), back=back)


def version_conflict(request: HttpRequest, error: VersionConflictError) -> HttpResponse:
    """The merge page: what stands now beside what the person wrote, to be sent again on top of it."""
    if is_api(request):
        return problem(409, str(error), current_version=error.current.version)
    rows = differences(error.current, request.POST)
    context = {
        "current": error.current,
        "what": name_of(error.current),
        "last_change": last_change(error.current),
        "rows": rows,
        "meanwhile": meanwhile(error.current, request.POST),
        "back": came_from(request, error.current),
        "fields": resend_fields(request),
        "action": request.get_full_path(),
        "version": error.current.version,
    }
    response = error_page(request, 409, str(error), **context)
    if not rows:
        tell_saved(request, response)  # it stands already, word for word
    return response


def _sqlstate(error: BaseException) -> str | None:
    state = getattr(error.__cause__, "sqlstate", None)
    return str(state) if state else None


def is_database_busy(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave this transaction up for another one or for time; trying again may well succeed."""
    return isinstance(error, OperationalError) and _sqlstate(error) in _BUSY_STATES


def is_database_gone(error: BaseException | None) -> bool:
    """Whether the connection failed; the other OperationalErrors are mistakes of the portal's."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    state = _sqlstate(error)
    return state is None or state.startswith(_GONE_CLASSES)


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort: 503 when the database is away, else 500; renders without touching either again."""
    error = sys.exc_info()[1]
    if is_database_gone(error):
        return database_gone(request)
    if is_database_busy(error):
        return database_busy(request)
    return _static_page(request, 500, "Nothing you typed was saved. The fault is in the log, with this request's id.")


def database_gone(request: HttpRequest) -> HttpResponse:
    """PostgreSQL cannot be reached: say so at once and let senders try again."""
    response = _static_page(request, 503, "PostgreSQL does not answer. Nothing was lost; this page tries again.")
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Refresh"] = str(RETRY_AFTER_SECONDS)
    return response


def database_busy(request: HttpRequest) -> HttpResponse:
    """A deadlock or a timeout: the transaction is undone, so that the same form may be sent again."""
    response = _static_page(request, 503, BUSY_TEXT, page="busy")
    response["Retry-After"] = "1"
    return response


def _static_page(request: HttpRequest, status: int, text: str, *, page: str = "") -> HttpResponse:
    if is_api(request):
        return problem(status, text)
    return HttpResponse(_STATIC[page or str(status)], status=status)
