"""`/api/v1/figures/periods/` and `/api/v1/published-reports/`: the report of a period, live and as it was published."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.slo.periods import HELP, Period, PeriodError, parse
from opsportal.core import clock
from opsportal.core.api import PAGING, PLATFORM, ApiView, CleanCharField, page_response, page_size, sent
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Platform, Service
from opsportal.platforms.selectors import platform_for, platform_id_said
from opsportal.reports.models import Commentary, PublishedReport
from opsportal.reports.period.body import canonical, report_body
from opsportal.reports.period.services import (
    MAX_TEXT,
    commentary_write,
    report_publish,
)
from opsportal.reports.period.verification import Verification, verify

VIEW: Final = "reports.period_view"
PUBLISH: Final = "reports.publish"
WRITE: Final = "reports.commentary_write"
MOST_DIFFERENCES: Final = 500
NAMED: Final = (
    OpenApiParameter("platform", str, required=True, description="a platform's key"),
    OpenApiParameter("service", str, description="a service's key"),
    OpenApiParameter("period", str, description=HELP),
)


class PublishedReportSerializer(serializers.ModelSerializer[PublishedReport]):
    """A published report without its figures."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    service = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = PublishedReport
        fields = ("id", "platform", "service", "period_key", "period_name", "number", "as_of", "sha256",
                  "code_version", "published_by_name", "published_at")  # fmt: skip
        read_only_fields = fields


class CommentarySerializer(serializers.ModelSerializer[Commentary]):
    """One version of a commentary."""

    class Meta:
        model = Commentary
        fields = ("id", "period_key", "number", "text", "written_by_name", "written_at")
        read_only_fields = fields


class ReportNameSerializer(serializers.Serializer[Any]):
    """Which report."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    service = CleanCharField(max_length=60, required=False, default="", allow_blank=True, help_text="key of a service")
    period = CleanCharField(max_length=32, help_text=HELP)


class CommentaryWriteSerializer(ReportNameSerializer):
    number = serializers.IntegerField(min_value=0, help_text="the version this is based on; 0 for none")
    text = CleanCharField(max_length=MAX_TEXT)


class DifferenceSerializer(serializers.Serializer[Any]):
    """A figure by its path in the body, as it was published and as it comes out today."""

    path = serializers.CharField()
    published = serializers.JSONField()
    today = serializers.JSONField()


class VerificationSerializer(serializers.Serializer[Verification]):
    """`is_whole`: the text has the hash that the report and the audit trail name, else `reason` says what is wrong."""

    is_whole = serializers.BooleanField()
    reason = serializers.CharField()
    is_reproduced = serializers.BooleanField()
    differs = serializers.SerializerMethodField()

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_differs(self, found: Verification) -> Any:
        names = ("path", "published", "today")
        return [dict(zip(names, one, strict=True)) for one in found.differs[:MOST_DIFFERENCES]]


class PeriodApiView(ApiView):
    """Views that name a report."""

    def named(self, action: str, values: Mapping[str, Any]) -> tuple[Platform, Service | None, Period]:
        """Platform, service and period; raises Http404, ParseError, DeniedError."""
        key, service_key = str(values.get("platform") or ""), str(values.get("service") or "")
        if not key:
            raise ParseError("Say which platform, by its key.")
        platform = platform_for(action, self.actor, key)
        service = Service.objects.filter(platform=platform, key=service_key).first() if service_key else None
        if service_key and service is None:
            raise Http404
        try:
            return platform, service, parse(str(values.get("period") or ""), clock.now(), zone_of(platform.pk))
        except PeriodError as error:
            raise ParseError(str(error)) from error


class PeriodFiguresView(PeriodApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="figures_period",
        parameters=[*NAMED],
        responses=serializers.DictField(),
    )
    def get(self, request: Request) -> Response:
        """Every figure of the report as it stands; shares of one, lengths in seconds, null where nothing is known."""
        return Response(json.loads(canonical(report_body(*self.named(VIEW, request.query_params)))))


class CommentaryView(PeriodApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": WRITE}

    @extend_schema(
        operation_id="commentaries_list", parameters=[*NAMED, *PAGING], responses=CommentarySerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Every version of the commentary of a period, the newest first; the first of them is shown."""
        platform, service, period = self.named(VIEW, request.query_params)
        rows = Commentary.objects.filter(platform=platform, service=service, period_key=period.key)
        cursor = request.query_params.get("cursor")
        page = keyset_page(rows, order=("-number",), cursor=cursor, size=page_size(request))
        return page_response(page, CommentarySerializer)

    @extend_schema(
        operation_id="commentary_write", request=CommentaryWriteSerializer, responses={201: CommentarySerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """A new version of the commentary of a period; earlier ones stay. 409 when another was written meanwhile."""
        values = sent(request, CommentaryWriteSerializer)
        platform, service, period = self.named(WRITE, values)
        row = commentary_write(
            by=self.actor, at=clock.now(), platform=platform, service=service, period=period,
            expected=values["number"], text=values["text"],
        )  # fmt: skip
        return Response(CommentarySerializer(row).data, status=201)


class PublishedReportListView(PeriodApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": PUBLISH}

    @extend_schema(
        operation_id="published_reports_list",
        parameters=[*PAGING, PLATFORM],
        responses=PublishedReportSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Every published report, the newest first."""
        platform_id = platform_id_said(self.actor, request.query_params.get("platform", ""))
        rows = PublishedReport.objects.visible_to(self.actor).of_platform(platform_id)
        rows = rows.select_related("platform", "service").defer("body")
        cursor = request.query_params.get("cursor")
        page = keyset_page(rows, order=("-published_at", "-id"), cursor=cursor, size=page_size(request))
        return page_response(page, PublishedReportSerializer)

    @extend_schema(
        operation_id="published_reports_publish", request=ReportNameSerializer,
        responses={201: PublishedReportSerializer},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        """Freeze the report as it stands; one that says what the last edition says is that edition."""
        said = sent(request, ReportNameSerializer)
        platform, service, period = self.named(PUBLISH, said)
        row = report_publish(by=self.actor, at=clock.now(), platform=platform, service=service, period=period)
        return Response(PublishedReportSerializer(row).data, status=201)


def _edition(view: ApiView, pk: int) -> PublishedReport:
    rows = PublishedReport.objects.visible_to(view.actor).select_related("platform", "service")
    found: PublishedReport = get_object_or_404(rows, pk=pk)
    return found


class PublishedReportView(ApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(operation_id="published_reports_read", responses=serializers.DictField())
    def get(self, _request: Request, pk: int) -> Response:
        """`report` names it with its hash; `body` is the canonical JSON, as text, that was hashed."""
        row = _edition(self, pk)
        return Response({"report": PublishedReportSerializer(row).data, "body": row.body})


class VerificationView(ApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(operation_id="published_reports_verify", responses=VerificationSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        """Whether it is still what was published, and which figures would come out otherwise today."""
        return Response(VerificationSerializer(verify(_edition(self, pk))).data)
