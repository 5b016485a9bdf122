"""`/api/v1/databases/`, `rds-events/`, `resources/`: platforms' databases as they answered, and the inventory."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.databases.questions import QUESTIONS
from monitoring.models import DatabaseAnswer, RdsEvent, Resource, ResourceKind, TargetDatabase
from monitoring.selectors import databases as reads
from monitoring.selectors import inventory
from monitoring.services.databases import database_read_request
from opsportal.core.api import PAGING, PLATFORM, ApiView, ConflictError, page_response, page_size
from opsportal.core.clock import now
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.database_view"
READ: Final = "monitoring.database_read"


class AnswerSerializer(serializers.ModelSerializer[DatabaseAnswer]):
    """One answer; `verdict` is ok, warn, fail, unknown (could not be asked) or empty (a figure without a limit)."""

    class Meta:
        model = DatabaseAnswer
        fields: tuple[str, ...] = ("id", "question", "read_at", "verdict", "summary", "ms")
        read_only_fields = fields


class AnswerRowsSerializer(AnswerSerializer):
    """An answer with the rows behind it."""

    class Meta(AnswerSerializer.Meta):
        fields = (*AnswerSerializer.Meta.fields, "rows")
        read_only_fields = fields


class DatabaseSerializer(serializers.Serializer[Any]):
    """A database and its newest answers; `state` is their worst, or stale. `unanswered`: so many are missing there."""

    id = serializers.IntegerField(source="database.pk")
    platform = serializers.CharField(source="database.platform.key")
    environment = serializers.CharField(source="database.environment.key", allow_null=True, default=None)
    key = serializers.CharField(source="database.key")
    name = serializers.CharField(source="database.name")
    state = serializers.CharField()
    fetched_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()
    unanswered = serializers.IntegerField()
    facts = serializers.DictField()
    answers = serializers.SerializerMethodField()

    @extend_schema(responses=AnswerSerializer(many=True))
    def get_answers(self, card: reads.DatabaseCard) -> list[dict[str, Any]]:
        return [dict(AnswerSerializer(row.answer).data) for row in card.answers if row.answer]


class RdsEventSerializer(serializers.ModelSerializer[RdsEvent]):
    """What RDS said happened."""

    platform = serializers.CharField(source="platform.key", read_only=True, allow_null=True, default=None)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)

    class Meta:
        model = RdsEvent
        fields = (
            "id",
            "platform",
            "service",
            "region",
            "source",
            "source_kind",
            "happened_at",
            "message",
            "categories",
        )
        read_only_fields = fields


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    """A resource as last read; `watched_by` is what watched it then, empty where nothing does."""

    platform = serializers.CharField(source="platform.key", read_only=True, allow_null=True, default=None)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    account = serializers.CharField(source="account.account_id", read_only=True)

    class Meta:
        model = Resource
        fields = (
            "id", "kind", "identifier", "arn", "parent", "platform", "service", "account", "region", "state", "summary",
            "tags", "watched_by", "happened_at", "fetched_at",
        )  # fmt: skip
        read_only_fields = fields


class DatabaseListView(ApiView):
    """Platforms' databases with their newest answers."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(responses=DatabaseSerializer(many=True), parameters=[*PAGING, PLATFORM])
    def get(self, request: Request) -> Response:
        platform_id = platform_id_said(self.actor, request.query_params.get("platform", ""))
        rows = reads.databases_of(self.actor, platform_id=platform_id)
        page = keyset_page(
            rows, order=reads.BY_NAME, cursor=request.query_params.get("cursor"), size=page_size(request)
        )
        cards = reads.cards_of(page.rows, at=now())
        return Response({"results": DatabaseSerializer(cards, many=True).data, "next_cursor": page.next_cursor})


class DatabaseAnswerListView(ApiView):
    """The answers to one question, newest first, with their rows."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        responses=AnswerRowsSerializer(many=True),
        parameters=[*PAGING, OpenApiParameter("question", str, OpenApiParameter.PATH, enum=list(QUESTIONS))],
    )
    def get(self, request: Request, pk: int, question: str) -> Response:
        database = get_object_or_404(TargetDatabase.objects.visible_to(self.actor), pk=pk)
        if question not in QUESTIONS:
            raise Http404
        page = keyset_page(
            reads.answers_of(database, question),
            order=reads.NEWEST_ANSWERS,
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, AnswerRowsSerializer)


class DatabaseReadView(ApiView):
    """Have it read now; 409 while it is being read."""

    actions: Mapping[str, str] = {"POST": READ}

    @extend_schema(request=None, responses={202: None})
    @idempotent
    def post(self, _request: Request, pk: int) -> Response:
        database = permitted(self.actor, READ, TargetDatabase.objects.visible_to(self.actor), pk=pk)
        if not database_read_request(by=self.actor, at=now(), database=database):
            raise ConflictError("It is being read already.")
        return Response(status=202)


class RdsEventListView(ApiView):
    """What happened to databases, newest first."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        responses=RdsEventSerializer(many=True), parameters=[*PAGING, PLATFORM, OpenApiParameter("source", str)]
    )
    def get(self, request: Request) -> Response:
        source = request.query_params.get("source", "")[:255]
        rows = reads.rds_events(
            self.actor,
            platform_id=platform_id_said(self.actor, request.query_params.get("platform", "")),
            source=source,
        )
        cursor = request.query_params.get("cursor")
        page = keyset_page(rows, order=reads.NEWEST_EVENTS, cursor=cursor, size=page_size(request))
        return page_response(page, RdsEventSerializer)


class ResourceListView(ApiView):
    """The inventory, the worst first; records of a resource only where their `kind` is named."""

    actions: Mapping[str, str] = {"GET": "monitoring.resource_view"}

    @extend_schema(
        responses=ResourceSerializer(many=True),
        parameters=[
            *PAGING,
            PLATFORM,
            OpenApiParameter("kind", str, enum=ResourceKind.values),
            OpenApiParameter("watched", str, enum=[inventory.UNWATCHED]),
            OpenApiParameter("q", str, description="part of a name, an owner or a tag"),
        ],
    )
    def get(self, request: Request) -> Response:
        kind, watched, text = (request.query_params.get(name, "") for name in ("kind", "watched", "q"))
        platform_id = platform_id_said(self.actor, request.query_params.get("platform", ""))
        asked = inventory.asked_of(
            platform_id=platform_id,
            kind=kind,
            watched=watched,
            text=text,
        )
        page = keyset_page(
            inventory.inventory(self.actor, asked),
            order=inventory.WORST_RESOURCES,
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, ResourceSerializer)
