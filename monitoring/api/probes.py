"""`/api/v1/probes/`: the portal's own health probes, their answers, and a try of one."""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.editing import RowView
from monitoring.api.named import platform_named, with_rows
from monitoring.models import Probe, ProbeEvery, ProbeKind, ProbeResult
from monitoring.probing.asking import Outcome, ask
from monitoring.selectors.probes import probe_page, probes_of, result_page
from monitoring.services.probes import MAY_CHANGE, probe_add, probe_change
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    ApiView,
    CleanCharField,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.clock import now, real_now
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.probe_view"
EDIT: Final = "monitoring.probe_edit"


class ProbeSerializer(serializers.ModelSerializer[Probe]):
    """A probe and its newest answer; `state` is ok, fail, unknown, stale or off. `ms` are milliseconds."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    severity = serializers.CharField(source="severity.label", read_only=True, allow_null=True, default=None)
    database = serializers.CharField(source="database.key", read_only=True, allow_null=True, default=None)
    alarm = serializers.IntegerField(source="alarm_id", read_only=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = Probe
        fields = ("id", "version", "platform", "key", *MAY_CHANGE, "state", "ran_at", "ms", "said", "cert_ends_at",
                  "alarm")  # fmt: skip
        read_only_fields = fields

    def get_state(self, row: Probe) -> str:
        return row.kind_at(now())


class ProbeChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = CleanCharField(max_length=120, required=False)
    service = CleanCharField(max_length=60, required=False, allow_null=True, help_text="key of the service")
    kind = serializers.ChoiceField(choices=ProbeKind.choices, required=False)
    address = CleanCharField(max_length=500, required=False, allow_blank=True, help_text="URL, or host:port")
    database = CleanCharField(max_length=60, required=False, allow_null=True, help_text="key of the database")
    every = serializers.ChoiceField(choices=ProbeEvery.choices, required=False, help_text="seconds")
    seconds = serializers.IntegerField(min_value=1, max_value=10, required=False, help_text="time limit of an answer")
    statuses = CleanCharField(max_length=60, required=False, help_text="such as 200-299, 401")
    body_text = CleanCharField(max_length=200, required=False, allow_blank=True)
    cert_days = serializers.IntegerField(min_value=0, max_value=3650, required=False)
    datapoints = serializers.IntegerField(min_value=1, max_value=20, required=False, help_text="M of N")
    window = serializers.IntegerField(min_value=1, max_value=20, required=False, help_text="N")
    severity = CleanCharField(max_length=20, required=False, allow_null=True, help_text="label of the alert scheme")
    opens_incident = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)


class ProbeAddSerializer(ProbeChangeSerializer):
    """A probe of a platform; what is left out is the usual."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    key = serializers.SlugField(max_length=60)
    name = CleanCharField(max_length=120)
    kind = serializers.ChoiceField(choices=ProbeKind.choices)


class ProbeResultSerializer(serializers.ModelSerializer[ProbeResult]):
    """One answer; `ok` is null where it could not be asked."""

    class Meta:
        model = ProbeResult
        fields = ("slot_at", "recorded_at", "ok", "ms", "cert_days", "said")
        read_only_fields = fields


class OutcomeSerializer(serializers.Serializer[Outcome]):
    """What came of a try; nothing is kept."""

    ok = serializers.BooleanField(allow_null=True)
    ms = serializers.FloatField(allow_null=True)
    said = serializers.CharField()
    cert_ends_at = serializers.DateTimeField(allow_null=True)


class ProbeListView(ApiView):
    """Probes of the platforms the token sees, the worst first."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": EDIT}

    @extend_schema(
        responses=ProbeSerializer(many=True),
        parameters=[*PAGING, PLATFORM],
    )
    def get(self, request: Request) -> Response:
        page = probe_page(
            self.actor,
            at=now(),
            platform_id=platform_id_said(self.actor, request.query_params.get("platform", "")),
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, ProbeSerializer)

    @extend_schema(request=ProbeAddSerializer, responses={201: ProbeSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a probe; it is asked from now on."""
        said = sent(request, ProbeAddSerializer)
        platform = platform_named(EDIT, self.actor, said)
        key = said.pop("key")
        probe = probe_add(by=self.actor, at=now(), platform=platform, key=key, values=with_rows(platform, said))
        return row_response(probe, ProbeSerializer(probe), status=201)


class ProbeView(RowView, tells=ProbeSerializer, takes=ProbeChangeSerializer, means="Change, pause or go on with it"):
    """One probe."""

    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": EDIT}

    def rows(self) -> QuerySet[Probe]:
        return probes_of(self.actor, at=now())

    def change(self, row: Probe, expected: int, said: Mapping[str, Any]) -> None:
        probe_change(by=self.actor, at=now(), probe=row, expected=expected, values=with_rows(row.platform, said))


class ProbeResultListView(ApiView):
    """Its answers of the last week, newest first."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        responses=ProbeResultSerializer(many=True), parameters=[*PAGING, OpenApiParameter("only", str, enum=["failed"])]
    )
    def get(self, request: Request, pk: int) -> Response:
        failed_only = request.query_params.get("only", "") == "failed"
        cursor = request.query_params.get("cursor")
        probe = permitted(self.actor, VIEW, probes_of(self.actor, at=now()), pk=pk)
        page = result_page(probe, failed_only=failed_only, cursor=cursor, size=page_size(request))
        return page_response(page, ProbeResultSerializer)


class ProbeTryView(ApiView):
    """Ask once, now, beside its schedule; nothing is kept."""

    actions: Mapping[str, str] = {"POST": EDIT}

    @extend_schema(request=None, responses=OutcomeSerializer)
    def post(self, _request: Request, pk: int) -> Response:
        probe = permitted(self.actor, EDIT, probes_of(self.actor, at=now()), pk=pk)
        outcome = ask(probe.question, at=real_now())
        return Response(OutcomeSerializer(outcome).data)
