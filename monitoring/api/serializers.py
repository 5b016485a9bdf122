"""What the API says about alarms, series, points and objectives."""

from typing import Any

from rest_framework import serializers

from monitoring.models import Alarm, AlarmTransition, Series


class AlarmSerializer(serializers.ModelSerializer[Alarm]):
    """An alarm as it stands; `severity` is the platform's own label, `rank` 1 (worst) to 5."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)
    severity = serializers.CharField(source="severity.label", read_only=True, allow_null=True, default=None)
    rank = serializers.IntegerField(source="severity.rank", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Alarm
        fields = (
            "id", "version", "platform", "service", "origin", "key", "name", "signal", "severity", "rank", "state",
            "since", "value", "reason", "evaluated_until", "fetched_at",
        )  # fmt: skip
        read_only_fields = fields


class AlarmTransitionSerializer(serializers.ModelSerializer[AlarmTransition]):
    """One change of an alarm's state."""

    class Meta:
        model = AlarmTransition
        fields = ("id", "from_state", "to_state", "at", "recorded_at", "value", "reason", "silenced", "data")
        read_only_fields = fields


class SeriesSerializer(serializers.ModelSerializer[Series]):
    """A metric that is read from AWS."""

    platform = serializers.CharField(source="platform.key", read_only=True)
    service = serializers.CharField(source="service.key", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Series
        fields = (
            "id", "platform", "service", "region", "namespace", "name", "dimensions", "count_below", "unit", "stats",
            "poll_every", "watermark", "newest_point_at", "last_status", "enabled",
        )  # fmt: skip
        read_only_fields = fields


class PointSerializer(serializers.Serializer[Any]):
    """A stored datapoint; null where CloudWatch was not asked or had none."""

    ts = serializers.DateTimeField()
    n = serializers.FloatField(allow_null=True)
    sum = serializers.FloatField(allow_null=True)
    average = serializers.FloatField(allow_null=True)
    min = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    below = serializers.FloatField(allow_null=True)


class PointsSerializer(serializers.Serializer[Any]):
    """The points of a stretch of time, newest first, and what was not asked about in it."""

    period = serializers.IntegerField(help_text="seconds")
    points = PointSerializer(many=True)
    gaps = serializers.ListField(child=serializers.ListField(child=serializers.DateTimeField()))


class SloSerializer(serializers.Serializer[Any]):
    """An objective over its last 30 days; shares are of one, null where nothing is known."""

    id = serializers.IntegerField(source="slo.pk")
    platform = serializers.CharField(source="slo.platform.key")
    service = serializers.CharField(source="slo.service.key", allow_null=True, default=None)
    key = serializers.CharField(source="slo.key")
    name = serializers.CharField(source="slo.name")
    objective = serializers.FloatField()
    raw = serializers.FloatField(allow_null=True)
    adjusted = serializers.FloatField(allow_null=True)
    good = serializers.FloatField(source="count.good")
    total = serializers.FloatField(source="count.total")
    budget_left = serializers.FloatField(source="budget.left", allow_null=True)
    burn_1h = serializers.FloatField(allow_null=True)
    forecast = serializers.FloatField(allow_null=True)
    coverage = serializers.FloatField(allow_null=True)
    health = serializers.CharField()
