"""Recurring looks back (M-PIR-04, M-PIR-05): what went well, what to improve, what follows."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from incidents.choices import LookBack
from incidents.models.texts import Document, SavedText, as_one
from incidents.querysets import RetrospectivePartQuerySet
from opsportal.core.models import PlatformQuerySet
from opsportal.platforms.models import Platform


class Retrospective(Document):
    """One look back over local days [starts_on, ends_on). `facts` is the record of these days when it was opened.

    The first of a kind is opened by a person; each next one opens by itself when its days are over, until `is_last`.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="retrospectives")
    kind = models.CharField(max_length=10, choices=LookBack)
    starts_on = models.DateField()
    ends_on = models.DateField()
    facts = models.TextField(blank=True)
    well = models.TextField(blank=True)
    improve = models.TextField(blank=True)
    actions = models.TextField(blank=True, help_text="what follows; what needs an owner becomes an action item")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    is_last = models.BooleanField(default=False, help_text="no next one opens after it")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "kind", "starts_on"], name="retrospective_once"),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="retrospective_has_days"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.starts_on:%d %b} to {self.ends_on:%d %b %Y}"

    @property
    def url(self) -> str:
        return f"/learnings/retrospectives/{self.pk}/"

    @property
    def whole(self) -> str:
        """What people wrote, as one text."""
        return as_one((("Went well", self.well), ("To improve", self.improve), ("What follows", self.actions)))


class RetrospectiveText(SavedText):
    """What people wrote in a retrospective, as one text."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="texts")

    objects = RetrospectivePartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["retrospective", "version"], name="retrospective_text_unique")]
