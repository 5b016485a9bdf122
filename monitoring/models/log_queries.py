"""Saved questions to CloudWatch Logs Insights, their runs, and what those found (M-MET-07)."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from monitoring.models.sources import AwsAccount
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource, Service

BYTES_PER_GB: Final = 10**9  # the dearer reading of what AWS bills by


class LogQuery(VersionedModel):
    """A question to the logs of a service. `guide_text` is how its guide writes it, where that cannot be asked."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="log_queries")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="log_queries")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    text = models.TextField()
    minutes = models.PositiveIntegerField(default=60, help_text="how far it looks back unless told otherwise")
    guide_text = models.TextField(blank=True)
    note = models.TextField(blank=True)
    enabled = models.BooleanField(default=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.EDITED)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "key"], name="log_query_key_unique"),
            models.CheckConstraint(condition=Q(minutes__gte=1, minutes__lte=10_080), name="log_query_minutes"),
        ]
        indexes = [models.Index(fields=["platform", "name", "id"], name="log_query_list")]

    def __str__(self) -> str:
        return self.name


class LogRunState(models.TextChoices):
    WAITING = "waiting", "waits for a worker"
    RUNNING = "running", "running"
    DONE = "done", "answered"
    FAILED = "failed", "failed"
    STOPPED = "stopped", "stopped"
    LOST = "lost", "lost"


class PartState(models.TextChoices):
    """Of one account and region: what became of the question there."""

    NEW = "new", "not asked yet"
    ASKING = "asking", "being put"
    RUNNING = "running", "running"
    DONE = "done", "answered"
    FAILED = "failed", "failed"
    STOPPED = "stopped", "stopped"
    LOST = "lost", "lost"


class LogRun(models.Model):
    """A question put once, as it stood then. Only the worker that holds it (`fence`) moves it on.

    `parts`: one mapping per account and region, see `monitoring.insights.running`.
    """

    OPEN: ClassVar[tuple[str, ...]] = (LogRunState.WAITING, LogRunState.RUNNING)

    query = models.ForeignKey(LogQuery, on_delete=models.PROTECT, related_name="runs")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=LogRunState, default=LogRunState.WAITING)
    fence = models.PositiveIntegerField(default=0)
    parts = models.JSONField(default=list)
    expected_bytes = models.BigIntegerField(null=True, help_text="estimate before it was asked; null: none")
    bytes_scanned = models.BigIntegerField(default=0)
    records_matched = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    said = models.TextField(blank=True, help_text="why it failed or stopped, and what did not answer")
    asked_by_id = models.BigIntegerField(null=True)
    asked_by_name = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    stop_asked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="log_run_span")]
        indexes = [
            models.Index(fields=["query", "-asked_at", "-id"], name="log_run_of_query"),
            models.Index(fields=["platform", "-asked_at", "-id"], name="log_run_of_platform"),
            models.Index(fields=["asked_at"], name="log_run_open", condition=Q(state__in=["waiting", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.query_id} {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def kind(self) -> str:
        """The word of the state language; what was not answered by all is no success."""
        if self.state == LogRunState.DONE:
            return "warn" if self.said else "ok"
        words = {LogRunState.WAITING: "unknown", LogRunState.RUNNING: "run", LogRunState.FAILED: "fail"}
        return words.get(LogRunState(self.state), "unknown")

    @property
    def groups(self) -> list[str]:
        """The log groups asked."""
        return sorted({name for part in self.parts for name in part["groups"]})

    @property
    def topic(self) -> str:
        """What open pages of it follow."""
        return f"log-run:{self.pk}"


class LogAnswerQuerySet(PlatformQuerySet["LogAnswer"]):
    platform_path: ClassVar[str] = "run__platform_id"


class LogAnswer(AppendOnlyModel):
    """What a run found: evidence, so it is masked, dated, hashed and never rewritten; it goes with its run.

    `rows` hold at most 1,000 lines; `digest` is the SHA-256 over the question, its time, columns and rows.
    """

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT", "DELETE")  # old ones go

    run = models.OneToOneField(LogRun, on_delete=models.PROTECT, related_name="answer")
    columns = models.JSONField()
    rows = models.JSONField()
    is_cut = models.BooleanField(default=False, help_text="more was found than is kept")
    digest = models.CharField(max_length=64)
    fetched_at = models.DateTimeField()

    objects = LogAnswerQuerySet.as_manager()

    @property
    def platform_id(self) -> int:
        return self.run.platform_id


class ForgottenLogRuns(models.Model):
    """What the runs that were let go of had come to, by their state, so that the portal's totals never fall."""

    state = models.CharField(max_length=8, choices=LogRunState, primary_key=True)
    runs = models.PositiveBigIntegerField(default=0)
    bytes_scanned = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=6, default=Decimal(0))


class LogCap(VersionedModel):
    """How much of its logs a platform's questions may have read in a calendar month (UTC, as AWS bills)."""

    platform = models.OneToOneField(Platform, on_delete=models.PROTECT, related_name="log_cap")
    gb_a_month = models.PositiveIntegerField(default=1_000, help_text="of 2³⁰ bytes; 0: none is asked")

    objects = PlatformQuerySet.as_manager()

    @property
    def bytes(self) -> int:
        return self.gb_a_month * 2**30


def scan_cost(account: AwsAccount, scanned: int) -> Decimal:
    """What AWS bills for reading so many bytes of logs, in USD, at the account's price."""
    return (account.usd_per_scanned_gb * scanned / BYTES_PER_GB).quantize(Decimal("0.000001"))


def look_back(ends_at: datetime, starts_at: datetime) -> int:
    """The span of a run in whole minutes."""
    return max(1, round((ends_at - starts_at).total_seconds() / 60))
