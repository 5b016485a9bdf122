"""AWS accounts, which platforms they carry, and the series read from them. No secret is ever stored."""

from decimal import Decimal
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource, Service

CRITICAL_POLL_SECONDS: Final = 60
COMMON_POLL_SECONDS: Final = 300
# Seconds between two readings of common and of critical series, as the budget allows: critical ones slow down last.
PACES: Final = ((300, 60), (900, 60), (3600, 60), (3600, 300), (3600, 900))


def read_every(poll_every: int, pace: int) -> int:
    """Seconds between two readings of a series of that own interval, at that step of PACES."""
    common, critical = PACES[min(pace, len(PACES) - 1)]
    return critical if poll_every == CRITICAL_POLL_SECONDS else common


class AwsAccount(VersionedModel):
    """An account the portal reads by assuming a role. The portal's own identity comes from its environment."""

    account_id = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=80)
    role_arn = models.CharField(max_length=200, blank=True)
    external_id = models.CharField(max_length=120, blank=True)
    act_role_arn = models.CharField(
        max_length=200, blank=True, help_text="for approved plans; empty: nothing is changed there"
    )
    regions = ArrayField(models.CharField(max_length=24))
    cost_cap_usd = models.DecimalField(
        max_digits=8, decimal_places=2, default=150, help_text="a month; polling slows down to stay below"
    )
    usd_per_metric = models.DecimalField(
        max_digits=10, decimal_places=8, default=Decimal("0.00001"), help_text="GetMetricData, each metric requested"
    )
    usd_per_scanned_gb = models.DecimalField(
        max_digits=8,
        decimal_places=5,
        default=Decimal("0.005"),
        db_default=Decimal("0.005"),
        help_text="Logs Insights, each 10⁹ bytes read",
    )
    pace = models.PositiveSmallIntegerField(default=0, help_text="step of PACES; above 0 the budget slows polling down")
    enabled = models.BooleanField(default=True)
    identity_arn = models.CharField(max_length=200, blank=True, help_text="who AWS says we are")
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} ({self.account_id})"

    @property
    def pace_words(self) -> str:
        """How often its series are read now."""
        common, critical = (read_every(own, self.pace) // 60 for own in (COMMON_POLL_SECONDS, CRITICAL_POLL_SECONDS))
        return f"series of objectives and alarms every {critical} min, the others every {common} min"


class AwsPermission(models.Model):
    """What came of one read call when the role was last checked."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="permissions")
    operation = models.CharField(max_length=80)
    verdict = models.CharField(max_length=16)  # allowed, denied, could_not_check
    detail = models.TextField(blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "operation"], name="aws_permission_unique")]


class MetricSource(VersionedModel):
    """The account (and first region) in which a platform's metrics are looked for."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="metric_sources")
    account = models.ForeignKey(AwsAccount, on_delete=models.PROTECT, related_name="sources")
    region = models.CharField(max_length=24)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "account"], name="metric_source_unique")]


class MissingPoint(models.TextChoices):
    """What a period means for which CloudWatch answered and had no datapoint."""

    GAP = "gap", "no figure"
    ZERO = "zero", "zero events"
    CARRY = "carry", "as before"


class Series(VersionedModel):
    """One metric of one account and region, or of the portal's own probes, with the statistics fetched for it.

    `stats` holds CloudWatch's names: Sum, SampleCount, Minimum, Maximum, p50, p95, p99, and TC for the number of
    samples below `count_below`. `watermark` is up to where CloudWatch was last asked with a complete answer.
    """

    id = models.AutoField(primary_key=True)
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="series")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="series")
    account = models.ForeignKey(
        AwsAccount, on_delete=models.PROTECT, null=True, related_name="series", help_text="null: the portal measures it"
    )
    region = models.CharField(max_length=24, blank=True)
    namespace = models.CharField(max_length=120)
    name = models.CharField(max_length=120)
    dimensions = models.JSONField(default=dict)
    dimensions_hash = models.CharField(max_length=64, editable=False)
    count_below = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    stats = ArrayField(models.CharField(max_length=16))
    poll_every = models.PositiveSmallIntegerField(default=COMMON_POLL_SECONDS)
    missing = models.CharField(max_length=8, choices=MissingPoint, default=MissingPoint.GAP)
    watermark = models.DateTimeField(null=True)
    newest_point_at = models.DateTimeField(null=True)
    last_status = models.CharField(max_length=40, blank=True)
    enabled = models.BooleanField(default=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "account", "region", "namespace", "name", "dimensions_hash", "count_below"],
                name="series_unique",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=models.Q(poll_every__in=[60, 300]), name="series_poll_every"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace} {self.name}"

    @property
    def read_every(self) -> int:
        """Seconds between two readings at the present pace of its account; the portal's own have none."""
        return read_every(self.poll_every, self.account.pace if self.account else 0)


class ServiceMetric(VersionedModel):
    """A metric of a service's picture: its chart, its evidence checks. Bound to a series once connected."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="service_metrics")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="metrics")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    namespace = models.CharField(max_length=120)
    metric = models.CharField(max_length=120)
    dimensions = models.JSONField(default=dict)
    region = models.CharField(max_length=24, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    stats = ArrayField(models.CharField(max_length=16), help_text="the first one is drawn")
    poll_every = models.PositiveSmallIntegerField(default=COMMON_POLL_SECONDS)
    position = models.PositiveSmallIntegerField(default=0)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, null=True, blank=True, related_name="metrics")
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "key"], name="service_metric_key_unique")]

    def __str__(self) -> str:
        return self.name
