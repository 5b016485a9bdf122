"""Reads of monitoring for other programs."""

from collections.abc import Mapping
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api import serializers
from monitoring.models import Alarm, AlarmState, Series
from monitoring.ranges import range_of
from monitoring.selectors.capacity import capacity
from monitoring.selectors.costs import account_costs
from monitoring.selectors.points import TABLE_OF, fitting_period, gaps, point_rows
from monitoring.selectors.quality import quality
from monitoring.selectors.slo_report import slo_rows, slos_of
from monitoring.slo.periods import rolling
from opsportal.core.api import PAGING, PLATFORM, ApiView, page_response, page_size, row_response
from opsportal.core.api_request import plain_request
from opsportal.core.clock import now
from opsportal.core.pagination import keyset_page
from opsportal.platforms.selectors import platform_id_said

Rows = TypeVar("Rows", bound=Model)


def _narrowed(rows: QuerySet[Rows], request: Request) -> QuerySet[Rows]:
    key = request.query_params.get("platform", "")
    return rows.filter(platform__key=key) if key else rows


class AlarmListView(ApiView):
    """Alarms of the platforms the token sees."""

    actions: Mapping[str, str] = {"GET": "monitoring.alarm_view"}

    @extend_schema(
        responses=serializers.AlarmSerializer(many=True),
        parameters=[*PAGING, PLATFORM, OpenApiParameter("state", str, enum=AlarmState.values)],
    )
    def get(self, request: Request) -> Response:
        rows = _narrowed(Alarm.objects.visible_to(self.actor).judged(), request)
        state = request.query_params.get("state", "")
        if state in AlarmState.values:
            rows = rows.filter(state=state)
        rows = rows.select_related("platform", "service", "severity")
        cursor = request.query_params.get("cursor")
        page = keyset_page(rows, order=("-since", "-pk"), cursor=cursor, size=page_size(request))
        return page_response(page, serializers.AlarmSerializer)


class AlarmDetailView(ApiView):
    """One alarm."""

    actions: Mapping[str, str] = {"GET": "monitoring.alarm_view"}

    @extend_schema(responses=serializers.AlarmSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        rows = Alarm.objects.visible_to(self.actor).select_related("platform", "service", "severity")
        alarm = get_object_or_404(rows, pk=pk)
        return row_response(alarm, serializers.AlarmSerializer(alarm))


class AlarmTransitionListView(ApiView):
    """The changes of one alarm, newest first."""

    actions: Mapping[str, str] = {"GET": "monitoring.alarm_view"}

    @extend_schema(responses=serializers.AlarmTransitionSerializer(many=True), parameters=PAGING)
    def get(self, request: Request, pk: int) -> Response:
        alarm = get_object_or_404(Alarm.objects.visible_to(self.actor), pk=pk)
        cursor = request.query_params.get("cursor")
        page = keyset_page(alarm.transitions.all(), order=("-at", "-pk"), cursor=cursor, size=page_size(request))
        return page_response(page, serializers.AlarmTransitionSerializer)


class SeriesListView(ApiView):
    """Metrics that are read."""

    actions: Mapping[str, str] = {"GET": "monitoring.series_view"}

    @extend_schema(responses=serializers.SeriesSerializer(many=True), parameters=[*PAGING, PLATFORM])
    def get(self, request: Request) -> Response:
        rows = _narrowed(Series.objects.visible_to(self.actor), request).select_related("platform", "service")
        page = keyset_page(rows, order=("pk",), cursor=request.query_params.get("cursor"), size=page_size(request))
        return page_response(page, serializers.SeriesSerializer)


class SeriesPointsView(ApiView):
    """Stored points of a metric: `?from=&to=` or `?range=3h`, `&period=60|300|3600|86400`; 600 at most."""

    actions: Mapping[str, str] = {"GET": "monitoring.series_view"}

    @extend_schema(
        responses=serializers.PointsSerializer,
        parameters=[OpenApiParameter(name, str) for name in ("from", "to", "range", "period")],
    )
    def get(self, request: Request, pk: int) -> Response:
        series = get_object_or_404(Series.objects.visible_to(self.actor).select_related("account"), pk=pk)
        span = range_of(plain_request(request), now())
        asked = request.query_params.get("period", "")
        fits = fitting_period(series, span.start, span.end)
        period = int(asked) if asked in {str(one) for one in TABLE_OF} else fits
        points = point_rows(series_id=series.pk, period=period, start=span.start, end=span.end)
        body = {"period": period, "points": points, "gaps": gaps(series, span.start, span.end)}
        return Response(serializers.PointsSerializer(body).data)


class SloListView(ApiView):
    """Objectives and how they stand over the last 30 days."""

    actions: Mapping[str, str] = {"GET": "monitoring.slo_view"}

    @extend_schema(responses=serializers.SloSerializer(many=True), parameters=[PLATFORM])
    def get(self, request: Request) -> Response:
        key = request.query_params.get("platform", "")
        slos = [slo for slo in slos_of(self.actor) if not key or slo.platform.key == key]
        rows = slo_rows(slos, rolling(now()))
        return Response({"results": serializers.SloSerializer(rows, many=True).data})


class CapacityView(ApiView):
    """Where metrics of services are heading and when they reach their limits, soonest first; a hundred at most."""

    actions: Mapping[str, str] = {"GET": "monitoring.capacity_view"}

    @extend_schema(responses=serializers.CapacitySerializer(many=True), parameters=[PLATFORM])
    def get(self, request: Request) -> Response:
        found = capacity(
            self.actor, at=now(), platform_id=platform_id_said(self.actor, request.query_params.get("platform", ""))
        )
        return Response({"results": serializers.CapacitySerializer(found.rows, many=True).data})


class CostView(ApiView):
    """What reading and running the accounts of one's platforms costs."""

    actions: Mapping[str, str] = {"GET": "monitoring.cost_view"}

    @extend_schema(responses=serializers.AccountCostSerializer(many=True))
    def get(self, _request: Request) -> Response:
        rows = account_costs(self.actor, at=now())
        return Response({"results": serializers.AccountCostSerializer(rows, many=True).data})


class QualityView(ApiView):
    """Coverage, gaps and revisions of the last seven days, the worst hundred series first."""

    actions: Mapping[str, str] = {"GET": "monitoring.quality_view"}

    @extend_schema(responses=serializers.QualitySerializer(many=True), parameters=[PLATFORM])
    def get(self, request: Request) -> Response:
        found = quality(
            self.actor, at=now(), platform_id=platform_id_said(self.actor, request.query_params.get("platform", ""))
        )
        return Response({"results": serializers.QualitySerializer(found.rows, many=True).data})
