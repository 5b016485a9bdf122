"""Architecture decisions of a platform (M-ADR-01)."""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource


class DecisionStatus(models.TextChoices):
    PROPOSED = "proposed", "proposed"
    ACCEPTED = "accepted", "accepted"
    REJECTED = "rejected", "rejected"
    DEPRECATED = "deprecated", "deprecated"
    SUPERSEDED = "superseded", "superseded"
    UNKNOWN = "unknown", "not in guide"


class DecisionQuerySet(PlatformQuerySet["Decision"]):
    """Decisions, narrowed as the list's filter row does."""

    def matching(self, *, status: str = "", text: str = "") -> "DecisionQuerySet":
        """Only those of `status` whose title or any section contains `text`; empty means any."""
        rows = self.filter(status=status) if status else self
        for word in text.split():
            rows = rows.filter(
                Q(title__icontains=word)
                | Q(context__icontains=word)
                | Q(decision__icontains=word)
                | Q(consequences__icontains=word)
                | Q(alternatives__icontains=word)
                | Q(implementation__icontains=word)
            )
        return rows


class Decision(VersionedModel):
    """One decision record, numbered per platform. A guide may leave out any section, date or status."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=160)
    status = models.CharField(max_length=12, choices=DecisionStatus, default=DecisionStatus.PROPOSED)
    date = models.DateField(null=True, blank=True)
    context = models.TextField(blank=True)
    decision = models.TextField(blank=True)
    consequences = models.TextField(blank=True, help_text="lines '- Good, because: …' and '- Bad, because: …'")
    alternatives = models.TextField(blank=True)
    implementation = models.TextField(blank=True)
    location = models.CharField(max_length=240, blank=True, help_text="where the full text is kept, when not here")
    note = models.TextField(blank=True)
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by",
        help_text="the decision that this one takes the place of once it is accepted",
    )  # fmt: skip
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "number"], name="decision_number_unique")]

    def __str__(self) -> str:
        return f"{self.label} {self.title}"

    @property
    def is_open(self) -> bool:
        """Still to be decided: its text may change. What was decided stands, and a later decision supersedes it."""
        return self.status == DecisionStatus.PROPOSED

    @property
    def label(self) -> str:
        return f"ADR-{self.number:03d}"

    def get_absolute_url(self) -> str:
        return reverse("knowledge:decision-detail", args=[self.pk])
