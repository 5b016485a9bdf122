"""Clock policy of a platform, and the clocks of one incident."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from incidents import clocks
from incidents.choices import ClockKind, OutcomeChoice
from incidents.models.incident import Incident
from incidents.querysets import IncidentPartQuerySet
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import BusinessCalendar, Platform, PolicySource, Severity


class ClockPolicy(VersionedModel):
    """How long each kind of clock runs for a severity, and where the figure comes from.

    `minutes` None means that the guide gives no number; `text` keeps the guide's own words ("Immediate").
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="clock_policies")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="clock_policies")
    kind = models.CharField(max_length=12, choices=ClockKind)
    minutes = models.PositiveIntegerField(null=True)
    calendar = models.ForeignKey(BusinessCalendar, on_delete=models.PROTECT, null=True, related_name="clock_policies")
    text = models.CharField(max_length=160, blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)
    note = models.TextField(blank=True)
    conflicts = ArrayField(models.CharField(max_length=4), default=list, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["severity", "kind"], name="clock_policy_unique")]

    @property
    def words(self) -> str:
        """The rule as people say it, or the guide's words where it gives no number."""
        named = self.calendar.name.lower() if self.calendar is not None else ""
        return clocks.words(self.minutes, named) or self.text

    @property
    def source_words(self) -> str:
        return self.source_text or PolicySource(self.source).label


class IncidentClock(VersionedModel):
    """One run of one clock. The due instant and the rule's words are fixed when it starts and never recomputed."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=12, choices=ClockKind)
    round = models.PositiveIntegerField(default=1, help_text="a clock that repeats starts a new round")
    policy = models.ForeignKey(ClockPolicy, on_delete=models.SET_NULL, null=True, related_name="+")
    policy_version = models.PositiveIntegerField(null=True)
    rule_text = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=16, choices=PolicySource)
    source_text = models.CharField(max_length=160, blank=True)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="None: the guide gives no number")
    stopped_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=OutcomeChoice, default=OutcomeChoice.RUNNING)
    fired_at = models.DateTimeField(null=True, help_text="when the miss was recorded and people were told")

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "kind", "round"], name="clock_round_unique"),
            models.UniqueConstraint(
                fields=["incident", "kind"], condition=Q(stopped_at__isnull=True), name="clock_one_running"
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True) | Q(stopped_at__gte=F("started_at")), name="clock_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(stopped_at__isnull=True, fired_at__isnull=True), name="clock_to_fire"
            ),
            models.Index(fields=["kind", "due_at"], condition=Q(stopped_at__isnull=True), name="clock_running"),
        ]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id
