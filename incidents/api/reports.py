"""`/api/v1/user-reports/` and `/api/v1/problems/`: what users told us, and the causes behind incidents."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import IncidentApiView
from incidents.models import Problem, UserReport
from incidents.models.problem import ProblemPriority, ProblemState, ReportChannel, ReportKind
from incidents.selectors.named import incident_named, place_named
from incidents.selectors.problems import problem_by_number
from incidents.selectors.queue import report_page
from incidents.services import report_add
from incidents.services.problems import problem_change, problem_open
from incidents.services.reports import report_answer, report_attach
from opsportal.core import clock
from opsportal.core.api import PAGING, CleanCharField, expected_version, page_response, page_size, row_response, sent
from opsportal.core.gate import authorize, permitted
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import Page, keyset_page

WRITE: Final = "incidents.problem_write"
SETTLE: Final = "incidents.report_settle"
LOG: Final = "incidents.entry_log"


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


class UserReportAnswerSerializer(serializers.Serializer[Any]):
    answer = CleanCharField(max_length=8000, help_text="what was answered, or why it is no incident")


class UserReportAttachSerializer(serializers.Serializer[Any]):
    incident = serializers.IntegerField(min_value=1, help_text="number of the incident")


class ProblemSerializer(serializers.ModelSerializer[Problem]):
    """A cause behind incidents, with its workaround."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Problem
        fields = ("number", "reference", "url", "platform", "title", "state", "priority", "impact", "analysis",
                  "workaround", "created_at", "solved_at", "version")  # fmt: skip
        read_only_fields = fields


class ProblemWriteSerializer(serializers.Serializer[Any]):
    """What is left out stays."""

    title = CleanCharField(max_length=200, required=False)
    priority = serializers.ChoiceField(choices=ProblemPriority.choices, required=False)
    impact = CleanCharField(max_length=8000, required=False, allow_blank=True)
    analysis = CleanCharField(max_length=8000, required=False, allow_blank=True)
    workaround = CleanCharField(max_length=8000, required=False, allow_blank=True)


class ProblemOpenSerializer(ProblemWriteSerializer):
    platform = CleanCharField(max_length=40, help_text="key of the platform")
    title = CleanCharField(max_length=200)


class ProblemChangeSerializer(ProblemWriteSerializer):
    state = serializers.ChoiceField(choices=ProblemState.choices, required=False)


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
        data = sent(request, UserReportAddSerializer)
        platform, service = place_named(
            self.actor, "incidents.report_add", data.pop("platform"), data.pop("service", "")
        )
        report = report_add(by=self.actor, at=clock.now(), platform_id=platform.pk, service=service, **data)
        return row_response(report, UserReportSerializer(report), status=201)


class ReportApiView(IncidentApiView):
    """Loads the report of the address. What settles it needs `If-Match`, and is done once."""

    def report(self, pk: int, action: str) -> UserReport:
        """The report of the address, as far as the caller may know it and do that to it."""
        rows = UserReport.objects.visible_to(self.actor).select_related("platform", "service")
        return permitted(self.actor, action, rows, pk=pk)


class UserReportView(ReportApiView):
    """One report."""

    actions: Mapping[str, str] = {"GET": "incidents.report_view"}

    @extend_schema(operation_id="user_reports_read", responses=UserReportSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """What was said, and what came of it."""
        del request
        report = self.report(pk, "incidents.report_view")
        return row_response(report, UserReportSerializer(report))


class UserReportAnswerView(ReportApiView):
    actions: Mapping[str, str] = {"POST": SETTLE}

    @extend_schema(
        operation_id="user_reports_answer", request=UserReportAnswerSerializer, responses=UserReportSerializer
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Settle it without an incident, with what was answered."""
        report = self.report(pk, SETTLE)
        expected = expected_version(request, report)
        answer = sent(request, UserReportAnswerSerializer)["answer"]
        report = report_answer(by=self.actor, at=clock.now(), report=report, expected=expected, answer=answer)
        return row_response(report, UserReportSerializer(report))


class UserReportAttachView(ReportApiView):
    actions: Mapping[str, str] = {"POST": SETTLE}

    @extend_schema(
        operation_id="user_reports_attach", request=UserReportAttachSerializer, responses=UserReportSerializer
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Make it part of an incident of its platform, whose timeline quotes it."""
        report = self.report(pk, SETTLE)
        expected = expected_version(request, report)
        said = sent(request, UserReportAttachSerializer)
        incident = incident_named(self.actor, said["incident"], LOG, "incident")
        report = report_attach(by=self.actor, at=clock.now(), report=report, incident=incident, expected=expected)
        return row_response(report, UserReportSerializer(report))


class ProblemListView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": "incidents.problem_view", "POST": WRITE}

    @extend_schema(operation_id="problems_list", parameters=PAGING, responses=ProblemSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every problem record, the newest first."""
        rows = Problem.objects.visible_to(self.actor).select_related("platform")
        cursor = request.query_params.get("cursor")
        page: Page[Problem] = keyset_page(rows, order=("-number",), cursor=cursor, size=page_size(request))
        return page_response(page, ProblemSerializer)

    @extend_schema(operation_id="problems_open", request=ProblemOpenSerializer, responses={201: ProblemSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a problem record."""
        data = sent(request, ProblemOpenSerializer)
        platform, _ = place_named(self.actor, WRITE, data.pop("platform"))
        problem = problem_open(by=self.actor, at=clock.now(), platform_id=platform.pk, values=data)
        return row_response(problem, ProblemSerializer(problem), status=201)


class ProblemView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": "incidents.problem_view", "PATCH": WRITE}

    @extend_schema(operation_id="problems_read", responses=ProblemSerializer)
    def get(self, request: Request, number: int) -> Response:
        """One problem record."""
        del request
        problem = problem_by_number(self.actor, number)
        return row_response(problem, ProblemSerializer(problem))

    @extend_schema(operation_id="problems_change", request=ProblemChangeSerializer, responses=ProblemSerializer)
    @idempotent
    def patch(self, request: Request, number: int) -> Response:
        """Write the analysis, rate it, say how far it is; needs `If-Match`."""
        problem = problem_by_number(self.actor, number)
        authorize(self.actor, WRITE, problem)
        expected = expected_version(request, problem)
        values = sent(request, ProblemChangeSerializer, partial=True)
        problem_change(by=self.actor, at=clock.now(), problem=problem, expected=expected, values=values)
        fresh = problem_by_number(self.actor, number)
        return row_response(fresh, ProblemSerializer(fresh))
