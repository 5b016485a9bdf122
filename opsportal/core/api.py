"""What every API view shares: strict JSON in, problem+json out, ETag and If-Match, keyset pages."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.db import DataError
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from opsportal.core.actor import Actor
from opsportal.core.api_request import plain_request
from opsportal.core.forms import bounded_int
from opsportal.core.gate import DeniedError, HiddenError, StaleMfaError
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError, VersionedModel
from opsportal.core.pagination import Page
from opsportal.core.refusals import ConflictingError, RefusedError
from opsportal.core.shell import request_actor
from opsportal.core.views.errors import BUSY_TEXT, RETRY_AFTER_SECONDS, is_database_busy, is_database_gone

SerializerClass = Callable[..., serializers.BaseSerializer[Any]]
DEFAULT_SIZE: Final = 100
PAGING: Final = [
    OpenApiParameter("cursor", str, description="next_cursor of the page before"),
    OpenApiParameter("size", int, description=f"rows a page, 1 to 500; {DEFAULT_SIZE} unless asked"),
]
PLATFORM: Final = OpenApiParameter("platform", str, description="a platform's key")


class PreconditionRequiredError(exceptions.APIException):
    status_code = 428
    default_detail = "Send If-Match with the ETag you read; a write without it could overwrite someone's work."
    default_code = "precondition_required"


class PreconditionFailedError(exceptions.APIException):
    status_code = 412
    default_detail = "The row changed since you read it: read it again, then decide."
    default_code = "precondition_failed"


class ConflictError(exceptions.APIException):
    status_code = 409
    default_code = "conflict"


class UnprocessableError(exceptions.APIException):
    status_code = 422
    default_code = "unprocessable"


class UnavailableError(exceptions.APIException):
    status_code = 503
    default_detail = "PostgreSQL does not answer; nothing was lost. Try again."
    default_code = "unavailable"
    wait = RETRY_AFTER_SECONDS


class BusyError(UnavailableError):
    default_detail = BUSY_TEXT
    default_code = "busy"
    wait = 1


class ProblemFormatter(ExceptionFormatter):
    """RFC 9457: type, title, status, detail; validation errors list each field."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        errors = error_response.errors
        return {
            "type": "about:blank",
            "title": {"validation_error": "Validation failed", "server_error": "Server error"}.get(
                str(error_response.type), errors[0].code.replace("_", " ").capitalize()
            ),
            "status": self.exc.status_code,
            "detail": errors[0].detail if len(errors) == 1 else f"{len(errors)} fields are wrong.",
            "errors": [{"code": e.code, "detail": e.detail, "field": e.attr} for e in errors],
        }


def _translated(exc: Exception) -> Exception:
    translations: list[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[], Exception]]] = [
        (HiddenError, exceptions.NotFound),
        (StaleMfaError, lambda: exceptions.PermissionDenied("Confirm with a second factor in the portal first.")),
        (DeniedError, lambda: exceptions.PermissionDenied(str(exc))),
        (VersionConflictError, PreconditionFailedError),
        (ConflictingError, lambda: ConflictError(str(exc))),
        (RefusedError, lambda: UnprocessableError(str(exc))),
        (BadRequest, lambda: exceptions.ParseError(str(exc))),
        ((DataError, UnicodeEncodeError), lambda: exceptions.ParseError("A value cannot be stored.")),
    ]
    if is_database_gone(exc):
        return UnavailableError()
    if is_database_busy(exc):
        return BusyError()
    return next((make() for kinds, make in translations if isinstance(exc, kinds)), exc)


def problem_handler(exc: Exception, context: Any) -> Response | None:
    """Every fault of the API as application/problem+json."""

    class Handler(ExceptionHandler):
        def format_exception(self, error: exceptions.APIException) -> Any:
            return ProblemFormatter(error, self.context, self.exc).run()

    response = Handler(_translated(exc), context).run()
    if response is not None:
        response.content_type = "application/problem+json"
    return response


def etag_of(row: VersionedModel) -> str:
    """The strong ETag of a row: its kind, key and version."""
    return f'"{row._meta.model_name}-{row.pk}-{row.version}"'


def sent(request: Request, serializer_class: SerializerClass, **how: Any) -> dict[str, Any]:
    """The body as `serializer_class` understands it. Raises ValidationError."""
    serializer = serializer_class(data=request.data, **how)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def expected_version(request: Request, row: VersionedModel) -> int:
    """The version that `If-Match` names, which must be the row's own; 428 when missing, 412 when stale."""
    header = request.headers.get("If-Match", "").strip()
    if not header or header == "*":
        raise PreconditionRequiredError
    if header != etag_of(row):
        raise PreconditionFailedError
    return row.version


def row_response(row: VersionedModel, serializer: serializers.BaseSerializer[Any], *, status: int = 200) -> Response:
    """One row with its ETag."""
    return Response(serializer.data, status=status, headers={"ETag": etag_of(row)})


def page_response(page: Page[Any], serializer_class: SerializerClass) -> Response:
    """A keyset page: `results`, and the cursors to go on with (`?cursor=`)."""
    return Response(
        {
            "results": serializer_class(page.rows, many=True).data,
            "next_cursor": page.next_cursor,
            "previous_cursor": page.previous_cursor,
        }
    )


def page_size(request: Request) -> int:
    """`?size=` within 1..500."""
    size = bounded_int(request.query_params.get("size", ""))
    return DEFAULT_SIZE if size is None else size


def query_names(view: APIView) -> list[str]:
    """The query parameters that the schema documents for this view's GET: it takes these and no others."""
    documented = getattr(getattr(view, "get", None), "kwargs", {}).get("schema")
    if documented is None:
        return []
    schema = documented()
    schema.view, schema.method = view, "GET"
    return sorted(parameter.name for parameter in schema.get_override_parameters())


class CleanCharField(serializers.CharField):
    """Text as it may be stored; StrictJSONParser cleans bodies, this cleans query parameters too."""

    def to_internal_value(self, data: Any) -> str:
        return clean_text(super().to_internal_value(data))


@method_decorator(csrf_exempt, name="dispatch")
class ApiView(APIView):
    """Base of every API view: declares an action per method, checked by ActionPermission before it runs."""

    actions: Mapping[str, str] = {}

    @property
    def actor(self) -> Actor:
        return request_actor(plain_request(self.request))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A filter that is misspelt must not answer with everything."""
        super().initial(request, *args, **kwargs)
        if request.method in ("GET", "HEAD"):
            known = query_names(self)
            unknown = sorted(set(request.query_params) - set(known))
            if unknown:
                takes = ", ".join(known) or "none"
                raise exceptions.ParseError(f"Unknown query parameter: {', '.join(unknown)}. Known here: {takes}.")

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        final.headers.setdefault("Cache-Control", "no-store")
        return final
