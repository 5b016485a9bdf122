"""Snapshots of AWS resources as last read; each carries when."""

from typing import Final

from django.db import models

from monitoring.models.sources import AwsAccount
from opsportal.core.models import PlatformQuerySet
from opsportal.platforms.models import Platform, Service


class ResourceKind(models.TextChoices):
    RDS_CLUSTER = "rds_cluster", "Database cluster"
    RDS_INSTANCE = "rds_instance", "Database instance"
    RDS_SNAPSHOT = "rds_snapshot", "Snapshot"
    BACKUP_JOB = "backup_job", "Backup job"
    ECS_SERVICE = "ecs_service", "ECS service"
    TARGET_GROUP = "target_group", "Target group"
    CERTIFICATE = "certificate", "Certificate"
    LOAD_BALANCER = "load_balancer", "Load balancer"
    RDS_MAINTENANCE = "rds_maintenance", "Pending maintenance"
    RDS_PARAMETERS = "rds_parameters", "Parameter group"
    RDS_LOGS = "rds_logs", "Database log files"
    RDS_LOAD = "rds_load", "Database load"
    OTHER = "other", "Other tagged resource"


# What stands in the inventory and wants something that watches it; the other kinds are records of one of these.
INVENTORY: Final = (
    ResourceKind.RDS_CLUSTER,
    ResourceKind.RDS_INSTANCE,
    ResourceKind.ECS_SERVICE,
    ResourceKind.LOAD_BALANCER,
    ResourceKind.TARGET_GROUP,
    ResourceKind.CERTIFICATE,
    ResourceKind.OTHER,
)


class Resource(models.Model):
    """One resource; `data` is AWS's answer as our dataclass says it, `state` our reading: ok, warn, fail, unknown.

    `watched_by` is what watched it when resources were last read: kind, name and id of a rule, SLO, CloudWatch alarm or
    probe that reads it. A checklist's check looks now and then, and watches nothing.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, null=True, related_name="resources")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="resources")
    account = models.ForeignKey(AwsAccount, on_delete=models.PROTECT, related_name="resources")
    region = models.CharField(max_length=24)
    kind = models.CharField(max_length=16, choices=ResourceKind)
    identifier = models.CharField(max_length=255)
    arn = models.CharField(max_length=255, blank=True, default="", db_default="")
    parent = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=dict, db_default={})
    watched_by = models.JSONField(default=list, db_default=[])
    state = models.CharField(max_length=8, default="unknown")
    summary = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)
    happened_at = models.DateTimeField(null=True, help_text="of a snapshot or job: when it was made")
    fetched_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "region", "kind", "identifier"], name="resource_unique")
        ]
        indexes = [models.Index(fields=["platform", "kind", "parent", "-happened_at"], name="resource_by_platform")]

    @property
    def name(self) -> str:
        """What people call it; `identifier` is what AWS does."""
        parts = self.identifier.split("/")
        if self.kind == ResourceKind.CERTIFICATE:
            return self.parent or self.identifier
        if self.kind in {ResourceKind.LOAD_BALANCER, ResourceKind.TARGET_GROUP} and len(parts) > 1:
            return parts[-2]
        return parts[-1].rpartition(":")[2]


class ResourcePoll(models.Model):
    """When each kind of resource was last read, and what stood in the way; a failed read keeps the old rows."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="resource_polls")
    region = models.CharField(max_length=24)
    kind = models.CharField(max_length=16)
    fetched_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField()
    error = models.TextField(blank=True)
    permission = models.CharField(max_length=80, blank=True, help_text="the one that was missing")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "region", "kind"], name="resource_poll_unique")]
