"""`/api/v1/alert-sources/`, `inbound-messages/`, `alert-groups/`: what comes from outside; what alarms were worth."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.serializers import AlarmSerializer
from monitoring.models import (
    Alarm,
    AlarmOrigin,
    AlarmRating,
    AlarmState,
    AlarmTransition,
    Alert,
    AlertSource,
    InboundMessage,
    InboundVerdict,
    Usefulness,
)
from monitoring.selectors.intake import group_page, message_page
from monitoring.selectors.usefulness import firings, week_of, worth_rows
from monitoring.services.alerts import group_end
from monitoring.services.inbound import message_replay
from monitoring.services.ratings import alarm_rate
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
from opsportal.core.gate import permitted, platforms_where
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.platforms.selectors import platform_id_said

_SOURCES: Final = "monitoring.alert_source_view"
_MESSAGES: Final = "monitoring.inbound_view"


class AlertSourceSerializer(serializers.ModelSerializer[AlertSource]):
    """A source and what its alerts mean; its link is never read back."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    severity = serializers.CharField(source="severity.label", read_only=True, allow_null=True, default=None)

    class Meta:
        model = AlertSource
        fields = (
            "id", "version", "platform", "kind", "name", "service", "severity", "mapping", "opens_incident",
            "takes_raw", "enabled", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class InboundMessageSerializer(serializers.ModelSerializer[InboundMessage]):
    """A message and its verdict, without its body."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    source_name = serializers.CharField(source="source.name", read_only=True)
    replay_of = serializers.IntegerField(source="replay_of_id", read_only=True, allow_null=True)

    class Meta:
        model = InboundMessage
        fields = (
            "id", "platform", "source_name", "received_at", "verdict", "reason", "alerts", "repeats", "topic",
            "judged_at", "replay_of",
        )  # fmt: skip
        read_only_fields = fields


class InboundDetailSerializer(InboundMessageSerializer):
    """A message as it came."""

    body = serializers.SerializerMethodField()

    class Meta(InboundMessageSerializer.Meta):
        fields = (*InboundMessageSerializer.Meta.fields, "headers", "body")  # type: ignore[assignment]

    def get_body(self, row: InboundMessage) -> str:
        return bytes(row.body).decode("utf-8", "replace")


class AlertGroupSerializer(AlarmSerializer):
    """A group of outside alerts: an alarm, with how many subjects it has; `value` of them fire."""

    source_name = serializers.CharField(source="alert_source.name", read_only=True, allow_null=True, default=None)
    subjects = serializers.IntegerField(source="subjects_count", read_only=True, allow_null=True)
    alerts = serializers.IntegerField(source="alerts_count", read_only=True, allow_null=True)

    class Meta(AlarmSerializer.Meta):
        fields = (*AlarmSerializer.Meta.fields, "source_name", "subjects", "alerts")  # type: ignore[assignment]


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """One alert as understood."""

    class Meta:
        model = Alert
        fields = (
            "id", "title", "text", "url", "severity_word", "labels", "is_firing", "is_late", "silenced", "at",
            "received_at", "message_number",
        )  # fmt: skip
        read_only_fields = fields


class RatingSerializer(serializers.Serializer[Any]):
    """What a firing was worth."""

    transition = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="id of a change to *alarm*")
    word = serializers.ChoiceField(choices=Usefulness.choices)


class RatedSerializer(serializers.ModelSerializer[AlarmRating]):
    class Meta:
        model = AlarmRating
        fields = ("id", "version", "transition", "word", "rated_at")
        read_only_fields = fields


class EndSerializer(serializers.Serializer[Any]):
    reason = CleanCharField(max_length=240, required=False, default="")


class WorthSerializer(serializers.Serializer[Any]):
    """One alarm's week: a page is a firing that opened an incident of a paging level, under no silence."""

    alarm = serializers.IntegerField(source="alarm.pk")
    name = serializers.CharField(source="alarm.name")
    platform = serializers.CharField(source="alarm.platform.key")
    origin = serializers.CharField(source="alarm.origin")
    pages = serializers.IntegerField()
    firings = serializers.IntegerField()
    silenced = serializers.IntegerField()
    useful = serializers.IntegerField(source="rated.useful")
    no_action = serializers.IntegerField(source="rated.no_action")
    noise = serializers.IntegerField(source="rated.noise")
    unrated = serializers.IntegerField()
    has_runbook = serializers.BooleanField()


class AlertSourceListView(ApiView):
    """Sources of outside alerts on the platforms this token's person administers."""

    actions: Mapping[str, str] = {"GET": _SOURCES}

    @extend_schema(responses=AlertSourceSerializer(many=True), parameters=[*PAGING, PLATFORM])
    def get(self, request: Request) -> Response:
        rows = AlertSource.objects.visible_to(self.actor).filter(platform__in=platforms_where(self.actor, _SOURCES))
        rows = rows.of_platform(platform_id_said(self.actor, request.query_params.get("platform", "")))
        rows = rows.select_related("platform", "service", "severity")
        page = keyset_page(rows, order=("pk",), cursor=request.query_params.get("cursor"), size=page_size(request))
        return page_response(page, AlertSourceSerializer)


class InboundMessageListView(ApiView):
    """Messages of outside sources, the newest first."""

    actions: Mapping[str, str] = {"GET": _MESSAGES}

    @extend_schema(
        responses=InboundMessageSerializer(many=True),
        parameters=[*PAGING, PLATFORM, OpenApiParameter("verdict", str, enum=InboundVerdict.values)],
    )
    def get(self, request: Request) -> Response:
        params = request.query_params
        page = message_page(
            self.actor,
            platform_id=platform_id_said(self.actor, params.get("platform", "")),
            platform_ids=platforms_where(self.actor, _MESSAGES),
            verdict=params.get("verdict", ""),
            cursor=params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, InboundMessageSerializer)


class InboundMessageView(ApiView):
    """One message as it came."""

    actions: Mapping[str, str] = {"GET": _MESSAGES}

    @extend_schema(responses=InboundDetailSerializer)
    def get(self, _request: Request, pk: int) -> Response:
        return Response(InboundDetailSerializer(_message(self, pk, _MESSAGES)).data)


class InboundReplayView(ApiView):
    """Judge a message anew."""

    actions: Mapping[str, str] = {"POST": "monitoring.inbound_replay"}

    @extend_schema(request=None, responses={201: InboundMessageSerializer})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """What was accepted before counts once; the answer is the new message, which waits for its verdict."""
        del request
        found = _message(self, pk, "monitoring.inbound_replay")
        again = message_replay(by=self.actor, at=now(), message=found)
        return Response(InboundMessageSerializer(again).data, status=201)


def _message(view: ApiView, pk: int, action: str) -> InboundMessage:
    rows = InboundMessage.objects.visible_to(view.actor).select_related("source", "platform", "replay_of")
    return permitted(view.actor, action, rows, pk=pk)


class AlertGroupListView(ApiView):
    """Groups of outside alerts, the newest change first."""

    actions: Mapping[str, str] = {"GET": "monitoring.alarm_view"}

    @extend_schema(
        responses=AlertGroupSerializer(many=True),
        parameters=[*PAGING, PLATFORM, OpenApiParameter("state", str, enum=AlarmState.values)],
    )
    def get(self, request: Request) -> Response:
        params = request.query_params
        page = group_page(
            self.actor,
            platform_id=platform_id_said(self.actor, params.get("platform", "")),
            state=params.get("state", ""),
            cursor=params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, AlertGroupSerializer)


class AlarmAlertListView(ApiView):
    """The alerts of one group, the newest first."""

    actions: Mapping[str, str] = {"GET": "monitoring.alarm_view"}

    @extend_schema(responses=AlertSerializer(many=True), parameters=PAGING)
    def get(self, request: Request, pk: int) -> Response:
        alarm = get_object_or_404(Alarm.objects.visible_to(self.actor), pk=pk)
        cursor = request.query_params.get("cursor")
        page = keyset_page(alarm.alerts.all(), order=("-pk",), cursor=cursor, size=page_size(request))
        return page_response(page, AlertSerializer)


class AlarmRatingView(ApiView):
    """Say what a firing was worth."""

    actions: Mapping[str, str] = {"POST": "monitoring.alarm_rate"}

    @extend_schema(request=RatingSerializer, responses={201: RatedSerializer})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """The token's person rates; the same person's later word replaces the one before."""
        alarm = permitted(self.actor, "monitoring.alarm_rate", Alarm.objects.visible_to(self.actor), pk=pk)
        said = sent(request, RatingSerializer)
        data = said
        transition = AlarmTransition.objects.filter(pk=data["transition"], alarm=alarm).first()
        if transition is None:
            raise serializers.ValidationError({"transition": ["The alarm has no such change."]})
        rating = alarm_rate(by=self.actor, at=now(), transition=transition, word=data["word"])
        return Response(RatedSerializer(rating).data, status=201)


class AlertGroupEndView(ApiView):
    """Say that a group is over, where its source never will."""

    actions: Mapping[str, str] = {"POST": "monitoring.alert_group_end"}

    @extend_schema(request=EndSerializer, responses=AlarmSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Needs `If-Match` with the alarm's ETag."""
        rows = Alarm.objects.visible_to(self.actor).filter(origin=AlarmOrigin.ALERT)
        rows = rows.select_related("platform", "service", "severity")
        alarm = permitted(self.actor, "monitoring.alert_group_end", rows, pk=pk)
        expected = expected_version(request, alarm)
        reason = sent(request, EndSerializer)["reason"]
        group_end(by=self.actor, at=now(), alarm=alarm, expected=expected, reason=reason)
        return row_response(alarm, AlarmSerializer(alarm))


class AlarmWeekView(ApiView):
    """A week's alarms by pages, noise and missing runbook; weeks are those of UTC."""

    actions: Mapping[str, str] = {"GET": "monitoring.alarm_view"}

    @extend_schema(
        operation_id="alarm_weeks",
        responses=WorthSerializer(many=True),
        parameters=[PLATFORM, OpenApiParameter("week", str, description="2026-W10; the present one unless asked")],
    )
    def get(self, request: Request) -> Response:
        params = request.query_params
        week = week_of(params.get("week", ""), at=now(), zone=ZoneInfo("UTC"))
        if params.get("week") and params["week"] != week.key:
            raise ParseError("week is written 2026-W10.")
        platform_id = platform_id_said(self.actor, params.get("platform", ""))
        found = worth_rows(self.actor, firings(self.actor, week.start, week.end, platform_id=platform_id), size=500)
        return Response({"week": week.key, "results": WorthSerializer(found.rows, many=True).data})
