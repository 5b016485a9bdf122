"""`/api/v1/slos/ID/versions/` and `…/buckets/`: what was promised, a new promise, and the counted events."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.models import Slo, SloBucket, SloVersion, WindowKind
from monitoring.ranges import BUCKETS, bucket_size, range_of
from monitoring.selectors.slo_counts import buckets_behind
from monitoring.services.objectives import slo_promise
from monitoring.slo.indicator import IndicatorError, slo_terms
from opsportal.core import clock
from opsportal.core.api import (
    PAGING,
    ApiView,
    CleanCharField,
    expected_version,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.api_request import plain_request
from opsportal.core.gate import authorize
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page

VIEW = "monitoring.slo_view"
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


class SloBucketSerializer(serializers.ModelSerializer[SloBucket]):
    """Counted events of `res` minutes from `ts` on. `xgood` and `xtotal` are what exclusions left out of them;
    `expected` and `covered` slices of 5 minutes: those that passed, and those asked about in full.
    """

    class Meta:
        model = SloBucket
        fields = ("ts", "res", "good", "total", "xgood", "xtotal", "expected", "covered")
        read_only_fields = fields


class _SloView(ApiView):
    def slo(self, pk: int) -> Slo:
        rows = Slo.objects.visible_to(self.actor).select_related("platform")
        found: Slo = get_object_or_404(rows, pk=pk, enabled=True)
        return found


class SloBucketListView(_SloView):
    """The rows behind an objective's figures."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="slo_buckets_list",
        parameters=[
            *PAGING,
            *(OpenApiParameter(name, str) for name in ("from", "to", "range")),
            OpenApiParameter("res", int, enum=list(BUCKETS), description="minutes a bucket; 60, if absent"),
            OpenApiParameter("bad", int, enum=[1], description="only those in which something failed"),
        ],
        responses=SloBucketSerializer(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        """The counted events behind a figure, newest first: `?from=&to=` or `?range=24h`, at most 93 days."""
        params = request.query_params
        span = range_of(plain_request(request), clock.now(), default="24h")
        res, is_bad = bucket_size(params.get("res", "")), bool(params.get("bad"))
        rows = buckets_behind(self.slo(pk), res=res, start=span.start, end=span.end, only_bad=is_bad)
        page = keyset_page(rows, order=("-ts",), cursor=params.get("cursor"), size=page_size(request))
        return page_response(page, SloBucketSerializer)


class SloVersionListView(_SloView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": CHANGE}

    @extend_schema(operation_id="slo_versions_list", responses=SloVersionsSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        """What was promised, and since when."""
        slo = self.slo(pk)
        return row_response(slo, SloVersionsSerializer(slo))

    @extend_schema(
        operation_id="slo_versions_add", request=SloPromiseSerializer, responses={201: SloVersionsSerializer}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """A new version from an instant on; needs `If-Match`. Time before it keeps its objective."""
        slo = self.slo(pk)
        authorize(self.actor, CHANGE, slo)
        expected = expected_version(request, slo)
        said = sent(request, SloPromiseSerializer)
        values, at = dict(said), clock.now()
        begins = values.pop("effective_from", at)
        slo_promise(by=self.actor, at=at, slo=slo, expected=expected, values=values, effective_from=begins)
        slo.refresh_from_db()
        return row_response(slo, SloVersionsSerializer(slo), status=201)
