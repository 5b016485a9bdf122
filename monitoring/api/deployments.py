"""`/api/v1/deployments/`: what went out, and a pipeline's own report of it (M-MET-01, M-MNT-12)."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.named import platform_named
from monitoring.intake.deployments.told import STATES, STRATEGIES, told
from monitoring.models import Deployment
from monitoring.selectors.deployments import deployment_page
from monitoring.services.deployments import deployment_report
from opsportal.core.api import PAGING, PLATFORM, ApiView, CleanCharField, page_response, page_size, row_response, sent
from opsportal.core.clock import now
from opsportal.core.idempotency import idempotent
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.deployment_view"
REPORT: Final = "monitoring.deployment_report"


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """A deployment as it was last told; those of production that went out and are no rollback count."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    source_name = serializers.CharField(source="source.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Deployment
        fields = ("id", "version", "platform", "service", "source_name", "external_id", "label", "state", "strategy",
                  "is_rollback", "environment", "is_production", "started_at", "finished_at", "told_at", "detail",
                  "url")  # fmt: skip
        read_only_fields = fields


class DeploymentReportSerializer(serializers.Serializer[Any]):
    """One word of a deployment: the same `id` again says how it went on. An older word changes nothing."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    id = CleanCharField(max_length=100, help_text="yours, the same in each report of this deployment")
    version = CleanCharField(max_length=160)
    state = serializers.ChoiceField(choices=STATES)
    at = serializers.DateTimeField(required=False, help_text="when it came to stand so; without it now")
    strategy = serializers.ChoiceField(choices=STRATEGIES, required=False, allow_blank=True)
    is_rollback = serializers.BooleanField(required=False, default=False)
    service = CleanCharField(max_length=60, required=False, allow_blank=True, help_text="key or name of the service")
    environment = CleanCharField(max_length=60, required=False, allow_blank=True, help_text="none is the service's own")
    detail = CleanCharField(max_length=240, required=False, allow_blank=True)
    url = serializers.URLField(max_length=500, required=False, allow_blank=True)


class DeploymentListView(ApiView):
    """Deployments, newest first."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": REPORT}

    @extend_schema(
        responses=DeploymentSerializer(many=True),
        parameters=[
            *PAGING, PLATFORM, OpenApiParameter("service", str, description="key"),
            OpenApiParameter("state", str, enum=list(STATES)),
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        asked = request.query_params
        page = deployment_page(
            self.actor,
            platform_id=platform_id_said(self.actor, asked.get("platform", "")),
            service=asked.get("service", ""),
            state=asked.get("state", ""),
            cursor=asked.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, DeploymentSerializer)

    @extend_schema(request=DeploymentReportSerializer, responses={201: DeploymentSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Say that something goes out, or how it ended."""
        said = sent(request, DeploymentReportSerializer)
        platform = platform_named(REPORT, self.actor, said)
        identity, label, at = ("api", said.pop("id")), said.pop("version"), said.pop("at", None)
        item = told(identity=identity, label=label, at=at.isoformat() if at else None, **said)
        row = deployment_report(by=self.actor, at=now(), platform=platform, item=item)
        return row_response(row, DeploymentSerializer(row), status=201)
