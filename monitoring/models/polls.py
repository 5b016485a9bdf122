"""What was asked of CloudWatch and when: "no data because we did not ask" is not "AWS had none"."""

from django.db import models
from django.db.models import F, Q

from monitoring.models.sources import AwsAccount, Series


class PollRun(models.Model):
    """One pass over one account and region at one period; kept for the polls page and the cost meter."""

    account = models.ForeignKey(AwsAccount, on_delete=models.PROTECT, related_name="poll_runs")
    region = models.CharField(max_length=24)
    period = models.PositiveSmallIntegerField(help_text="seconds; 0 = resources")
    kind = models.CharField(max_length=12, default="poll")  # poll, backfill, resources, alarms
    started_at = models.DateTimeField(help_text="business time of the pass")
    until = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    metrics_billed = models.PositiveIntegerField(default=0)
    series = models.PositiveIntegerField(default=0)
    points = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    late_revisions = models.PositiveIntegerField(default=0)
    lag_seconds = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=8)  # ok, partial, failed
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["account", "region", "-started_at"], name="poll_run_recent")]


class PollCoverage(models.Model):
    """A stretch of time for which CloudWatch answered completely about a series; adjacent stretches are merged."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="coverage", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "starts_at"], name="poll_coverage_unique"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="poll_coverage_forward"),
        ]


class Backfill(models.Model):
    """History being fetched for an account: newest slice first, so that pages fill where people look."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="backfills")
    region = models.CharField(max_length=24)
    period = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cursor_at = models.DateTimeField(help_text="filled from here to ends_at")
    series_ids = models.JSONField(default=list)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account"], name="backfill_open", condition=Q(finished_at__isnull=True))]
