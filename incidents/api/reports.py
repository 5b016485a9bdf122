"""`/api/v1/user-reports/` and `/api/v1/problems/`: what users told us, and the causes behind incidents."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import IncidentApiView
from incidents.models import Problem, UserReport
from incidents.models.problem import ReportChannel, ReportKind
from incidents.selectors.named import place_named
from incidents.selectors.problems import problem_by_number
from incidents.selectors.queue import report_page
from incidents.services import report_add
from opsportal.core import clock
from opsportal.core.api import PAGING, CleanCharField, page_response, page_size, row_response
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import Page, keyset_page


class UserReportSerializer(serializers.ModelSerializer[UserReport]):
    """What somebody told us."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    service = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = UserReport
        fields = ("id", "url", "platform", "service", "kind", "text", "reporter", "channel", "reported_at", "state",
                  "answer", "settled_at", "version")  # fmt: skip
        read_only_fields = fields


class UserReportAddSerializer(serializers.Serializer[Any]):
    platform = CleanCharField(max_length=40, help_text="key of the platform")
    service = CleanCharField(max_length=60, required=False, help_text="key of the service")
    text = CleanCharField(max_length=8000)
    kind = serializers.ChoiceField(choices=ReportKind.choices, required=False, default=ReportKind.FAULT)
    reporter = CleanCharField(max_length=120, required=False, default="", allow_blank=True)
    channel = serializers.ChoiceField(choices=ReportChannel.choices, required=False, default=ReportChannel.OTHER)
    reported_at = serializers.DateTimeField(required=False, default=None, allow_null=True, help_text="now, if absent")


class ProblemSerializer(serializers.ModelSerializer[Problem]):
    """A cause behind incidents, with its workaround."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Problem
        fields = ("number", "reference", "url", "platform", "title", "state", "priority", "impact", "analysis",
                  "workaround", "created_at", "solved_at", "version")  # fmt: skip
        read_only_fields = fields


class UserReportListView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": "incidents.report_view", "POST": "incidents.report_add"}

    @extend_schema(
        operation_id="user_reports_list",
        parameters=[*PAGING, OpenApiParameter("state", str, enum=["waiting", "settled"])],
        responses=UserReportSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Those that wait, the oldest first; or the settled ones."""
        page = report_page(
            self.actor,
            platform_id=None,
            state=request.query_params.get("state", ""),
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, UserReportSerializer)

    @extend_schema(
        operation_id="user_reports_add", request=UserReportAddSerializer, responses={201: UserReportSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Record what somebody told us."""
        serializer = UserReportAddSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        platform, service = place_named(
            self.actor, "incidents.report_add", data.pop("platform"), data.pop("service", "")
        )
        report = report_add(by=self.actor, at=clock.now(), platform_id=platform.pk, service=service, **data)
        return row_response(report, UserReportSerializer(report), status=201)


class ProblemListView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": "incidents.problem_view"}

    @extend_schema(operation_id="problems_list", parameters=PAGING, responses=ProblemSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every problem record, the newest first."""
        rows = Problem.objects.visible_to(self.actor).select_related("platform")
        cursor = request.query_params.get("cursor")
        page: Page[Problem] = keyset_page(rows, order=("-number",), cursor=cursor, size=page_size(request))
        return page_response(page, ProblemSerializer)


class ProblemView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": "incidents.problem_view"}

    @extend_schema(operation_id="problems_read", responses=ProblemSerializer)
    def get(self, request: Request, number: int) -> Response:
        """One problem record."""
        del request
        problem = problem_by_number(self.actor, number)
        return row_response(problem, ProblemSerializer(problem))
