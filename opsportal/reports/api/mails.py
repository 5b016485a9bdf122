"""`/api/v1/report-subscriptions/`: which members get a platform's report by mail."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    ApiView,
    CleanCharField,
    UnprocessableError,
    page_response,
    page_size,
    sent,
)
from opsportal.core.gate import permitted, platforms_where
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.platforms.selectors import platform_for, platform_id_said
from opsportal.reports.models import Cadence, ReportSubscription
from opsportal.reports.period.services import subscription_put, subscription_remove

VIEW: Final = "reports.schedule_view"
SET: Final = "reports.schedule_set"


class SubscriptionSerializer(serializers.ModelSerializer[ReportSubscription]):
    """Who gets what how often. `sent_until` ends the newest period that was sent."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    user = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = ReportSubscription
        fields = ("id", "platform", "user", "cadence", "sent_until", "created_at")
        read_only_fields = fields


class SubscriptionAddSerializer(serializers.Serializer[Any]):
    platform = CleanCharField(max_length=40, help_text="key of the platform")
    email = serializers.EmailField(help_text="address of a member")
    cadence = serializers.ChoiceField(choices=Cadence.choices)


class SubscriptionListView(ApiView):
    """Subscriptions of the platforms where the token may see them."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": SET}

    @extend_schema(
        operation_id="report_subscriptions_list",
        parameters=[*PAGING, PLATFORM],
        responses=SubscriptionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = ReportSubscription.objects.filter(platform_id__in=platforms_where(self.actor, VIEW))
        platform_id = platform_id_said(self.actor, request.query_params.get("platform", ""))
        rows = rows.of_platform(platform_id).select_related("platform", "user")
        page = keyset_page(rows, order=("pk",), cursor=request.query_params.get("cursor"), size=page_size(request))
        return page_response(page, SubscriptionSerializer)

    @extend_schema(
        operation_id="report_subscriptions_add",
        request=SubscriptionAddSerializer,
        responses={201: SubscriptionSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Send a member the report; asked again, it is the same subscription."""
        said = sent(request, SubscriptionAddSerializer)
        platform = platform_for(SET, self.actor, said["platform"])
        user = User.objects.filter(email=said["email"].lower(), is_active=True, memberships__platform=platform).first()
        if user is None:
            raise UnprocessableError("Reports are mailed to members of the platform; nobody there has this address.")
        row = subscription_put(by=self.actor, at=clock.now(), platform=platform, user=user, cadence=said["cadence"])
        return Response(SubscriptionSerializer(row).data, status=201)


class SubscriptionView(ApiView):
    actions: Mapping[str, str] = {"DELETE": SET}

    @extend_schema(operation_id="report_subscriptions_remove", responses={204: None})
    @idempotent
    def delete(self, _request: Request, pk: int) -> Response:
        """Send this one no more."""
        rows = ReportSubscription.objects.visible_to(self.actor).select_related("platform")
        row = permitted(self.actor, SET, rows, pk=pk)
        subscription_remove(by=self.actor, at=clock.now(), subscription=row)
        return Response(status=204)
