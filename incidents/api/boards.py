"""`/api/v1/clocks/`, `/api/v1/queue/` and the runbooks of an incident: what waits, and for whom."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import VIEW, IncidentApiView
from incidents.choices import ClockKind
from incidents.figures.periods import PeriodError, period
from incidents.selectors.clocks import LISTS, ClockFilter, clock_page
from incidents.selectors.evidence import results_of, runbook_results
from incidents.selectors.queue import OWNERS, queue_page, queued_alarms
from incidents.services.runbooks import runbook_start
from opsportal.core import clock
from opsportal.core.api import PAGING, PLATFORM, CleanCharField, page_response, page_size, sent
from opsportal.core.idempotency import idempotent
from opsportal.knowledge.models import Runbook
from opsportal.platforms.selectors import platform_id_said

OWNER: Final = OpenApiParameter("owner", str, enum=[name for name, _ in OWNERS if name])


class ClockSerializer(serializers.Serializer[Any]):
    """One clock of one incident. `due_at` is null where the guide gives no number, and while it is paused."""

    incident = serializers.IntegerField(source="number", help_text="number of the incident")
    platform = serializers.CharField(source="platform_key")
    severity = serializers.CharField(source="label")
    kind = serializers.ChoiceField(choices=ClockKind.choices)
    round = serializers.IntegerField()
    outcome = serializers.CharField()
    rule = serializers.CharField()
    started_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    stopped_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    pause_reason = serializers.CharField()


class ClockListView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": "incidents.clock_view"}

    @extend_schema(
        operation_id="clocks_list",
        parameters=[
            *PAGING,
            PLATFORM,
            OpenApiParameter("list", str, enum=list(LISTS)),
            OpenApiParameter("kind", str, enum=ClockKind.values),
            OpenApiParameter("period", str, description="30d, 92d or a month; narrows what is over"),
        ],
        responses=ClockSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Clocks that run, next due first; `list` asks for others."""
        params = request.query_params
        try:
            span = period(params.get("period", ""), clock.now())
        except PeriodError as error:
            raise ParseError(str(error)) from error
        name, kind = params.get("list", "running"), params.get("kind", "")
        if name not in LISTS or (kind and kind not in ClockKind.values):
            raise ParseError(f"list is one of {', '.join(LISTS)}; kind one of {', '.join(ClockKind.values)}.")
        asked = ClockFilter(
            platform_id=platform_id_said(self.actor, params.get("platform", "")), kind=kind, period=span
        )
        page = clock_page(self.actor, name, asked, params.get("cursor"), page_size(request))
        return page_response(page, ClockSerializer)


class QueuedSerializer(serializers.Serializer[Any]):
    """A mild incident that waits."""

    number = serializers.IntegerField()
    url = serializers.CharField()
    title = serializers.CharField()
    platform = serializers.CharField(source="platform_key")
    service = serializers.CharField(source="service_name", allow_null=True)
    severity = serializers.CharField(source="label")
    rank = serializers.IntegerField()
    owner = serializers.CharField(source="owner_name", allow_null=True)
    declared_at = serializers.DateTimeField()


class QueuedAlarmSerializer(serializers.Serializer[Any]):
    """A firing alarm that pages nobody."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    platform = serializers.CharField(source="platform.key")
    service = serializers.CharField(source="service.key", allow_null=True, default=None)
    severity = serializers.CharField(source="severity.label", allow_null=True, default=None)
    owner = serializers.CharField(source="owner_name", allow_null=True)
    since = serializers.DateTimeField()
    reason = serializers.CharField()


class QueueView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="queue_list", parameters=[*PAGING, PLATFORM, OWNER], responses=QueuedSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Mild open incidents, the longest waiting first."""
        params = request.query_params
        page = queue_page(
            self.actor,
            platform_id=platform_id_said(self.actor, params.get("platform", "")),
            owner=params.get("owner", ""),
            cursor=params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, QueuedSerializer)


class QueueAlarmView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="queue_alarms", parameters=[PLATFORM, OWNER], responses=QueuedAlarmSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Firing alarms that page nobody, the longest firing first, at most fifty."""
        params = request.query_params
        found = queued_alarms(
            self.actor,
            at=clock.now(),
            platform_id=platform_id_said(self.actor, params.get("platform", "")),
            owner=params.get("owner", ""),
        )
        return Response({"results": QueuedAlarmSerializer(found.rows, many=True).data})


class RunbookRunSerializer(serializers.Serializer[Any]):
    """A runbook carried out for an incident; its steps are at `runbook-runs/ID/`."""

    id = serializers.IntegerField(source="run_id")
    title = serializers.CharField()
    text_version = serializers.IntegerField(source="version")
    state = serializers.CharField()
    steps = serializers.IntegerField()
    done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    holder = serializers.CharField()
    started_at = serializers.DateTimeField()
    end_reason = serializers.CharField(help_text="why it was left before its last step")


class RunbookStartSerializer(serializers.Serializer[Any]):
    runbook = CleanCharField(max_length=80, help_text="slug of a written runbook of the incident's platform")


class RunbookRunsView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": "incidents.runbook_start"}

    @extend_schema(operation_id="incidents_runbook_runs", responses=RunbookRunSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        """The incident's runs in the order they began."""
        del request
        found = runbook_results(self.load(number, VIEW))
        return Response({"results": RunbookRunSerializer(found, many=True).data})

    @extend_schema(
        operation_id="incidents_runbook_start", request=RunbookStartSerializer, responses={201: RunbookRunSerializer}
    )
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        """Begin a runbook for the incident; one that runs already is gone on with."""
        incident = self.load(number, "incidents.runbook_start")
        said = sent(request, RunbookStartSerializer)
        rows = Runbook.objects.visible_to(self.actor).select_related("platform", "current")
        runbook = rows.filter(platform_id=incident.platform_id, slug=said["runbook"]).first()
        if runbook is None:
            raise serializers.ValidationError({"runbook": ["The platform has no such runbook."]})
        run = runbook_start(by=self.actor, at=clock.now(), incident=incident, runbook=runbook)
        return Response(RunbookRunSerializer(results_of([run])[0]).data, status=201)
