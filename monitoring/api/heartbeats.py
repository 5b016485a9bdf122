"""`/api/v1/heartbeats/`: jobs that tell the portal that they ran, and their beats (M-CHK-14)."""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.editing import RowView
from monitoring.api.named import platform_named, with_rows
from monitoring.models import Beat, Heartbeat
from monitoring.selectors.heartbeats import beat_page, heartbeat_page, heartbeats_of
from monitoring.services.heartbeats import (
    LONGEST,
    MAY_CHANGE,
    SHORTEST,
    heartbeat_add,
    heartbeat_change,
)
from monitoring.services.links import address_of
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    ApiView,
    CleanCharField,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.clock import now
from opsportal.core.gate import allows, permitted
from opsportal.core.idempotency import idempotent
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "monitoring.heartbeat_view"
EDIT: Final = "monitoring.heartbeat_edit"
READ: Final = "monitoring.log_lines_view"


class HeartbeatSerializer(serializers.ModelSerializer[Heartbeat]):
    """A job and its newest beat; `state` is ok, fail, unknown, stale or off. Its link is never read back.

    `look_at`: without another beat it is late then.
    """

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    severity = serializers.CharField(source="severity.label", read_only=True, allow_null=True, default=None)
    alarm = serializers.IntegerField(source="alarm_id", read_only=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = Heartbeat
        fields = ("id", "version", "platform", "key", *MAY_CHANGE, "state", "began_at", "ended_at", "ok", "seconds",
                  "look_at", "alarm")  # fmt: skip
        read_only_fields = fields

    def get_state(self, row: Heartbeat) -> str:
        return row.kind_at(now())


class HeartbeatMadeSerializer(HeartbeatSerializer):
    """A job that was just made, with the address it beats at: shown this once."""

    link = serializers.SerializerMethodField()

    class Meta(HeartbeatSerializer.Meta):
        fields = (*HeartbeatSerializer.Meta.fields, "link")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_link(self, _row: Heartbeat) -> str:
        return str(self.context["link"])


class HeartbeatChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = CleanCharField(max_length=120, required=False)
    service = CleanCharField(max_length=60, required=False, allow_null=True, help_text="key of the service")
    cron = CleanCharField(max_length=120, required=False, allow_blank=True, help_text="five fields, such as 0 2 * * *")
    zone = CleanCharField(max_length=60, required=False, help_text="IANA name of the zone of `cron`")
    every_seconds = serializers.IntegerField(
        min_value=0, max_value=LONGEST, required=False, help_text=f"instead of `cron`; {SHORTEST} or more"
    )
    grace_seconds = serializers.IntegerField(min_value=0, max_value=LONGEST, required=False)
    longest_seconds = serializers.IntegerField(min_value=0, max_value=LONGEST, required=False, help_text="0: any")
    severity = CleanCharField(max_length=20, required=False, allow_null=True, help_text="label of the alert scheme")
    opens_incident = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)
    paused_reason = CleanCharField(max_length=240, required=False, allow_blank=True)


class HeartbeatAddSerializer(HeartbeatChangeSerializer):
    """A job of a platform; what is left out is the usual."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    key = serializers.SlugField(max_length=50)
    name = CleanCharField(max_length=120)


class BeatSerializer(serializers.ModelSerializer[Beat]):
    """One beat; `seconds` since the run began, where it said so."""

    class Meta:
        model = Beat
        fields = ("at", "word", "exit_code", "seconds", "log")
        read_only_fields = fields


class HeartbeatListView(ApiView):
    """Jobs of the platforms the token sees, the worst first."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": EDIT}

    @extend_schema(responses=HeartbeatSerializer(many=True), parameters=[*PAGING, PLATFORM])
    def get(self, request: Request) -> Response:
        page = heartbeat_page(
            self.actor,
            at=now(),
            platform_id=platform_id_said(self.actor, request.query_params.get("platform", "")),
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, HeartbeatSerializer)

    @extend_schema(request=HeartbeatAddSerializer, responses={201: HeartbeatMadeSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make one; the answer holds its link, this once."""
        said = sent(request, HeartbeatAddSerializer)
        platform = platform_named(EDIT, self.actor, said)
        key, values = said.pop("key"), with_rows(platform, said)
        made, secret = heartbeat_add(by=self.actor, at=now(), platform=platform, key=key, values=values)
        link = address_of("monitoring:beat", secret)
        response = row_response(made, HeartbeatMadeSerializer(made, context={"link": link}), status=201)
        response["Cache-Control"] = "no-store"
        return response


class HeartbeatView(
    RowView,
    tells=HeartbeatSerializer,
    takes=HeartbeatChangeSerializer,
    means="Change, pause (with a reason) or go on with it",
):
    """One job."""

    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": EDIT}

    def rows(self) -> QuerySet[Heartbeat]:
        return heartbeats_of(self.actor, at=now())

    def change(self, row: Heartbeat, expected: int, said: Mapping[str, Any]) -> None:
        values = with_rows(row.platform, said)
        heartbeat_change(by=self.actor, at=now(), heartbeat=row, expected=expected, values=values)


class BeatListView(ApiView):
    """Its beats of the last 90 days, newest first; `log` is empty for who may not read logs (log:read)."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(responses=BeatSerializer(many=True), parameters=[*PAGING])
    def get(self, request: Request, pk: int) -> Response:
        cursor = request.query_params.get("cursor")
        found = permitted(self.actor, VIEW, heartbeats_of(self.actor, at=now()), pk=pk)
        page = beat_page(found, cursor=cursor, size=page_size(request))
        if not allows(self.actor, READ, found):
            for row in page.rows:
                row.log = ""
        return page_response(page, BeatSerializer)
