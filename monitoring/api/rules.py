"""`/api/v1/alarm-rules/`: rules read, tried on the last 30 days, made, changed and looked over."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.editing import RowView
from monitoring.api.named import with_rows
from monitoring.lint import lint_rules
from monitoring.models import AlarmRule, Comparison, Measure, Missing
from monitoring.preview import Preview, rule_preview
from monitoring.selectors.rules import rules_in_force
from monitoring.services.rules import FIELDS, alarm_rule_save, rule_of
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
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW, CHANGE = "monitoring.alarm_rule_view", "monitoring.alarm_rule_change"


class RuleSerializer(serializers.ModelSerializer[AlarmRule]):
    """A rule; limits are in `unit`, or in spreads or per cent of its baseline as `measure` says."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    severity = serializers.CharField(source="severity.label", read_only=True, allow_null=True, default=None)

    class Meta:
        model = AlarmRule
        fields = ("id", "version", "platform", "key", *FIELDS, "source", "source_text")
        read_only_fields = fields


def _limit(text: str) -> serializers.FloatField:
    return serializers.FloatField(required=False, allow_null=True, help_text=text)


class RuleChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = CleanCharField(max_length=160, required=False)
    service = CleanCharField(max_length=60, required=False, help_text="key of the service")
    signal = serializers.SlugField(max_length=60, required=False, help_text="what is measured; twins attach by it")
    indicator = serializers.JSONField(required=False, help_text='{"value": TERM}, or {"bad": [TERM], "total": [TERM]}')
    stat = CleanCharField(max_length=16, required=False)
    unit = CleanCharField(max_length=16, required=False, allow_blank=True)
    period = serializers.ChoiceField(choices=[60, 300, 3600], required=False, help_text="seconds")
    datapoints = serializers.IntegerField(min_value=1, max_value=100, required=False)
    window = serializers.IntegerField(min_value=1, max_value=100, required=False)
    comparison = serializers.ChoiceField(choices=Comparison.choices, required=False)
    threshold = serializers.FloatField(required=False)
    clear_threshold = _limit("must be passed on the way back")
    warn_threshold = _limit("the level below")
    opposite_threshold = _limit("critical on the other side")
    opposite_warn = _limit("warning on the other side")
    clear_periods = serializers.IntegerField(min_value=0, max_value=100, required=False)
    measure = serializers.ChoiceField(choices=Measure.choices, required=False)
    missing = serializers.ChoiceField(choices=Missing.choices, required=False)
    severity = CleanCharField(max_length=20, required=False, help_text="label of the alert scheme")
    poll_every = serializers.ChoiceField(choices=[60, 300], required=False)
    opens_incident = serializers.BooleanField(required=False)
    grouped = serializers.BooleanField(required=False)
    flap_changes = serializers.IntegerField(min_value=0, max_value=100, required=False)
    flap_minutes = serializers.IntegerField(min_value=1, max_value=1440, required=False)
    enabled = serializers.BooleanField(required=False)
    note = CleanCharField(max_length=600, required=False, help_text="why; required with every write")


NEEDED = ("name", "service", "signal", "indicator", "stat", "threshold", "missing", "severity")


class RuleAddSerializer(RuleChangeSerializer):
    """A rule of a platform; what is left out is the usual."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        absent = {name: "This field is required." for name in NEEDED if name not in attrs}
        if absent:
            raise serializers.ValidationError(absent)
        return attrs


class StretchSerializer(serializers.Serializer[Any]):
    state = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    worst = serializers.FloatField(allow_null=True)


class PreviewSerializer(serializers.Serializer[Preview]):
    """What a rule would have done; `refusal` says why nothing can be said. Durations are seconds, `known` a share."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    fired = serializers.IntegerField()
    firing_seconds = serializers.SerializerMethodField()
    warning_seconds = serializers.SerializerMethodField()
    unknown_seconds = serializers.SerializerMethodField()
    known = serializers.FloatField()
    coarse_until = serializers.DateTimeField(allow_null=True)
    refusal = serializers.CharField()
    stretches = StretchSerializer(many=True)

    def get_firing_seconds(self, row: Preview) -> int:
        return int(row.total("alarm").total_seconds())

    def get_warning_seconds(self, row: Preview) -> int:
        return int(row.total("warning").total_seconds())

    def get_unknown_seconds(self, row: Preview) -> int:
        return int(row.total("unknown").total_seconds())


class FindingSerializer(serializers.Serializer[Any]):
    rule = serializers.IntegerField(source="rule.pk")
    key = serializers.CharField(source="rule.key")
    platform = serializers.CharField(source="rule.platform.key")
    code = serializers.CharField()
    level = serializers.CharField()
    text = serializers.CharField()


def _values(platform: Platform, said: Mapping[str, Any], rule: AlarmRule) -> dict[str, Any]:
    """The rule's fields with what was said in the place of what stood. Raises UnprocessableError."""
    stood = {name: getattr(rule, name) for name in FIELDS}
    return stood | with_rows(platform, {name: said[name] for name in FIELDS if name in said})


class RuleListView(ApiView):
    """Rules of the platforms the token sees."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": CHANGE}

    @extend_schema(responses=RuleSerializer(many=True), parameters=[*PAGING, PLATFORM])
    def get(self, request: Request) -> Response:
        rows = AlarmRule.objects.visible_to(self.actor).select_related("platform", "service", "severity")
        key = request.query_params.get("platform", "")
        rows = rows.filter(platform__key=key) if key else rows
        page = keyset_page(rows, order=("pk",), cursor=request.query_params.get("cursor"), size=page_size(request))
        return page_response(page, RuleSerializer)

    @extend_schema(request=RuleAddSerializer, responses={201: RuleSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a rule; try it under `preview/` first. `Idempotency-Key` makes a resend harmless."""
        said = sent(request, RuleAddSerializer)
        platform = platform_for(CHANGE, self.actor, said["platform"])
        values = _values(platform, said, AlarmRule(platform=platform))
        rule = alarm_rule_save(by=self.actor, at=now(), platform=platform, expected=0, values=values)
        return row_response(rule, RuleSerializer(rule), status=201)


class RuleDetailView(
    RowView,
    tells=RuleSerializer,
    takes=RuleChangeSerializer,
    means='Change it, or switch it off with `{"enabled": false, "note": …}`',
):
    """One rule."""

    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": CHANGE}

    def rows(self) -> QuerySet[AlarmRule]:
        return AlarmRule.objects.visible_to(self.actor).select_related("platform", "service", "severity")

    def change(self, row: AlarmRule, expected: int, said: Mapping[str, Any]) -> None:
        values = _values(row.platform, {"note": "", **said}, row)
        alarm_rule_save(by=self.actor, at=now(), platform=row.platform, expected=expected, values=values, rule=row)


class RulePreviewView(ApiView):
    """What a rule would have done over the last 30 days; nothing is written."""

    actions: Mapping[str, str] = {"POST": CHANGE}

    @extend_schema(request=RuleAddSerializer, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        said = sent(request, RuleAddSerializer)
        platform = platform_for(CHANGE, self.actor, said["platform"])
        rule = rule_of(platform, _values(platform, said, AlarmRule(platform=platform)))
        return Response(PreviewSerializer(rule_preview(rule, at=now())).data)


class RuleLintView(ApiView):
    """What is wrong with the rules in force, errors first."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(responses=FindingSerializer(many=True), parameters=[PLATFORM])
    def get(self, request: Request) -> Response:
        key = request.query_params.get("platform", "")
        rules = [rule for rule in rules_in_force(self.actor) if not key or rule.platform.key == key]
        return Response({"results": FindingSerializer(lint_rules(rules, at=now()), many=True).data})
