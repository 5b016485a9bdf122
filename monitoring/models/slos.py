"""Objectives, their dated versions, the terms they count, and the buckets counted."""

from django.db import models
from django.db.models import F, Q

from monitoring.models.sources import Series
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource, Service


class Slo(VersionedModel):
    """A promise about a service. Its figures stand in `SloVersion`, dated; an old report keeps the old objective."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="slos")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="slos")
    key = models.SlugField(max_length=80)
    name = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    owner = models.CharField(max_length=120, blank=True)
    enabled = models.BooleanField(default=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)
    note = models.TextField(blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="slo_key_unique")]

    def __str__(self) -> str:
        return self.name


class WindowKind(models.TextChoices):
    ROLLING = "rolling", "the last days"
    WEEK = "week", "calendar week"
    MONTH = "month", "calendar month"
    QUARTER = "quarter", "calendar quarter"
    YEAR = "year", "calendar year"


class SloVersion(models.Model):
    """What was promised from `effective_from` on. Objective in per cent.

    The budget's window: the last `window_days` days, or a calendar period as `zone` counts days.

    `indicator` says what is counted (monitoring.slo.indicator reads it):
    {"method": "occurrences", "total": [TERM…], "bad": [TERM…]}   or "good" instead of "bad"
    {"method": "timeslices", "value_of": TERM, "comparison": "ge", "value": 1000, "per_second": true}
    TERM = {"namespace", "metric", "dimensions": {…}, "stat": "Sum"|"SampleCount"|"Average"|"TC"|…, "below", "region"}
    """

    slo = models.ForeignKey(Slo, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    objective = models.DecimalField(max_digits=6, decimal_places=3)
    window_kind = models.CharField(max_length=8, choices=WindowKind, default=WindowKind.ROLLING)
    window_days = models.PositiveSmallIntegerField(default=30)
    zone = models.CharField(max_length=64, default="UTC")
    indicator = models.JSONField()
    effective_from = models.DateTimeField()
    created_by_name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slo", "number"], name="slo_version_unique"),
            models.CheckConstraint(condition=Q(objective__gt=0, objective__lt=100), name="slo_objective_range"),
        ]


class SloTerm(models.Model):
    """One series that a version of an objective counts, bound once an account is connected.

    A slice is counted by the terms of the version that held then, however late its points come.
    """

    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="terms")
    of_version = models.ForeignKey(SloVersion, on_delete=models.CASCADE, related_name="terms", null=True)
    role = models.CharField(max_length=8)  # total, bad, good, value
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="slo_terms")
    stat = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["of_version", "role", "series", "stat"], name="slo_term_once"),
        ]


class BudgetPolicy(VersionedModel):
    """What follows when a platform's budgets are spent; shares of the budget in per cent."""

    platform = models.OneToOneField(Platform, on_delete=models.PROTECT, related_name="budget_policy")
    notice_at = models.PositiveSmallIntegerField(default=50)
    review_at = models.PositiveSmallIntegerField(default=75)
    freeze_at = models.PositiveSmallIntegerField(default=100)
    review_share = models.PositiveSmallIntegerField(default=20, help_text="used by one incident: its review is due")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(notice_at__gt=0, review_at__gt=F("notice_at"), freeze_at__gt=F("review_at")),
                name="budget_policy_steps",
            )
        ]


class SloBucket(models.Model):
    """Counted events of one objective in 5, 60 or 1440 minutes. Sums of smaller buckets, so they add up exactly.

    xgood/xtotal: what exclusions left out. expected/covered: 5-minute slices elapsed, and those asked about in full.
    """

    pk = models.CompositePrimaryKey("slo_id", "res", "ts")
    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="buckets", db_index=False)
    res = models.PositiveSmallIntegerField(help_text="minutes: 5, 60, 1440")
    ts = models.DateTimeField()
    good = models.FloatField(default=0)
    total = models.FloatField(default=0)
    xgood = models.FloatField(default=0)
    xtotal = models.FloatField(default=0)
    expected = models.PositiveIntegerField()
    covered = models.PositiveIntegerField()
