"""`/api/v1/dashboards/`: charts of a platform in one range, from packs, shared, and the token's person's own."""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.editing import RowView
from monitoring.api.named import platform_named
from monitoring.models import MOST_CHARTS, Chart, Dashboard, Origin
from monitoring.ranges import COMPARED, SPANS
from monitoring.selectors.dashboards import asked_charts, dashboard_page, dashboards_of, metrics_named
from monitoring.services.dashboards import (
    KEEP,
    SHARE,
    dashboard_add,
    dashboard_change,
    dashboard_delete,
    needed_to_change,
)
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    ApiView,
    CleanCharField,
    expected_version,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.clock import now
from opsportal.core.gate import authorize
from opsportal.core.idempotency import idempotent
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.dashboard_view"


class ChartSerializer(serializers.Serializer[Any]):
    """A chart: `service` and `metric` by key, `stat` (else the metric's first), or only `title` and `note` of what no
    metric gives.
    """

    service = CleanCharField(max_length=60, allow_blank=True, default="")
    metric = CleanCharField(max_length=60, allow_blank=True, default="")
    stat = CleanCharField(max_length=16, allow_blank=True, default="")
    title = CleanCharField(max_length=120, allow_blank=True, default="")
    limits = serializers.BooleanField(default=True, help_text="whether the limits of rules are drawn")
    note = CleanCharField(max_length=600, allow_blank=True, default="")


class ChartReadSerializer(ChartSerializer):
    """A chart with the series behind it, whose points are read under `series/ID/points/`; null with the reason why."""

    series = serializers.IntegerField(allow_null=True)
    why = serializers.CharField(allow_blank=True, help_text="why it is not read; empty where it is")


class DashboardListSerializer(serializers.ModelSerializer[Dashboard]):
    """A dashboard without what stands behind its charts. `range` is empty where `starts_at` and `ends_at` are fixed."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    origin = serializers.ChoiceField(Origin.choices, read_only=True)
    charts = ChartSerializer(many=True)

    class Meta:
        model = Dashboard
        fields = ("id", "version", "platform", "origin", "key", "name", "note", "range", "compare", "starts_at",
                  "ends_at", "charts", "source", "source_text")  # fmt: skip
        read_only_fields = fields


class DashboardSerializer(DashboardListSerializer):
    """One dashboard, with the series behind each chart."""

    charts = serializers.SerializerMethodField()  # type: ignore[assignment]

    @extend_schema_field(ChartReadSerializer(many=True))
    def get_charts(self, row: Dashboard) -> list[dict[str, Any]]:
        charts = row.shown
        asked = asked_charts(charts, metrics_named(row.platform_id, charts))
        return [
            chart._asdict() | {"series": one.series.pk if one.series else None, "why": one.why}
            for chart, one in zip(charts, asked, strict=True)
        ]


class DashboardChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is. A range is a word, or `starts_at` and `ends_at`."""

    name = CleanCharField(max_length=120, required=False)
    note = CleanCharField(max_length=4000, required=False, allow_blank=True)
    range = serializers.ChoiceField(list(SPANS), required=False)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    compare = serializers.ChoiceField(["", *COMPARED], required=False)
    charts = serializers.ListField(child=ChartSerializer(), required=False, min_length=1, max_length=MOST_CHARTS)
    shared = serializers.BooleanField(required=False, help_text="for everybody on the platform; not taken back")


class DashboardAddSerializer(DashboardChangeSerializer):
    """A new one: the person's own, unless `shared`."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    name = CleanCharField(max_length=120)
    charts = serializers.ListField(child=ChartSerializer(), min_length=1, max_length=MOST_CHARTS)


def columns_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as columns: the two ways to say a range put each other out."""
    found = {name: value for name, value in said.items() if name not in ("shared", "platform")}
    if "charts" in found:
        found["charts"] = [Chart(**chart) for chart in found["charts"]]
    if "range" in found:
        found = {"starts_at": None, "ends_at": None} | found
    elif {"starts_at", "ends_at"} & set(found):
        found["range"] = ""
    return found


class DashboardListView(ApiView):
    """Dashboards of the platforms the token sees, by name."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": KEEP}

    @extend_schema(
        responses=DashboardListSerializer(many=True),
        parameters=[*PAGING, PLATFORM, OpenApiParameter("origin", str, enum=Origin.values)],
    )
    def get(self, request: Request) -> Response:
        origin = request.query_params.get("origin", "")
        if origin not in ("", *Origin.values):
            raise ParseError(f"An origin is one of {', '.join(Origin.values)}.")
        page = dashboard_page(
            self.actor,
            platform_id=platform_id_said(self.actor, request.query_params.get("platform", "")),
            origin=origin,
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, DashboardListSerializer)

    @extend_schema(request=DashboardAddSerializer, responses={201: DashboardSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a new one."""
        said = sent(request, DashboardAddSerializer)
        is_shared = said.get("shared", False)
        platform = platform_named(SHARE if is_shared else KEEP, self.actor, said)
        kept = dashboard_add(by=self.actor, at=now(), platform=platform, values=columns_of(said), is_shared=is_shared)
        return row_response(kept, DashboardSerializer(kept), status=201)


class DashboardView(
    RowView,
    tells=DashboardSerializer,
    takes=DashboardChangeSerializer,
    means="Change it, or share one's own (a pack's is copied instead)",
):
    """One dashboard."""

    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": KEEP, "DELETE": KEEP}

    def rows(self) -> QuerySet[Dashboard]:
        return dashboards_of(self.actor)

    def found(self, pk: int, action: str) -> Dashboard:
        """To be changed, what is everybody's takes the right to share."""
        found: Dashboard = get_object_or_404(self.rows(), pk=pk)
        authorize(self.actor, action if action == VIEW else needed_to_change(found), found)
        return found

    def change(self, row: Dashboard, expected: int, said: Mapping[str, Any]) -> None:
        share = said.get("shared", False)
        if share:
            authorize(self.actor, SHARE, row.platform)
        dashboard_change(
            by=self.actor, at=now(), dashboard=row, expected=expected, values=columns_of(said), share=share
        )

    @extend_schema(responses={204: None})
    @idempotent
    def delete(self, request: Request, pk: int) -> Response:
        """Throw it away; needs `If-Match`."""
        row = self.found(pk, KEEP)
        dashboard_delete(by=self.actor, at=now(), dashboard=row, expected=expected_version(request, row))
        return Response(status=204)
