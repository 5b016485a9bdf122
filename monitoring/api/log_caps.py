"""`/api/v1/log-caps/PLATFORM/`: what a platform's questions to the logs read this month, and the cap on it."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.selectors.log_costs import cap_of, log_month
from monitoring.services.log_caps import MOST_GB, log_cap_set
from opsportal.core.api import ApiView, expected_version, row_response, sent
from opsportal.core.clock import now
from opsportal.core.idempotency import idempotent
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.log_query_view"
SET: Final = "monitoring.log_cap_set"


class LogCapSerializer(serializers.Serializer[Any]):
    """The cap in GB of 2³⁰ bytes, what was read of it since the month began (UTC). `is_default`: none was set here."""

    platform = serializers.CharField(source="cap.platform.key", read_only=True)
    is_default = serializers.SerializerMethodField()
    gb_a_month = serializers.IntegerField(source="cap.gb_a_month", min_value=0, max_value=MOST_GB)
    month_begins_at = serializers.DateTimeField(source="begins_at", read_only=True)
    bytes_scanned = serializers.IntegerField(source="scanned", read_only=True)
    bytes_left = serializers.IntegerField(source="left", read_only=True)

    def get_is_default(self, month: Any) -> bool:
        return not month.cap.version


class LogCapView(ApiView):
    """The cap of a platform."""

    actions: Mapping[str, str] = {"GET": VIEW, "PUT": SET}

    @extend_schema(operation_id="log_caps_read", responses=LogCapSerializer)
    def get(self, _request: Request, key: str) -> Response:
        return _answer(platform_for(VIEW, self.actor, key))

    @extend_schema(operation_id="log_caps_set", request=LogCapSerializer, responses=LogCapSerializer)
    @idempotent
    def put(self, request: Request, key: str) -> Response:
        """Set it; needs `If-Match`, also where the portal's default holds."""
        platform = platform_for(SET, self.actor, key)
        expected = expected_version(request, cap_of(platform))
        gb_a_month = sent(request, LogCapSerializer)["cap"]["gb_a_month"]
        log_cap_set(by=self.actor, at=now(), platform=platform, expected=expected, gb_a_month=gb_a_month)
        return _answer(platform)


def _answer(platform: Platform) -> Response:
    month = log_month(platform, at=now())
    return row_response(month.cap, LogCapSerializer(month))
