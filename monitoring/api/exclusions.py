"""`/api/v1/slo-exclusions/`: time left out of adjusted figures, asked for, approved by another person, voided."""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.models import Slo, SloExclusion
from monitoring.services.exclusions import LONGEST, exclusion_approve, exclusion_put, exclusion_void
from opsportal.core import clock
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    ApiView,
    CleanCharField,
    ConflictError,
    expected_version,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.forms import bounded_int
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.slo_view"
SET: Final = "monitoring.slo_exclusion_set"
APPROVE: Final = "monitoring.slo_exclusion_approve"
VOID: Final = "monitoring.slo_exclusion_void"
STATES: Final[Mapping[str, Q]] = {
    "waiting": Q(approved_at=None, voided_at=None),
    "counting": Q(approved_at__isnull=False, voided_at=None),
    "void": Q(voided_at__isnull=False),
}


class ExclusionSerializer(serializers.ModelSerializer[SloExclusion]):
    """One exclusion: of an objective, of a service's objectives, or of the whole platform's.

    `state` is waiting, counting or void; `ref` names the maintenance window it comes from.
    """

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    slo = serializers.IntegerField(source="slo_id", read_only=True, allow_null=True)
    requested_by = serializers.CharField(source="requested_by.name", read_only=True, allow_null=True, default=None)
    approved_by = serializers.CharField(source="approved_by.name", read_only=True, allow_null=True, default=None)
    state = serializers.SerializerMethodField()

    class Meta:
        model = SloExclusion
        fields = (
            "id", "version", "platform", "service", "slo", "state", "starts_at", "ends_at", "reason", "ref",
            "requested_by", "created_at", "approved_by", "approved_at", "voided_at", "void_reason",
        )  # fmt: skip
        read_only_fields = fields

    def get_state(self, row: SloExclusion) -> str:
        if row.voided_at is not None:
            return "void"
        return "waiting" if row.approved_at is None else "counting"


class ExclusionAddSerializer(serializers.Serializer[Any]):
    """Time to leave out of the adjusted figures of one objective."""

    slo = serializers.IntegerField(min_value=1, help_text="id of the objective")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="not included; at most 31 days later")
    reason = CleanCharField(max_length=240)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["starts_at"] < attrs["ends_at"] <= attrs["starts_at"] + LONGEST:
            raise serializers.ValidationError({"ends_at": "The end lies after the beginning, at most 31 days later."})
        return attrs


class VoidSerializer(serializers.Serializer[Any]):
    reason = CleanCharField(max_length=240)


def _rows(view: ApiView) -> QuerySet[SloExclusion]:
    named = ("platform", "service", "slo", "requested_by", "approved_by")
    found: QuerySet[SloExclusion] = SloExclusion.objects.visible_to(view.actor).select_related(*named)
    return found


def _loaded(view: ApiView, pk: int, action: str) -> SloExclusion:
    return permitted(view.actor, action, _rows(view), pk=pk)


class ExclusionListView(ApiView):
    """Exclusions of the platforms the token sees, the latest first; void ones stay in it."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": SET}

    @extend_schema(
        operation_id="slo_exclusions_list",
        parameters=[
            *PAGING, PLATFORM, OpenApiParameter("slo", int), OpenApiParameter("state", str, enum=list(STATES)),
        ],
        responses=ExclusionSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        params = request.query_params
        rows = _rows(self)
        platform_id = platform_id_said(self.actor, params.get("platform", ""))
        rows = rows if platform_id is None else rows.filter(platform_id=platform_id)
        if params.get("slo"):
            rows = rows.filter(slo_id=bounded_int(params["slo"]) or 0)
        if params.get("state") in STATES:
            rows = rows.filter(STATES[params["state"]])
        page = keyset_page(
            rows, order=("-starts_at", "-id"), cursor=params.get("cursor"), size=page_size(request)
        )  # fmt: skip
        return page_response(page, ExclusionSerializer)

    @extend_schema(
        operation_id="slo_exclusions_ask", request=ExclusionAddSerializer, responses={201: ExclusionSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for time to be left out; it counts once another person approved it. Raw figures never change."""
        said = sent(request, ExclusionAddSerializer)
        rows = Slo.objects.visible_to(self.actor).select_related("platform")
        slo = permitted(self.actor, SET, rows, pk=said.pop("slo"))
        made = exclusion_put(
            by=self.actor, at=clock.now(), platform=slo.platform, service=None, slo=slo, **said
        )  # fmt: skip
        row = _loaded(self, made.pk, SET)
        return row_response(row, ExclusionSerializer(row), status=201)


class ExclusionView(ApiView):
    """One exclusion."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(operation_id="slo_exclusions_read", responses=ExclusionSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        row = _loaded(self, pk, VIEW)
        return row_response(row, ExclusionSerializer(row))


class ExclusionApproveView(ApiView):
    """Let one count: never by who asked for it."""

    actions: Mapping[str, str] = {"POST": APPROVE}

    @extend_schema(operation_id="slo_exclusions_approve", request=None, responses=ExclusionSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Needs `If-Match`; 409 when it is settled, 403 for who asked."""
        row = _loaded(self, pk, APPROVE)
        expected = expected_version(request, row)
        if row.approved_at is not None or row.voided_at is not None:
            raise ConflictError("It is settled: approved or void. Nothing was changed.")
        exclusion_approve(by=self.actor, at=clock.now(), exclusion=row, expected=expected)
        fresh = _loaded(self, pk, APPROVE)
        return row_response(fresh, ExclusionSerializer(fresh))


class ExclusionVoidView(ApiView):
    """Take one back, or decline one that waits: its time counts, the row stays with why."""

    actions: Mapping[str, str] = {"POST": VOID}

    @extend_schema(operation_id="slo_exclusions_void", request=VoidSerializer, responses=ExclusionSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Needs `If-Match`; 409 when it is void already."""
        row = _loaded(self, pk, VOID)
        expected = expected_version(request, row)
        said = sent(request, VoidSerializer)
        if row.voided_at is not None:
            raise ConflictError("It is void already; nothing was changed.")
        reason = said["reason"]
        exclusion_void(by=self.actor, at=clock.now(), exclusion=row, reason=reason, expected=expected)
        fresh = _loaded(self, pk, VOID)
        return row_response(fresh, ExclusionSerializer(fresh))
