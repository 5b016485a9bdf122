"""`/api/v1/slos/ID/versions/`: what was promised, and a new promise from an instant on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.models import Slo, SloVersion, WindowKind
from monitoring.services.objectives import PromiseError, slo_promise
from monitoring.slo.indicator import IndicatorError, slo_terms
from opsportal.core import clock
from opsportal.core.api import ApiView, CleanCharField, UnprocessableError, expected_version, row_response
from opsportal.core.gate import authorize
from opsportal.core.idempotency import idempotent

CHANGE = "monitoring.slo_change"


class SloVersionSerializer(serializers.ModelSerializer[SloVersion]):
    """What holds from `effective_from` on; the objective in per cent."""

    objective = serializers.FloatField(read_only=True)

    class Meta:
        model = SloVersion
        fields = ("number", "objective", "window_kind", "window_days", "zone", "indicator", "effective_from",
                  "created_by_name")  # fmt: skip
        read_only_fields = fields


class SloVersionsSerializer(serializers.Serializer[Any]):
    """An objective with its versions, the newest first."""

    id = serializers.IntegerField(source="pk")
    key = serializers.CharField()
    name = serializers.CharField()
    versions = serializers.SerializerMethodField()

    @extend_schema_field(SloVersionSerializer(many=True))
    def get_versions(self, slo: Slo) -> Any:
        return SloVersionSerializer(slo.versions.order_by("-number"), many=True).data


class SloPromiseSerializer(serializers.Serializer[Any]):
    """What is left out stays as the newest version has it."""

    objective = serializers.DecimalField(
        max_digits=6, decimal_places=3, min_value=Decimal("0.001"), max_value=Decimal("99.999"), required=False
    )
    window_kind = serializers.ChoiceField(choices=WindowKind.choices, required=False)
    window_days = serializers.IntegerField(min_value=1, max_value=400, required=False)
    zone = CleanCharField(max_length=64, required=False)
    indicator = serializers.DictField(required=False)
    effective_from = serializers.DateTimeField(required=False, help_text="now, if absent; at most 30 days back")

    def validate_zone(self, zone: str) -> str:
        if zone not in available_timezones():
            raise serializers.ValidationError("This is no time zone.")
        return zone

    def validate_indicator(self, indicator: dict[str, Any]) -> dict[str, Any]:
        try:
            slo_terms(indicator)
        except IndicatorError as error:
            raise serializers.ValidationError(f"This cannot be counted: {error}") from error
        return indicator


class SloVersionListView(ApiView):
    actions: Mapping[str, str] = {"GET": "monitoring.slo_view", "POST": CHANGE}

    def _slo(self, pk: int) -> Slo:
        rows = Slo.objects.visible_to(self.actor).select_related("platform")
        found: Slo = get_object_or_404(rows, pk=pk, enabled=True)
        return found

    @extend_schema(operation_id="slo_versions_list", responses=SloVersionsSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        """What was promised, and since when."""
        slo = self._slo(pk)
        return row_response(slo, SloVersionsSerializer(slo))

    @extend_schema(
        operation_id="slo_versions_add", request=SloPromiseSerializer, responses={201: SloVersionsSerializer}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """A new version from an instant on; needs `If-Match`. Time before it keeps its objective."""
        slo = self._slo(pk)
        authorize(self.actor, CHANGE, slo)
        expected = expected_version(request, slo)
        serializer = SloPromiseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values, at = dict(serializer.validated_data), clock.now()
        begins = values.pop("effective_from", at)
        try:
            slo_promise(by=self.actor, at=at, slo=slo, expected=expected, values=values, effective_from=begins)
        except PromiseError as error:
            raise UnprocessableError(str(error)) from error
        slo.refresh_from_db()
        return row_response(slo, SloVersionsSerializer(slo), status=201)
