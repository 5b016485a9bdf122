"""The incident, who may know of a restricted one, and who holds which role."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property

from incidents.choices import SINGLE_ROLES, DetectionSource, IncidentRole, IncidentType, StageChoice, StateChoice
from incidents.lifecycle import Position, Stage, State
from incidents.querysets import IncidentPartQuerySet, IncidentQuerySet
from opsportal.core.actor import Actor
from opsportal.core.models import AppendOnlyModel, VersionedModel
from opsportal.platforms.models import Platform, Service, Severity

USER = settings.AUTH_USER_MODEL
INCIDENT_WORDS = SearchVector("title", "summary", config="simple")
BODY_WORDS = SearchVector("body", config="simple")  # of timeline entries and of review sections


class Incident(VersionedModel):
    """Something users notice, from detection to its review. `number` runs portal-wide: INC-142."""

    number = models.PositiveBigIntegerField(unique=True, editable=False)
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="incidents")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="incidents")
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    type = models.CharField(max_length=16, choices=IncidentType, default=IncidentType.DEGRADATION)
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="incidents")
    rank = models.PositiveSmallIntegerField(help_text="the severity's rank, 1 is worst")
    state = models.CharField(max_length=8, choices=StateChoice, default=StateChoice.OPEN)
    stage = models.CharField(max_length=11, choices=StageChoice, default=StageChoice.DETECT)
    stage_times = models.JSONField(default=dict, help_text="stage -> ISO instant it was last entered")
    detection_source = models.CharField(max_length=16, choices=DetectionSource)
    signal = models.CharField(max_length=200, blank=True, help_text="what an alarm watches; a second source attaches")
    declare_key = models.CharField(max_length=64, unique=True, null=True, editable=False)
    # The record's own times, separate, as the guides' figures need them.
    impact_started_at = models.DateTimeField()
    detected_at = models.DateTimeField()
    declared_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    mitigated_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    is_restricted = models.BooleanField(default=False)
    commander = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    declared_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    triage = models.JSONField(default=dict, help_text="question -> {answer, note}")
    users_affected = models.CharField(max_length=120, blank=True, help_text="figure or range, with its source")
    impact_business = models.TextField(blank=True)
    impact_technical = models.TextField(blank=True)
    cause = models.TextField(blank=True)
    resolution = models.TextField(blank=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="merged", help_text="it was closed as its duplicate"
    )
    planned_for = models.CharField(max_length=120, blank=True, help_text="the sprint it is planned work of, in words")
    planned_url = models.CharField(max_length=400, blank=True)
    external_source = models.CharField(max_length=40, blank=True, help_text="the system an importer read it from")
    external_id = models.CharField(max_length=120, blank=True, help_text="its name there")

    objects = IncidentQuerySet.as_manager()
    seen_by: Actor | None = None  # through whose eyes this row was read; no column

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rank__gte=1, rank__lte=5), name="incident_rank_1_to_5"),
            models.CheckConstraint(
                condition=Q(state=StateChoice.OPEN, resolved_at__isnull=True)
                | (~Q(state=StateChoice.OPEN) & Q(resolved_at__isnull=False)),
                name="incident_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True) | Q(resolved_at__gte=F("impact_started_at")),
                name="incident_not_resolved_before_impact",
            ),
            # The database itself refuses a twin: one open incident for one signal of one service.
            models.UniqueConstraint(
                fields=["platform", "service", "signal"],
                condition=Q(state=StateChoice.OPEN) & ~Q(signal=""),
                nulls_distinct=False,
                name="incident_open_signal_unique",
            ),
            models.UniqueConstraint(
                fields=["platform", "external_source", "external_id"],
                condition=~Q(external_id=""),
                name="incident_external_unique",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(state=StateChoice.CLOSED), name="incident_merged_is_closed"
            ),
        ]
        indexes = [
            models.Index(fields=["rank", "number"], condition=Q(state="open"), name="incident_open"),
            models.Index(fields=["platform"], condition=Q(is_restricted=True), name="incident_restricted"),
            models.Index(
                fields=["platform", "signal"], condition=Q(merged_into__isnull=False), name="incident_merged_signal"
            ),
            models.Index(fields=["platform", "-number"], name="incident_platform_number"),
            models.Index(fields=["service", "-number"], name="incident_service_number"),
            models.Index(fields=["declared_at"], name="incident_declared_at"),
            models.Index(fields=["commander", "-number"], name="incident_commander_number"),
            GinIndex(INCIDENT_WORDS, name="incident_words"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @cached_property
    def communicator_id(self) -> int | None:
        """Who holds the communications role, as of the first question to this object."""
        held = self.roles.filter(role=IncidentRole.COMMUNICATIONS, renounced_at=None)
        return held.values_list("user_id", flat=True).first()

    @property
    def reference(self) -> str:
        return f"INC-{self.number}"

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/"

    @property
    def position(self) -> Position:
        return Position(State(self.state), Stage(self.stage))

    @property
    def is_open(self) -> bool:
        return self.state == StateChoice.OPEN

    def lasted(self, now: datetime) -> timedelta:
        """From impact to resolution, or until now."""
        return (self.resolved_at or now) - self.impact_started_at

    def is_visible_to(self, actor: Actor) -> bool:
        """The gate's question about this one row; a page asks it for each right, so the answer yes is kept."""
        if self.is_restricted and self.seen_by is not actor:
            if not type(self).objects.visible_to(actor).filter(pk=self.pk).exists():
                return False
            self.seen_by = actor
        return True


class IncidentWave(AppendOnlyModel):
    """A wave that ended before the incident was reopened, as it stood then; the last one is the incident itself."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveSmallIntegerField()
    mitigated_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    cause = models.TextField(blank=True, db_default="", default="")
    resolution = models.TextField(blank=True)
    reopened_at = models.DateTimeField()
    reopened_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    why = models.TextField()

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "number"], name="wave_number_unique")]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id


class IncidentAccess(models.Model):
    """A person named on a restricted incident."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="access")
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    named_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    named_at = models.DateTimeField()

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "user"], name="access_unique")]


class RoleAssignment(VersionedModel):
    """Who held a role and when; the present holder has no `renounced_at`."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=14, choices=IncidentRole)
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    assumed_at = models.DateTimeField()
    renounced_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "role"],
                condition=Q(renounced_at__isnull=True, role__in=SINGLE_ROLES),
                name="role_one_holder",
            ),
            models.UniqueConstraint(
                fields=["incident", "role", "user"], condition=Q(renounced_at__isnull=True), name="role_held_once"
            ),
        ]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id
