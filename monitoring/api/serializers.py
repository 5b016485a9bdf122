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


class LimitSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.FloatField()
    above = serializers.BooleanField()
    guide = serializers.CharField(source="source")
    expected = serializers.DateField(source="when.expected", allow_null=True, default=None)
    earliest = serializers.DateField(source="when.earliest", allow_null=True, default=None)
    latest = serializers.DateField(source="when.latest", allow_null=True, default=None)
    is_past = serializers.BooleanField(source="when.is_past", default=False)


class CapacitySerializer(serializers.Serializer[Any]):
    """`slope`, `low` and `high` are a day; without a trend `refused` says why."""

    platform = serializers.CharField(source="metric.service.platform.key")
    service = serializers.CharField(source="metric.service.key")
    metric = serializers.CharField(source="metric.key")
    series = serializers.IntegerField(source="metric.series_id")
    unit = serializers.CharField(source="metric.unit")
    stat = serializers.CharField()
    level = serializers.FloatField(source="line.level", allow_null=True, default=None)
    slope = serializers.FloatField(source="line.slope", allow_null=True, default=None)
    low = serializers.FloatField(source="line.low", allow_null=True, default=None)
    high = serializers.FloatField(source="line.high", allow_null=True, default=None)
    days = serializers.IntegerField(source="line.days", allow_null=True, default=None)
    refused = serializers.CharField()
    limits = LimitSerializer(many=True)


class QualitySerializer(serializers.Serializer[Any]):
    """Coverage as a share of one, `longest` gap in seconds."""

    platform = serializers.CharField(source="series.platform.key")
    series = serializers.IntegerField(source="series.pk")
    namespace = serializers.CharField(source="series.namespace")
    name = serializers.CharField(source="series.name")
    state = serializers.CharField()
    coverage = serializers.FloatField()
    gaps = serializers.IntegerField()
    longest = serializers.FloatField(source="longest_seconds")
    points = serializers.IntegerField()
    revised = serializers.IntegerField()


class ServiceCostSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    now_usd = serializers.DecimalField(max_digits=12, decimal_places=2)
    before_usd = serializers.DecimalField(max_digits=12, decimal_places=2)


class AccountCostSerializer(serializers.Serializer[Any]):
    """What reading costs by our own count; the account's bill is null where Cost Explorer was not read."""

    account = serializers.CharField(source="account.account_id")
    reading_usd = serializers.FloatField()
    reading_forecast_usd = serializers.FloatField(source="reading_forecast")
    month_usd = serializers.FloatField(allow_null=True)
    forecast_usd = serializers.FloatField(allow_null=True)
    read_at = serializers.DateTimeField(source="poll.fetched_at", allow_null=True, default=None)
    error = serializers.CharField(source="poll.error", default="")
    permission = serializers.CharField(source="poll.permission", default="")
    services = ServiceCostSerializer(many=True)
