"""The run ledger: what falls due, every due slot once, each step of a run once, and the pulse of every loop.

User and platform ids are plain numbers here: this room stands below accounts and platforms.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from opsportal.core.models import VersionedModel
from opsportal.schedule.recurrence import Rule


class CatchUp(models.TextChoices):
    """What to do with slots that passed while nobody looked."""

    ALL = "all", "Run every missed slot"
    LAST = "last", "Run the latest missed slot only"
    SKIP = "skip", "Skip missed slots"


class OnLost(models.TextChoices):
    """What a run becomes when the process that held it vanished."""

    RETRY = "retry", "Repeat it: its effect is the same twice"
    UNKNOWN = "unknown", "Leave it unknown: a one-shot call is never repeated silently"


class Schedule(VersionedModel):
    """A rule that makes runs. `key` names the task in the ledger, `task` the Celery task that does it.

    `rule` is a Rule's fields: cron text and zone, or every n seconds. `args` are ids only.
    """

    key = models.CharField(max_length=120, unique=True)
    task = models.CharField(max_length=120)
    queue = models.CharField(max_length=20, default="default")
    args = models.JSONField(default=dict, blank=True)
    cron = models.CharField(max_length=80, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    every_seconds = models.PositiveIntegerField(default=0)
    catch_up = models.CharField(max_length=4, choices=CatchUp, default=CatchUp.LAST)
    on_lost = models.CharField(max_length=7, choices=OnLost, default=OnLost.RETRY)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    lease_seconds = models.PositiveSmallIntegerField(default=15)
    platform_id = models.BigIntegerField(null=True, db_index=True)
    is_enabled = models.BooleanField(default=True)
    planned_until = models.DateTimeField(help_text="Slots up to here are in the ledger.")
    next_slot_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="schedule_one_rule",
                condition=(Q(cron="") & Q(every_seconds__gt=0)) | (~Q(cron="") & Q(every_seconds=0)),
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def rule(self) -> Rule:
        return Rule(cron=self.cron, zone=self.zone, every_seconds=self.every_seconds)


class RunState(models.TextChoices):
    DUE = "due", "Due"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    SKIPPED = "skipped", "Skipped"


class Run(models.Model):
    """One execution of one slot. `fence` grows with each claim: a holder that lost its lease cannot write any more.

    Times named `slot_…` are business time; claim, lease and finish are real time.
    """

    ENDED: ClassVar[tuple[str, ...]] = (RunState.DONE, RunState.FAILED, RunState.UNKNOWN, RunState.SKIPPED)

    schedule = models.ForeignKey(Schedule, on_delete=models.SET_NULL, null=True, related_name="runs")
    key = models.CharField(max_length=120)
    slot_utc = models.DateTimeField()
    slot_local = models.CharField(max_length=40, blank=True)
    is_shifted = models.BooleanField(default=False)
    task = models.CharField(max_length=120)
    queue = models.CharField(max_length=20, default="default")
    args = models.JSONField(default=dict, blank=True)
    platform_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=RunState, default=RunState.DUE)
    on_lost = models.CharField(max_length=7, choices=OnLost, default=OnLost.RETRY)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    lease_seconds = models.PositiveSmallIntegerField(default=15)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)
    handovers = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    holder = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "slot_utc"], name="run_slot_unique")]
        indexes = [
            models.Index(fields=["not_before", "slot_utc"], name="run_due", condition=Q(state="due")),
            models.Index(fields=["lease_until"], name="run_leased", condition=Q(state="running")),
            models.Index(fields=["key", "-slot_utc"], name="run_by_key"),
            models.Index(fields=["state", "created_at"], name="run_retention"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.slot_utc:%Y-%m-%d %H:%M}"


class LoopPulse(models.Model):
    """The last sign of life of a loop, all in real time; any dispatcher that runs it writes here."""

    name = models.CharField(max_length=80, primary_key=True)
    holder = models.CharField(max_length=120)
    every = models.FloatField()
    limit = models.FloatField()
    pulse_at = models.DateTimeField()
    ok_at = models.DateTimeField(null=True, help_text="End of the last pass that did not fail.")
    items = models.BigIntegerField(default=0)
    passes = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    last_error = models.TextField(blank=True)
    error_at = models.DateTimeField(null=True)
