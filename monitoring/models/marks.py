"""What people and upper apps lay over the time line: silences, exclusions, annotations, deployments."""

from datetime import datetime, timedelta
from typing import Final, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

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
    FREEZE = "freeze", "Freeze"
    DEPLOYMENT = "deployment", "Deployment"
    DRILL = "drill", "Drill"
    NOTE = "note", "Note"


# What charts show as a stretch of time, not as a moment.
LASTING: Final = (AnnotationKind.WINDOW, AnnotationKind.FREEZE, AnnotationKind.DRILL)


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
        indexes = [
            models.Index(fields=["platform", "-starts_at"], name="annotation_recent"),
            models.Index(fields=["platform", "ends_at"], condition=Q(kind="freeze"), name="annotation_freezes"),
        ]


OWN_OF_ECS: Final = "ecs-svc/"  # how ids of ECS's own deployments begin
ECS_FOLLOWS: Final = timedelta(minutes=10)  # a tool may be done before ECS begins
LONGEST_TOLD: Final = timedelta(hours=6)


class DeploymentState(models.TextChoices):
    IN_PROGRESS = "in_progress", "in progress"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"
    OVERTAKEN = "overtaken", "overtaken, never out"
    ROLLED_BACK = "rolled_back", "rolled back"


class Strategy(models.TextChoices):
    """How a version goes out (M-MNT-12)."""

    BLUE_GREEN = "blue_green", "blue-green"
    CANARY = "canary", "canary"
    ROLLING = "rolling", "rolling"
    FLAG = "flag", "feature flag"


class DeploymentQuerySet(PlatformQuerySet["Deployment"]):
    def of_tools(self) -> Self:
        """What tools and people tell of and was not overtaken before it went out; ECS's own part of it is left out."""
        return self.exclude(external_id__startswith=OWN_OF_ECS).exclude(state=DeploymentState.OVERTAKEN)

    def counted(self) -> Self:
        """What delivery figures count: changes of production, each once.

        Bringing an old version back is no change of its own, nor is a restart of the same version, nor what a newer
        one overtook before it went out, nor ECS's part of what a tool or a report told of.
        """
        told = Deployment.objects.of_tools().filter(
            Q(finished_at__gte=OuterRef("started_at") - ECS_FOLLOWS) | Q(finished_at=None),
            service_id=OuterRef("service_id"),
            is_production=True,
            started_at__range=(OuterRef("started_at") - LONGEST_TOLD, OuterRef("started_at")),
        )
        rows = self.filter(is_production=True, is_rollback=False, is_restart=False)
        rows = rows.exclude(state=DeploymentState.OVERTAKEN)
        return rows.exclude(Exists(told), external_id__startswith=OWN_OF_ECS)


class Deployment(VersionedModel):
    """A new version going out, as ECS told it, as a tool's webhook told it, or as somebody reported it.

    Tasks replaced by ones of the same version are a restart. `told_at` is the newest word of it; an older one changes
    nothing.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="deployments")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="deployments")
    source = models.ForeignKey(
        "monitoring.AlertSource", on_delete=models.PROTECT, null=True, related_name="deployments"
    )
    external_id = models.CharField(max_length=120)
    label = models.CharField(max_length=160, help_text="task definition or version")
    state = models.CharField(max_length=16, choices=DeploymentState)
    strategy = models.CharField(max_length=12, choices=Strategy, blank=True, default="", db_default="")
    is_rollback = models.BooleanField(default=False, db_default=False, help_text="it brought an older version back")
    environment = models.CharField(max_length=60, blank=True, default="", db_default="", help_text="the tool's word")
    is_production = models.BooleanField(default=True, db_default=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=240, blank=True)
    url = models.CharField(max_length=500, blank=True, default="", db_default="")
    is_restart = models.BooleanField(
        default=False, db_default=False, help_text="tasks replaced, the same task definition"
    )

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "external_id"], name="deployment_unique")]
        indexes = [models.Index(fields=["platform", "-started_at"], name="deployment_recent")]

    def __str__(self) -> str:
        return self.label

    @property
    def kind(self) -> str:
        """The word of the state language."""
        return {"in_progress": "run", "completed": "ok", "overtaken": "off"}.get(self.state, "fail")

    @property
    def told_by(self) -> str:
        """Who told of it, in words; reads `source`."""
        if self.source is not None:
            return self.source.name
        return "ECS" if self.external_id.startswith(OWN_OF_ECS) else "a report"

    @property
    def words(self) -> str:
        """`shop-api:45`, and that it is a restart where it is one."""
        return f"restart of {self.label}" if self.is_restart else self.label
