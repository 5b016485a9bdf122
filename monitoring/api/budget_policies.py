"""`/api/v1/budget-policies/PLATFORM/`: what follows when a platform's error budgets are spent."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.models import BudgetPolicy
from monitoring.services.objectives import budget_policy_set
from opsportal.core import clock
from opsportal.core.api import ApiView, expected_version, row_response, sent
from opsportal.core.idempotency import idempotent
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.slo_view"
SET: Final = "monitoring.budget_policy_set"


class BudgetPolicySerializer(serializers.Serializer[Any]):
    """Shares of the budget in per cent; the steps rise. `is_default` where the platform set none of its own."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    is_default = serializers.SerializerMethodField()
    notice_at = serializers.IntegerField(min_value=1, max_value=1000, help_text="managers are told")
    review_at = serializers.IntegerField(min_value=2, max_value=1000, help_text="a review is due")
    freeze_at = serializers.IntegerField(min_value=3, max_value=1000, help_text="a freeze is suggested")
    review_share = serializers.IntegerField(
        min_value=1, max_value=100, help_text="one incident that used more wants a review of its own"
    )

    def get_is_default(self, row: BudgetPolicy) -> bool:
        return row.pk is None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["notice_at"] < attrs["review_at"] < attrs["freeze_at"]:
            raise serializers.ValidationError("The steps rise: notice, then review, then freeze.")
        return attrs


def policy_of(platform: Platform) -> BudgetPolicy:
    """The platform's own, or the portal's as a row of version 0 that is not stored."""
    own = BudgetPolicy.objects.filter(platform=platform).select_related("platform").first()
    return own or BudgetPolicy(platform=platform, version=0)


class BudgetPolicyView(ApiView):
    """The budget policy of a platform."""

    actions: Mapping[str, str] = {"GET": VIEW, "PUT": SET}

    @extend_schema(operation_id="budget_policies_read", responses=BudgetPolicySerializer)
    def get(self, _request: Request, key: str) -> Response:
        row = policy_of(platform_for(VIEW, self.actor, key))
        return row_response(row, BudgetPolicySerializer(row))

    @extend_schema(operation_id="budget_policies_set", request=BudgetPolicySerializer, responses=BudgetPolicySerializer)
    @idempotent
    def put(self, request: Request, key: str) -> Response:
        """Set all four figures; needs `If-Match`, also where the portal's default holds."""
        platform = platform_for(SET, self.actor, key)
        expected = expected_version(request, policy_of(platform))
        said = sent(request, BudgetPolicySerializer)
        row = budget_policy_set(by=self.actor, at=clock.now(), platform=platform, expected=expected, values=said)
        return row_response(row, BudgetPolicySerializer(row))
