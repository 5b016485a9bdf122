"""The dated journal both Phase09 lists end with (M-CHK-13)."""

from django.conf import settings
from django.db import models

from opsportal.core.models import AppendOnlyModel, PlatformQuerySet
from opsportal.platforms.models import Platform


class LogKind(models.TextChoices):
    NOTE = "note", "Note"
    CHECKLIST = "checklist", "Checklist"
    HAND_OVER = "hand_over", "Hand-over"
    WINDOW = "window", "Window"
    JOB = "job", "Job"


class OperationsLogEntry(AppendOnlyModel):
    """One line of the journal; a correction is a new line."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="operations_log")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=LogKind)
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    url = models.CharField(max_length=200, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["platform", "-at", "-id"], name="operations_log_recent")]
