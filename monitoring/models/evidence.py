"""What a check asked, what it got, and what that means. Also the platform databases that checks may ask."""

from typing import Any, Final

from django.db import models

from monitoring.evidence.registry import check_title
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Environment, Platform
from opsportal.targets.database import DatabaseTarget


class Verdict(models.TextChoices):
    OK = "ok", "ok"
    WARN = "warn", "warning"
    FAIL = "fail", "failed"
    UNKNOWN = "unknown", "could not check"


# A failure hides behind no success, and nor does ignorance.
WORST_FIRST: Final = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.OK)


class EvidenceResult(AppendOnlyModel):
    """One run of one check. `digest` is the SHA-256 over asked and got, so that a pack of evidence can be compared."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="evidence")
    check_name = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    asked = models.JSONField(default=dict)
    got = models.JSONField(default=dict)
    verdict = models.CharField(max_length=8, choices=Verdict)
    summary = models.CharField(max_length=240)
    fetched_at = models.DateTimeField(help_text="age of the data behind the verdict, not of the run")
    created_at = models.DateTimeField()
    digest = models.CharField(max_length=64)
    duration_ms = models.PositiveIntegerField(default=0)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["platform", "check_name", "-created_at"], name="evidence_recent")]

    @property
    def title(self) -> str:
        """The check in words."""
        return check_title(self.check_name, self.params)

    def got_without_lines(self) -> dict[str, Any]:
        """The answer for whoever may not read logs: how many lines it holds, never what they say."""
        lines = self.got.get("lines")
        return {**self.got, "lines": len(lines)} if isinstance(lines, list) else self.got


class TargetDatabase(VersionedModel):
    """A platform's own database. Its DSN is a variable's name or a socket, never a password."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="target_databases")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, null=True, related_name="+")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    purpose = models.CharField(max_length=160, blank=True)
    dsn_env = models.CharField(max_length=80, blank=True, help_text="name of the variable that holds the DSN")
    socket_dir = models.CharField(max_length=200, blank=True)
    database = models.CharField(max_length=63, blank=True)
    reader_role = models.CharField(max_length=63, blank=True)
    maintainer_role = models.CharField(max_length=63, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "key"], name="target_database_key_unique"),
            models.CheckConstraint(
                condition=~models.Q(dsn_env="") | ~models.Q(socket_dir=""), name="target_database_reachable"
            ),
        ]

    @property
    def reader(self) -> DatabaseTarget:
        """How to reach it read-only."""
        return DatabaseTarget(self.dsn_env, self.socket_dir, self.database, self.reader_role)

    @property
    def maintainer(self) -> DatabaseTarget:
        """How an approved plan reaches it."""
        return DatabaseTarget(self.dsn_env, self.socket_dir, self.database, self.maintainer_role)
