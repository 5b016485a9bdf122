"""Runbooks and what they said at each time (M-RUN-01 to M-RUN-05, M-RUN-08)."""

from functools import cached_property
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.knowledge.runbooks.text import Parsed, parse
from opsportal.platforms.models import Platform, PolicySource

TRIGGERS = ("alarms", "services", "types", "tags")


class RunbookQuerySet(PlatformQuerySet["Runbook"]):
    """Runbooks, narrowed as the index does."""

    def matching(self, text: str) -> Self:
        """Those whose title, summary or text contains every word."""
        rows = self
        for word in text.split():
            rows = rows.filter(
                Q(title__icontains=word)
                | Q(slug__icontains=word)
                | Q(summary__icontains=word)
                | Q(current__body__icontains=word)
            )
        return rows


class Runbook(VersionedModel):
    """What to do when something is wrong. A guide may only name it: then it is *not written* and has no text."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="runbooks")
    slug = models.SlugField(max_length=80)
    title = models.CharField(max_length=160)
    summary = models.CharField(max_length=300, blank=True)
    triggers = models.JSONField(default=dict, help_text="alarms (rule keys), services (keys), types, tags")
    owner = models.CharField(max_length=120, blank=True, help_text="a person or a team")
    review_due = models.DateField(null=True, blank=True)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)
    current = models.ForeignKey("RunbookVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = RunbookQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "slug"], name="runbook_slug_unique")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_written(self) -> bool:
        return self.current_id is not None

    def trigger(self, name: str) -> list[str]:
        """One list of triggers: alarms, services, types or tags."""
        return list(self.triggers.get(name, []))

    def get_absolute_url(self) -> str:
        return reverse("knowledge:runbook-detail", args=[self.platform.key, self.slug])


class RunbookVersion(AppendOnlyModel):
    """What a runbook said from `at` on. A run keeps the version it began with."""

    runbook = models.ForeignKey(Runbook, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    body = models.TextField(help_text="Markdown, as opsportal.knowledge.runbooks reads it")
    front = models.JSONField(default=dict, help_text="title, summary, triggers, owner and review date of that time")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True, help_text="what changed, and why")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["runbook", "number"], name="runbook_version_unique")]

    @cached_property
    def parsed(self) -> Parsed:
        return parse(self.body)
