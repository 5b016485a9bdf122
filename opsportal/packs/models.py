"""What a pack was applied as, and the policy it declares beside the rows of other apps."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource


class PackObject(models.Model):
    """One declared object as last applied: the base of the three-way comparison."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="pack_objects")
    kind = models.CharField(max_length=24)
    key = models.CharField(max_length=120)
    applied_hash = models.CharField(max_length=64)
    applied_at = models.DateTimeField()
    pack_version = models.CharField(max_length=20)
    declared = models.JSONField(default=dict, help_text="the object as the pack has it, notes and conflicts included")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "kind", "key"], name="pack_object_unique")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class PolicyEntry(VersionedModel):
    """A rule or figure the guide gives that no other row carries yet: recovery targets, retention, contradictions."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="policy_entries")
    group = models.CharField(max_length=24)
    key = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    value = models.TextField(blank=True)
    figures = models.JSONField(default=dict, blank=True, help_text="the same as numbers, e.g. rto_minutes")
    note = models.TextField(blank=True)
    conflicts = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "group", "key"], name="policy_entry_unique")]

    def __str__(self) -> str:
        return self.title
