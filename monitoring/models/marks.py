"""What people and upper apps lay over the time line: silences, exclusions, annotations, deployments."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q

from monitoring.models.alarms import Alarm
from monitoring.models.slos import Slo
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, Service


class SilenceQuerySet(PlatformQuerySet["Silence"]):
    """Silences, and those that cover an alarm."""

    def over_alarm(self, at: datetime) -> Self:
        """What covers the alarm of the outer query at that instant."""
        return self.filter(platform_id=OuterRef("platform_id"), starts_at__lte=at, ends_at__gt=at).filter(
            Q(alarm_id=OuterRef("pk"))
            | Q(alarm_id=None, service_id=OuterRef("service_id"))
            | Q(alarm_id=None, service_id=None)
        )


class Silence(VersionedModel):
    """Alarms of a platform, service or one alarm call nobody in [starts_at, ends_at). They still change state."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="silences")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="silences")
    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, null=True, blank=True, related_name="silences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=240)
    ref = models.CharField(max_length=40, blank=True, help_text="e.g. MNT-79")
    url = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    objects = SilenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="silence_forward"),
            models.UniqueConstraint(fields=["platform", "ref"], name="silence_ref_unique", condition=~Q(ref="")),
        ]
        indexes = [models.Index(fields=["platform", "ends_at"], name="silence_by_end")]


class SloExclusion(VersionedModel):
    """Time left out of the *adjusted* figures; raw figures never change. Voided, not deleted.

    It counts from its approval on: by another person than who asked, or by the window it comes from.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="slo_exclusions")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    slo = models.ForeignKey(Slo, on_delete=models.PROTECT, null=True, blank=True, related_name="exclusions")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=240)
    ref = models.CharField(max_length=40, blank=True)
    url = models.CharField(max_length=200, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.CharField(max_length=240, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="slo_exclusion_forward"),
            models.UniqueConstraint(fields=["platform", "ref"], name="slo_exclusion_ref_unique", condition=~Q(ref="")),
        ]
        indexes = [models.Index(fields=["platform", "starts_at"], name="slo_exclusion_by_start")]


class AnnotationKind(models.TextChoices):
    INCIDENT = "incident", "Incident"
    WINDOW = "window", "Maintenance window"
    DEPLOYMENT = "deployment", "Deployment"
    DRILL = "drill", "Drill"
    NOTE = "note", "Note"


class Annotation(VersionedModel):
    """A mark over [starts_at, ends_at) on charts; of kind *incident* it also takes the budget burnt under it.

    An open end means that it still lasts.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="annotations")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="annotations")
    kind = models.CharField(max_length=12, choices=AnnotationKind)
    ref = models.CharField(max_length=60, help_text="e.g. INC-142; unique per platform and kind")
    title = models.CharField(max_length=240)
    url = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    restricted = models.BooleanField(default=False, help_text="title and ref are shown to nobody here")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "kind", "ref"], name="annotation_ref_unique"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")), name="annotation_forward"
            ),
        ]
        indexes = [models.Index(fields=["platform", "-starts_at"], name="annotation_recent")]


class DeploymentQuerySet(PlatformQuerySet["Deployment"]):
    def counted(self) -> Self:
        """What delivery figures and the search for a cause count: a restart of the same version is no change."""
        return self.filter(is_restart=False)


class Deployment(VersionedModel):
    """A new version going out, or tasks of the same one replaced, as ECS told it or as somebody reported it."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="deployments")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="deployments")
    external_id = models.CharField(max_length=120)
    label = models.CharField(max_length=160, help_text="task definition or version")
    state = models.CharField(max_length=16)  # in_progress, completed, failed, rolled_back
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=240, blank=True)
    is_restart = models.BooleanField(default=False, help_text="tasks replaced, the same task definition")

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "external_id"], name="deployment_unique")]
        indexes = [models.Index(fields=["platform", "-started_at"], name="deployment_recent")]

    @property
    def words(self) -> str:
        """`shop-api:45`, and that it is a restart where it is one."""
        return f"restart of {self.label}" if self.is_restart else self.label
