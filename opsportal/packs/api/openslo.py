"""`/api/v1/openslo/`: a platform's objectives given out and taken in as OpenSLO v1."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.core import clock
from opsportal.core.api import ApiView, CleanCharField, sent
from opsportal.core.idempotency import idempotent
from opsportal.packs.documents import MAX_BYTES, PackError
from opsportal.packs.exchange import objectives_take, objectives_text
from opsportal.platforms.selectors import platform_for

EXPORT: Final = "monitoring.slo_export"
CHANGE: Final = "monitoring.slo_change"
FIELD: Final = "text"


class OpenSloSerializer(serializers.Serializer[Any]):
    """OpenSLO documents as one YAML text."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    text = CleanCharField(max_length=MAX_BYTES, trim_whitespace=False, help_text="YAML, one document an objective")


class TakenSerializer(serializers.Serializer[Any]):
    """An objective as it is now; `is_new` where this import made its newest version."""

    id = serializers.IntegerField(source="slo.pk")
    key = serializers.CharField(source="slo.key")
    version = serializers.IntegerField()
    is_new = serializers.BooleanField()


class OpenSloView(ApiView):
    """Objectives of a platform as OpenSLO v1."""

    actions: Mapping[str, str] = {"GET": EXPORT, "POST": CHANGE}

    @extend_schema(
        operation_id="openslo_export",
        parameters=[OpenApiParameter("platform", str, required=True, description="a platform's key")],
        responses={(200, "application/yaml"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """The objectives as they hold now; exclusions have no field in it and are only counted in an annotation."""
        key = request.query_params.get("platform", "")
        if not key:
            raise ParseError("Say which platform, by its key.")
        platform = platform_for(EXPORT, self.actor, key)
        return HttpResponse(objectives_text(platform, clock.now()), content_type="application/yaml")

    @extend_schema(operation_id="openslo_import", request=OpenSloSerializer, responses=TakenSerializer(many=True))
    @idempotent
    def post(self, request: Request) -> Response:
        """New objectives are made, changed ones get a new version from now on: all of them, or none.

        What could not be kept is a 400 that lists each place as `line 12, spec.timeWindow: …`.
        """
        said = sent(request, OpenSloSerializer)
        platform = platform_for(CHANGE, self.actor, said["platform"])
        try:
            taken = objectives_take(by=self.actor, at=clock.now(), platform=platform, text=said["text"], file=FIELD)
        except PackError as error:
            lines = [f"line {one.line}, {one.field or FIELD}: {one.message}" for one in error.problems]
            raise ValidationError({FIELD: lines}) from error
        return Response({"results": TakenSerializer(taken, many=True).data})
