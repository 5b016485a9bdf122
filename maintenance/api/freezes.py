"""`/api/v1/freezes/`: begin and end a change freeze; they are read under `windows/?kind=freeze`."""

from collections.abc import Mapping
from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from maintenance.api.serializers import FreezeAddSerializer, FreezeEndSerializer, WindowSerializer
from maintenance.api.views import window_rows
from maintenance.services.freezes import freeze_begin, freeze_end
from opsportal.core import clock
from opsportal.core.api import ApiView, UnprocessableError, expected_version, row_response, sent
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.platforms.models import Service
from opsportal.platforms.selectors import platform_for

SET: Final = "maintenance.freeze_set"


class FreezeListView(ApiView):
    """Begin a freeze."""

    actions: Mapping[str, str] = {"POST": SET}

    @extend_schema(operation_id="freezes_begin", request=FreezeAddSerializer, responses={201: WindowSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Freeze changes from now on; 409 while the same is frozen already, 422 for an end that is past or too far."""
        said = sent(request, FreezeAddSerializer)
        platform = platform_for(SET, self.actor, said["platform"])
        service = Service.objects.filter(platform=platform, key=said["service"]).first() if said["service"] else None
        if said["service"] and service is None:
            raise UnprocessableError(f"{platform.key} has no service {said['service']}; nothing was changed.")
        made = freeze_begin(
            by=self.actor, at=clock.now(), platform=platform, service=service, reason=said["reason"],
            ends_at=said["ends_at"],
        )  # fmt: skip
        row = window_rows(self.actor).get(pk=made.pk)
        return row_response(row, WindowSerializer(row), status=201)


class FreezeEndView(ApiView):
    """End a freeze."""

    actions: Mapping[str, str] = {"POST": SET}

    @extend_schema(operation_id="freezes_end", request=FreezeEndSerializer, responses=WindowSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let changes go on before it ends by itself; needs `If-Match`."""
        row = permitted(self.actor, SET, window_rows(self.actor), pk=pk)
        expected = expected_version(request, row)
        reason = sent(request, FreezeEndSerializer)["reason"]
        freeze_end(by=self.actor, at=clock.now(), occurrence=row, expected=expected, reason=reason)
        return row_response(row, WindowSerializer(row))
