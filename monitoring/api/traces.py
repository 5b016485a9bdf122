"""`/api/v1/traces/`: X-Ray's sampling rules, service map and failed requests as last read (M-MET-11)."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.selectors.traces import Edge, Read, Traces, traces
from opsportal.core.api import PLATFORM, ApiView
from opsportal.core.clock import now
from opsportal.platforms.selectors import platform_id_said


class TraceReadSerializer(serializers.Serializer[Read]):
    """When one kind was read of an account and region; `trouble` says why it may be out of date, or is empty."""

    account = serializers.CharField(source="reading.account.account_id")
    region = serializers.CharField(source="reading.region")
    kind = serializers.CharField(source="reading.kind")
    fetched_at = serializers.DateTimeField(source="reading.fetched_at", allow_null=True)
    permission = serializers.CharField(source="reading.permission")
    trouble = serializers.CharField()


class TraceEdgeSerializer(serializers.Serializer[Edge]):
    """Sampled calls of 15 minutes; shares of one, milliseconds.

    `state`: ok, warn, fail, unknown, or stale where it was not read lately.
    """

    caller = serializers.CharField(source="source")
    called = serializers.CharField(source="target")
    service = serializers.CharField(source="service.key", default=None, allow_null=True)
    calls = serializers.IntegerField()
    faults = serializers.IntegerField()
    client_errors = serializers.IntegerField(source="errors")
    throttles = serializers.IntegerField()
    fault_share = serializers.FloatField(allow_null=True)
    average_ms = serializers.FloatField(allow_null=True)
    state = serializers.CharField()


class SamplingRuleSerializer(serializers.Serializer[Any]):
    """The first `reservoir` requests a second are traced, and the share `rate` of the rest."""

    name = serializers.CharField()
    priority = serializers.IntegerField()
    rate = serializers.FloatField()
    reservoir = serializers.IntegerField()
    service = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField()


class ErrorTraceSerializer(serializers.Serializer[Any]):
    """One failed request, its address without what stood after the question mark."""

    identifier = serializers.CharField()
    at = serializers.DateTimeField()
    seconds = serializers.FloatField()
    method = serializers.CharField()
    url = serializers.CharField()
    status = serializers.IntegerField()
    kind = serializers.CharField()
    cause = serializers.CharField()


class TracesSerializer(serializers.Serializer[Traces]):
    """All that was read."""

    reads = TraceReadSerializer(many=True)
    rules = SamplingRuleSerializer(many=True)
    edges = TraceEdgeSerializer(many=True)
    failed_requests = ErrorTraceSerializer(source="errors", many=True)


class TraceView(ApiView):
    """What X-Ray said of the services the token sees."""

    actions: Mapping[str, str] = {"GET": "monitoring.trace_view"}

    @extend_schema(responses=TracesSerializer, parameters=[PLATFORM, OpenApiParameter("service", str)])
    def get(self, request: Request) -> Response:
        params = request.query_params
        platform_id = platform_id_said(self.actor, params.get("platform", ""))
        found = traces(self.actor, at=now(), platform_id=platform_id, service=params.get("service", ""))
        return Response(TracesSerializer(found).data)
