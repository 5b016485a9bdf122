"""Maintenance windows and freezes."""

from datetime import datetime

from django.db import models

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Environment, Platform, PolicySource, Service
from opsportal.schedule.recurrence import in_words


class WindowKind(models.TextChoices):
    WINDOW = "window", "Maintenance window"
    FREEZE = "freeze", "Freeze"


class Window(VersionedModel):
    """A recurring or single span; `rule` is cron text in `zone`, empty for a single span made by hand."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="windows")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, null=True, related_name="+")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=WindowKind, default=WindowKind.WINDOW)
    rule = models.CharField(max_length=80, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    duration_minutes = models.PositiveIntegerField()
    services = models.ManyToManyField(Service, related_name="windows", blank=True)
    silences_alarms = models.BooleanField(default=True)
    excludes_slo = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)
    note = models.TextField(blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="window_key_unique")]

    @property
    def rule_text(self) -> str:
        return f"{in_words(self.rule)}, {self.zone}" if self.rule else "once"


class OccurrenceState(models.TextChoices):
    PLANNED = "planned", "Planned"
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


class WindowOccurrence(VersionedModel):
    """One span in time; opening it writes the silence, the SLO exclusion and the annotation.

    `reason` and who asked stand where a person began it, `end_reason` and who where one ended or called it off.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="window_occurrences")
    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="occurrences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=OccurrenceState, default=OccurrenceState.PLANNED)
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=240, blank=True, default="", db_default="")
    asked_by_name = models.CharField(max_length=120, blank=True, default="", db_default="")
    end_reason = models.CharField(max_length=400, blank=True, default="", db_default="")
    ended_by_name = models.CharField(max_length=120, blank=True, default="", db_default="")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["window", "starts_at"], name="window_occurrence_unique"),
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="window_has_length"),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"],
                condition=models.Q(state__in=["planned", "open"]),
                name="window_occurrence_open",
            )
        ]

    def freezes(self, at: datetime) -> bool:
        """Whether it is a freeze that holds at that time: one that is over may still be open; reads `window`."""
        return self.window.kind == WindowKind.FREEZE and self.state == OccurrenceState.OPEN and self.ends_at > at

    @property
    def title(self) -> str:
        """What it is, and why where a person said so; reads `window`."""
        return f"{self.window.name}: {self.reason}" if self.reason else self.window.name
