"""What was asked of CloudWatch and when: "no data because we did not ask" is not "AWS had none"."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

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
    refused = models.PositiveIntegerField(default=0, help_text="datapoints outside the time asked about, or no number")
    throttles = models.PositiveIntegerField(default=0)
    is_deep = models.BooleanField(default=False, help_text="read the last 3 h again, not only the last 15 min")
    pace = models.PositiveSmallIntegerField(default=0, help_text="step of PACES at which it was made")
    lag_seconds = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=8)  # ok, partial, failed
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "region", "-started_at"], name="poll_run_recent"),
            models.Index(fields=["-started_at", "-id"], name="poll_run_newest"),
        ]


class RegionPoll(models.Model):
    """How fast an account's region may be asked, whether it answers, and what was asked of it in all.

    Tokens are those of two buckets that every process shares; they may go below zero, and who took them then waits.
    `share` is the part of AWS's limits that we allow ourselves: halved at each throttle, whole again in ten minutes.
    Times are real time.
    """

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="region_polls")
    region = models.CharField(max_length=24)
    share = models.FloatField(default=1.0)
    request_tokens = models.FloatField(default=0.0)
    point_tokens = models.FloatField(default=0.0)
    refilled_at = models.DateTimeField(db_default=Now())
    failed_in_row = models.PositiveIntegerField(
        default=0, help_text="passes without any answer since the last with one"
    )
    requests = models.BigIntegerField(default=0)
    metrics_billed = models.BigIntegerField(default=0)
    points = models.BigIntegerField(default=0)
    late_revisions = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    throttles = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "region"], name="region_poll_unique")]


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
