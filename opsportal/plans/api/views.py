"""`/api/v1/plans/`: what was asked for, who decided, what came of it. Only people ask and decide (ADR 13)."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.core.api import PAGING, PLATFORM, ApiView, page_response, page_size, row_response
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, keyset_page
from opsportal.plans.models import Approval, CallState, Plan, PlanCall, PlanState, RiskClass
from opsportal.plans.selectors import plans
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "plans.plan_view"


class PlanRowSerializer(serializers.ModelSerializer[Plan]):
    """A plan without its calls."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    requested_by = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Plan
        fields: tuple[str, ...] = (
            "id", "platform", "kind", "title", "subject", "state", "effect", "content_hash", "requested_by",
            "requested_at", "starts_after", "expires_at", "started_at", "finished_at", "error", "version",
        )  # fmt: skip
        read_only_fields = fields


class PlanCallSerializer(serializers.ModelSerializer[PlanCall]):
    """One call: what is asked of whom, and what was there before and after."""

    risk = serializers.ChoiceField(choices=RiskClass.choices, read_only=True)
    state = serializers.ChoiceField(choices=CallState.choices, read_only=True)

    class Meta:
        model = PlanCall
        fields = ("position", "operation", "target", "params", "effect", "risk", "state", "started_at", "finished_at",
                  "result")  # fmt: skip
        read_only_fields = fields


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """One person's word on the plan."""

    by = serializers.CharField(source="by_user.name", read_only=True)

    class Meta:
        model = Approval
        fields = ("verdict", "by", "at", "reason", "is_break_glass", "content_hash")
        read_only_fields = fields


class PlanSerializer(PlanRowSerializer):
    """A plan with its calls and what people said of it."""

    calls = serializers.SerializerMethodField()
    approvals = serializers.SerializerMethodField()

    class Meta(PlanRowSerializer.Meta):
        fields: tuple[str, ...] = (*PlanRowSerializer.Meta.fields, "calls", "approvals")
        read_only_fields = fields

    @extend_schema_field(PlanCallSerializer(many=True))
    def get_calls(self, plan: Plan) -> Any:
        return PlanCallSerializer(plan.calls.order_by("position"), many=True).data

    @extend_schema_field(ApprovalSerializer(many=True))
    def get_approvals(self, plan: Plan) -> Any:
        return ApprovalSerializer(plan.approvals.select_related("by_user").order_by("pk"), many=True).data


class PlanListView(ApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="plans_list",
        parameters=[
            *PAGING,
            PLATFORM,
            OpenApiParameter("state", str, enum=PlanState.values),
            OpenApiParameter("subject", str, description="what it was asked for, such as INC-12"),
        ],
        responses=PlanRowSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Plans, newest first."""
        params = request.query_params
        state = params.get("state", "")
        if state and state not in PlanState.values:
            raise ParseError(f"state is one of {', '.join(PlanState.values)}.")
        rows = plans(self.actor).of_platform(platform_id_said(self.actor, params.get("platform", "")))
        asked = {"state": state, "subject": params.get("subject", "")}
        rows = rows.filter(**{name: value for name, value in asked.items() if value})
        page: Page[Plan] = keyset_page(
            rows, order=("-requested_at", "-id"), cursor=params.get("cursor"), size=page_size(request)
        )
        return page_response(page, PlanRowSerializer)


class PlanView(ApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(operation_id="plans_read", responses=PlanSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One plan with its calls, their outcome, and who decided."""
        del request
        plan = plans(self.actor).filter(pk=pk).first()
        if plan is None:
            raise HiddenError(VIEW)
        return row_response(plan, PlanSerializer(plan))
