"""A runbook carried out: who holds the run, where it stands, and what each step brought."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.urls import reverse

from opsportal.core.actor import Actor
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.knowledge.models.runbooks import Runbook, RunbookVersion
from opsportal.knowledge.subjects import hidden_runs
from opsportal.platforms.models import Platform

USER = settings.AUTH_USER_MODEL


class RunState(models.TextChoices):
    RUNNING = "running", "running"
    FINISHED = "finished", "finished"
    STOPPED = "stopped", "stopped before its end"


class StepOutcome(models.TextChoices):
    ASKED = "asked", "asked"
    DONE = "done", "done"
    SKIPPED = "skipped", "skipped"
    FAILED = "failed", "failed"
    CHOSEN = "chosen", "chosen"


class RunbookRunQuerySet(PlatformQuerySet["RunbookRun"]):
    """Runs; one that belongs to something hidden is as hidden."""

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        rows = super().visible_to(actor)
        for hidden in hidden_runs(actor):
            rows = rows.exclude(pk__in=hidden)
        return rows


class RunbookRun(VersionedModel):
    """One carrying out of one version. `position` is the step to do next; its version guards against two at once."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="runbook_runs")
    runbook = models.ForeignKey(Runbook, on_delete=models.PROTECT, related_name="runs")
    text = models.ForeignKey(RunbookVersion, on_delete=models.PROTECT, related_name="runs")
    is_practice = models.BooleanField(default=False)
    subject = models.CharField(max_length=60, blank=True, help_text="what it is carried out for, such as INC-12")
    state = models.CharField(max_length=8, choices=RunState, default=RunState.RUNNING)
    position = models.PositiveSmallIntegerField(default=1)
    step_since = models.DateTimeField()
    started_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField()
    holder = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=300, blank=True, help_text="why it was left before its last step")
    needs_change = models.BooleanField(null=True, help_text="does the runbook need a change? null: not answered")
    wanted_change = models.TextField(blank=True)

    objects = RunbookRunQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["runbook", "-started_at"], name="runbook_run_newest"),
            models.Index(fields=["platform", "-started_at"], name="runbook_run_of_platform"),
        ]

    @property
    def is_running(self) -> bool:
        return self.state == RunState.RUNNING

    @property
    def is_through(self) -> bool:
        """Whether the last step is behind it."""
        return self.position > len(self.text.parsed.steps)

    @property
    def lasted(self) -> timedelta | None:
        """From start to end; None while it runs."""
        return self.finished_at - self.started_at if self.finished_at else None

    def is_visible_to(self, actor: Actor) -> bool:
        """The gate's question about this one row."""
        return not self.subject or type(self).objects.visible_to(actor).filter(pk=self.pk).exists()

    def get_absolute_url(self) -> str:
        return reverse("knowledge:runbook-run", args=[self.pk])


class RunbookStepRun(AppendOnlyModel):
    """What became of a step once: a step that is come back to has another attempt."""

    run = models.ForeignKey(RunbookRun, on_delete=models.PROTECT, related_name="step_runs")
    step = models.PositiveSmallIntegerField()
    attempt = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=8, choices=StepOutcome)
    output = models.TextField(blank=True, help_text="what a person pasted or noted")
    choice = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="why it was skipped or failed")
    by_user = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step", "attempt"], name="runbook_step_attempt_unique")]


class RunbookStepAnswer(AppendOnlyModel):
    """What the portal found out for a step that asks. `verdict` is empty for a query, which judges nothing."""

    step_run = models.OneToOneField(RunbookStepRun, on_delete=models.PROTECT, related_name="answer")
    verdict = models.CharField(max_length=8, blank=True)
    summary = models.CharField(max_length=300)
    columns = models.JSONField(default=list)
    rows = models.JSONField(default=list)
    url = models.CharField(max_length=200, blank=True, help_text="where it goes on, such as a plan")
    fetched_at = models.DateTimeField(help_text="age of the data, not of the question")
    at = models.DateTimeField()
