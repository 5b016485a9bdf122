"""What platforms' own databases answered to read-only SQL, and what RDS says happened to them."""

from django.db import models
from django.db.models import Q

from monitoring.models.evidence import TargetDatabase
from monitoring.models.sources import AwsAccount
from opsportal.core.models import PlatformQuerySet
from opsportal.platforms.models import Platform, Service


class DatabasePoll(models.Model):
    """When a database was last read, and what stood in the way; a failed reading keeps the answers before it.

    The answers of one reading share its `fetched_at`. `facts` are the server's own words about itself.
    """

    database = models.OneToOneField(TargetDatabase, on_delete=models.CASCADE, related_name="poll")
    tried_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    facts = models.JSONField(default=dict)
    ms = models.PositiveIntegerField(default=0)
    readings = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0, help_text="readings without any answer")


class DatabaseAnswer(models.Model):
    """One answer, kept for 35 days. An empty verdict is a figure without a limit."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+", db_index=False)
    database = models.ForeignKey(TargetDatabase, on_delete=models.CASCADE, related_name="answers", db_index=False)
    question = models.CharField(max_length=20)
    read_at = models.DateTimeField()
    verdict = models.CharField(max_length=8, blank=True)
    summary = models.CharField(max_length=240)
    rows = models.JSONField(default=list)
    ms = models.PositiveIntegerField(default=0)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["database", "question", "read_at"], name="database_answer_unique"),
            models.CheckConstraint(
                condition=Q(verdict__in=["", "ok", "warn", "fail", "unknown"]), name="database_answer_verdict"
            ),
        ]
        indexes = [models.Index(fields=["database", "-read_at"], name="database_answer_reading")]


class RdsEvent(models.Model):
    """What RDS said happened. It forgets after 14 days, the portal keeps it as long as an hour's points."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    account = models.ForeignKey(AwsAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    region = models.CharField(max_length=24)
    source = models.CharField(max_length=255)
    source_kind = models.CharField(max_length=40)
    happened_at = models.DateTimeField()
    message = models.CharField(max_length=500)
    categories = models.JSONField(default=list)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "region", "source", "happened_at", "message"], name="rds_event_unique"
            )
        ]
        indexes = [models.Index(fields=["platform", "-happened_at", "-id"], name="rds_event_newest")]
