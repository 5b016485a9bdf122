"""Scheduled maintenance jobs and their runs."""

from django.db import models

from maintenance.models.windows import Window, WindowOccurrence
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.plans.models import Plan
from opsportal.platforms.models import Platform, PolicySource


class Job(VersionedModel):
    """A definition: `kind` names the module in maintenance/jobs that plans and runs it."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="jobs")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.SlugField(max_length=40)
    params = models.JSONField(default=dict, blank=True)
    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="jobs")
    plan_lead_minutes = models.PositiveIntegerField(default=1440, help_text="How long before its window it is planned.")
    is_active = models.BooleanField(default=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="job_key_unique")]


class JobRunState(models.TextChoices):
    PLANNED = "planned", "Planned"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    NOT_RUN = "not_run", "Not run"
    UNKNOWN = "unknown", "Outcome unknown"


class JobRun(VersionedModel):
    """One execution inside one window; its plan carries the steps and their outcome."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="job_runs")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="runs")
    occurrence = models.ForeignKey(WindowOccurrence, on_delete=models.PROTECT, related_name="job_runs")
    plan = models.OneToOneField(Plan, on_delete=models.PROTECT, related_name="job_run")
    state = models.CharField(max_length=10, choices=JobRunState, default=JobRunState.PLANNED)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    evidence = models.ForeignKey("monitoring.EvidenceResult", on_delete=models.PROTECT, null=True, related_name="+")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "occurrence"], name="job_run_once_per_window")]
