"""Published reports, what managers write to them, and who gets them by mail."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, Service


class Commentary(AppendOnlyModel):
    """What a manager says about a period, in versions: the newest is shown, none is lost."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="+")
    period_key = models.CharField(max_length=32)
    number = models.PositiveIntegerField()
    text = models.TextField()
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    written_by_name = models.CharField(max_length=120)
    written_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "service", "period_key", "number"], name="commentary_once", nulls_distinct=False
            )
        ]


class PublishedReport(AppendOnlyModel):
    """A report as it was published. `body` is canonical JSON, `sha256` its hash; the database refuses any change.

    `as_of` is the instant it was computed for: computing it again for that instant gives the same figures unless what
    they are made of changed since (late points, exclusions).
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="published_reports")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="+")
    period_key = models.CharField(max_length=32)
    period_name = models.CharField(max_length=120)
    number = models.PositiveIntegerField(help_text="1 for the first of its period")
    as_of = models.DateTimeField()
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    code_version = models.CharField(max_length=40)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    published_by_name = models.CharField(max_length=120)
    published_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "service", "period_key", "number"], name="published_report_once",
                nulls_distinct=False,
            )
        ]  # fmt: skip
        indexes = [models.Index(fields=["-published_at", "-id"], name="published_report_recent")]

    def __str__(self) -> str:
        return f"{self.period_name}, edition {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("reports:published", args=[self.pk])


class Cadence(models.TextChoices):
    DAILY = "daily", "each day"
    WEEKLY = "weekly", "each Monday"
    MONTHLY = "monthly", "on the first of a month"


class ReportSubscription(VersionedModel):
    """A member who gets a platform's report by mail. `sent_until` ends the newest period that was sent."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    cadence = models.CharField(max_length=8, choices=Cadence)
    sent_until = models.DateTimeField()
    created_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "user", "cadence"], name="report_subscription_once")]
