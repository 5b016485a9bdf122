"""Severity schemes, aliases and business calendars: policy is data (C1–C3)."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models.platform import Platform


class PolicySource(models.TextChoices):
    """Where a figure comes from; shown beside it everywhere."""

    GUIDE = "guide", "guide"
    PORTAL_DEFAULT = "portal_default", "portal default"
    NOT_IN_GUIDE = "not_in_guide", "not in guide"
    EDITED = "edited", "edited here"


class SchemeKind(models.TextChoices):
    ALERT = "alert", "Alert levels"
    INCIDENT = "incident", "Incident severities"


class SeverityScheme(VersionedModel):
    """A platform's own scale. A platform may have two: one for alerts, one for incidents."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="severity_schemes")
    kind = models.CharField(max_length=8, choices=SchemeKind)
    name = models.CharField(max_length=80)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "kind"], name="scheme_kind_unique")]


class SeverityQuerySet(PlatformQuerySet["Severity"]):
    platform_path = "scheme__platform_id"

    def of_incidents(self) -> Self:
        """What incidents are rated by, worst first: the incident scheme; the alert levels where there is no other."""
        own = Severity.objects.filter(
            scheme__kind=SchemeKind.INCIDENT, scheme__platform=models.OuterRef("scheme__platform")
        )
        rated = self.filter(models.Q(scheme__kind=SchemeKind.INCIDENT) | ~models.Exists(own))
        return rated.select_related("scheme").order_by("rank", "pk")


class Severity(VersionedModel):
    """One step of a scheme: rank 1 is worst; the label is the platform's own word."""

    scheme = models.ForeignKey(SeverityScheme, on_delete=models.PROTECT, related_name="severities")
    rank = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    label = models.CharField(max_length=20)
    name = models.CharField(max_length=80, blank=True)
    description = models.TextField(blank=True)
    paging = models.CharField(max_length=160, blank=True, help_text="the guide's paging rule, as text")
    pages = models.BooleanField(default=False)

    objects = SeverityQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scheme", "label"], name="severity_label_unique"),
            models.CheckConstraint(condition=models.Q(rank__gte=1, rank__lte=5), name="severity_rank_1_to_5"),
        ]

    def __str__(self) -> str:
        return self.label


class SeverityAlias(VersionedModel):
    """What another source calls it: the word a CloudWatch alarm, Pingdom, … uses for a severity of ours (C1)."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="severity_aliases")
    source = models.CharField(max_length=40)
    word = models.CharField(max_length=40)
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="aliases")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "source", "word"], name="alias_unique")]


class BusinessCalendar(VersionedModel):
    """Business hours in a zone, for clocks that only run then."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="calendars")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=64, default="UTC")
    weekdays = ArrayField(models.PositiveSmallIntegerField(), help_text="ISO weekdays, Monday is 1")
    opens_at = models.TimeField()
    closes_at = models.TimeField()
    holidays = ArrayField(models.DateField(), default=list, blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="calendar_key_unique")]
