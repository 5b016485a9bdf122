"""`/api/v1/log-queries/` and `/api/v1/log-runs/`: saved questions to the logs, asked, stopped, read (M-MET-07)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.editing import RowView
from monitoring.api.named import platform_named, with_rows
from monitoring.insights.lint import lint_query
from monitoring.models import LogQuery, LogRun
from monitoring.selectors.log_pipeline import Delivery, LogGroup, LogPipeline, log_pipeline
from monitoring.selectors.log_queries import KeptLines, estimate, kept_lines, queries_of, query_page, run_page
from monitoring.services.log_queries import (
    MAY_CHANGE,
    MOST_MINUTES,
    log_query_add,
    log_query_ask,
    log_query_change,
    log_run_stop,
)
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    ApiView,
    CleanCharField,
    UnprocessableError,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.clock import now
from opsportal.core.forms import bounded_int
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.log_query_view"
EDIT: Final = "monitoring.log_query_edit"
ASK: Final = "monitoring.log_query_ask"
READ: Final = "monitoring.log_lines_view"


class LogFindingSerializer(serializers.Serializer[Any]):
    """What is wrong with a question; an error is refused."""

    line = serializers.IntegerField()
    level = serializers.CharField()
    text = serializers.CharField()


class LogQuerySerializer(serializers.ModelSerializer[LogQuery]):
    """A saved question. `guide_findings` say why it does not stand as its guide writes it."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True)
    findings = serializers.SerializerMethodField()
    guide_findings = serializers.SerializerMethodField()

    class Meta:
        model = LogQuery
        fields = ("id", "version", "platform", "key", *MAY_CHANGE, "guide_text", "source", "source_text", "findings",
                  "guide_findings")  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(LogFindingSerializer(many=True))
    def get_findings(self, row: LogQuery) -> list[dict[str, Any]]:
        return list(LogFindingSerializer(lint_query(row.text), many=True).data)

    @extend_schema_field(LogFindingSerializer(many=True))
    def get_guide_findings(self, row: LogQuery) -> list[dict[str, Any]]:
        return list(LogFindingSerializer(lint_query(row.guide_text) if row.guide_text else [], many=True).data)


class LogQueryChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = CleanCharField(max_length=120, required=False)
    service = CleanCharField(max_length=60, required=False, help_text="key of the service")
    text = CleanCharField(max_length=10_000, required=False)
    minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES, required=False)
    note = CleanCharField(max_length=4000, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False)


class LogQueryAddSerializer(LogQueryChangeSerializer):
    """A question of a platform."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    key = serializers.SlugField(max_length=60)
    name = CleanCharField(max_length=120)
    service = CleanCharField(max_length=60, help_text="key of the service")
    text = CleanCharField(max_length=10_000)


class LogAskSerializer(serializers.Serializer[Any]):
    """Which time it is asked about; left out: as far back as the question looks, until now."""

    minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES, required=False)
    until = serializers.DateTimeField(required=False)


class LogRunSerializer(serializers.ModelSerializer[LogRun]):
    """A run; bytes as AWS counted them, `cost_usd` at the account's price. Its lines are apart."""

    query = serializers.IntegerField(source="query_id", read_only=True)
    groups = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = LogRun
        fields = ("id", "query", "state", "said", "text", "starts_at", "ends_at", "groups", "expected_bytes",
                  "bytes_scanned", "records_matched", "cost_usd", "asked_by_name", "asked_at", "stop_asked_at",
                  "finished_at")  # fmt: skip
        read_only_fields = fields


class LogEstimateSerializer(serializers.Serializer[Any]):
    """What asking would read and cost; null where nothing says."""

    bytes = serializers.IntegerField(source="scanned", allow_null=True)
    usd = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)
    basis = serializers.CharField()


class LogLinesSerializer(serializers.Serializer[KeptLines]):
    """Masked lines, `first` to `last` of `total`."""

    columns = serializers.ListField(child=serializers.CharField(), source="answer.columns")
    rows = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    first = serializers.IntegerField()
    last = serializers.IntegerField()
    total = serializers.IntegerField()
    is_cut = serializers.BooleanField(source="answer.is_cut")
    digest = serializers.CharField(source="answer.digest")
    fetched_at = serializers.DateTimeField(source="answer.fetched_at")


def _loaded_run(view: ApiView, pk: int, action: str) -> LogRun:
    return permitted(view.actor, action, LogRun.objects.visible_to(view.actor), pk=pk)


class LogQueryListView(ApiView):
    """Saved questions of the platforms the token sees, by name."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": EDIT}

    @extend_schema(
        responses=LogQuerySerializer(many=True), parameters=[*PAGING, PLATFORM, OpenApiParameter("service", str)]
    )
    def get(self, request: Request) -> Response:
        page = query_page(
            self.actor,
            platform_id=platform_id_said(self.actor, request.query_params.get("platform", "")),
            service=request.query_params.get("service", ""),
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, LogQuerySerializer)

    @extend_schema(request=LogQueryAddSerializer, responses={201: LogQuerySerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a new question."""
        said = sent(request, LogQueryAddSerializer)
        platform = platform_named(EDIT, self.actor, said)
        key, values = said.pop("key"), with_rows(platform, said)
        query = log_query_add(by=self.actor, at=now(), platform=platform, key=key, values=values)
        return row_response(query, LogQuerySerializer(query), status=201)


class LogQueryView(
    RowView, tells=LogQuerySerializer, takes=LogQueryChangeSerializer, means="Change it or put it aside"
):
    """One question."""

    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": EDIT}

    def rows(self) -> QuerySet[LogQuery]:
        return queries_of(self.actor)

    def change(self, row: LogQuery, expected: int, said: Mapping[str, Any]) -> None:
        log_query_change(by=self.actor, at=now(), query=row, expected=expected, values=with_rows(row.platform, said))


class LogEstimateView(ApiView):
    """What asking would read and cost."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(responses=LogEstimateSerializer, parameters=[OpenApiParameter("minutes", int)])
    def get(self, request: Request, pk: int) -> Response:
        query, at = permitted(self.actor, VIEW, queries_of(self.actor), pk=pk), now()
        minutes = bounded_int(request.query_params.get("minutes", "")) or query.minutes
        found = estimate(query, at - timedelta(minutes=min(minutes, MOST_MINUTES)), at)
        return Response(LogEstimateSerializer(found).data)


class LogQueryRunListView(ApiView):
    """Its runs, newest first; asking makes one."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": ASK}

    @extend_schema(responses=LogRunSerializer(many=True), parameters=PAGING)
    def get(self, request: Request, pk: int) -> Response:
        query, cursor = permitted(self.actor, VIEW, queries_of(self.actor), pk=pk), request.query_params.get("cursor")
        return page_response(run_page(query, cursor=cursor, size=page_size(request)), LogRunSerializer)

    @extend_schema(request=LogAskSerializer, responses={201: LogRunSerializer})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Have a worker ask it; look at the run until it has ended."""
        query = permitted(self.actor, ASK, queries_of(self.actor), pk=pk)
        said = sent(request, LogAskSerializer)
        until: datetime | None = said.get("until")
        minutes: int = said.get("minutes", query.minutes)
        run = log_query_ask(by=self.actor, at=now(), query=query, minutes=minutes, until=until)
        return Response(LogRunSerializer(run).data, status=201)


class LogRunView(ApiView):
    """One run."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(responses=LogRunSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        return Response(LogRunSerializer(_loaded_run(self, pk, VIEW)).data)


class LogRunLinesView(ApiView):
    """What it found, at most 1,000 masked lines."""

    actions: Mapping[str, str] = {"GET": READ}

    @extend_schema(responses=LogLinesSerializer, parameters=[OpenApiParameter("first", int)])
    def get(self, request: Request, pk: int) -> Response:
        first = bounded_int(request.query_params.get("first", "")) or 1
        kept = kept_lines(_loaded_run(self, pk, READ), first=first)
        if kept is None:
            raise UnprocessableError("It has found nothing yet: look at its state.")
        return Response(LogLinesSerializer(kept).data)


class LogRunStopView(ApiView):
    """Stop it; what was found until then is kept."""

    actions: Mapping[str, str] = {"POST": ASK}

    @extend_schema(request=None, responses=LogRunSerializer)
    @idempotent
    def post(self, _request: Request, pk: int) -> Response:
        run = log_run_stop(by=self.actor, at=now(), run=_loaded_run(self, pk, ASK))
        return Response(LogRunSerializer(run).data)


class LogGroupSerializer(serializers.Serializer[LogGroup]):
    """The newest line of a log group against how long silence may last. `state`: ok, fail, stale or unknown."""

    platform = serializers.CharField(source="metric.platform.key")
    service = serializers.CharField(source="metric.service.key")
    group = serializers.CharField(source="name")
    newest_at = serializers.DateTimeField(allow_null=True)
    expected_seconds = serializers.FloatField()
    rule = serializers.CharField(source="rule.key", default=None, allow_null=True)
    state = serializers.CharField()
    why = serializers.CharField()


class LogDeliverySerializer(serializers.Serializer[Delivery]):
    """A figure of Firehose: seconds for its age, a share of one for what was delivered."""

    platform = serializers.CharField(source="metric.platform.key")
    service = serializers.CharField(source="metric.service.key")
    stream = serializers.CharField()
    metric = serializers.CharField(source="metric.metric")
    value = serializers.FloatField(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)
    state = serializers.CharField()


class LogPipelineSerializer(serializers.Serializer[LogPipeline]):
    """Whether logs arrive and are carried on; `state` is the worst of all."""

    state = serializers.CharField()
    groups = LogGroupSerializer(many=True)
    deliveries = LogDeliverySerializer(many=True)


class LogPipelineView(ApiView):
    """Log groups and deliveries of the platforms the token sees."""

    actions: Mapping[str, str] = {"GET": "monitoring.overview_view"}

    @extend_schema(responses=LogPipelineSerializer, parameters=[PLATFORM])
    def get(self, request: Request) -> Response:
        platform_id = platform_id_said(self.actor, request.query_params.get("platform", ""))
        found = log_pipeline(self.actor, at=now(), platform_id=platform_id)
        return Response(LogPipelineSerializer(found).data)
