"""Platform, environment, service, membership."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from opsportal.core.models import PlatformQuerySet, VersionedModel


class PlatformOwnQuerySet(PlatformQuerySet["Platform"]):
    platform_path = "id"

    def hold(self, pk: int) -> None:
        """Keep others who hold this platform waiting until the transaction ends: for what is numbered, counted or bound
        one after the other. It comes before rows of one's own, so that two never wait for each other.
        """
        self.select_for_update(no_key=True).only("pk").get(pk=pk)


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    MANAGER = "manager", "Manager"
    AUDITOR = "auditor", "Auditor"
    OPERATOR = "operator", "Operator"
    COMMANDER = "commander", "Commander"
    ADMIN = "admin", "Admin"


class Platform(VersionedModel):
    """One product operated by the guide it brought along; the unit of policy and of rights."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    guide_title = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField()

    objects = PlatformOwnQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("platforms:detail", args=[self.key])

    @property
    def platform_id(self) -> int:
        """A platform belongs to itself, so that the gate treats it like any owned row."""
        return self.pk


class Environment(VersionedModel):
    """Production, staging, … each with its own zone; local rules (checklists, windows) are read in it."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="environments")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=64, default="UTC")
    is_production = models.BooleanField(default=False)
    note = models.TextField(blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="environment_key_unique")]

    def __str__(self) -> str:
        return self.name


class Service(VersionedModel):
    """What users notice when it breaks; `selectors` say which AWS resources carry it."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="services")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="services")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    selectors = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="service_key_unique")]

    def __str__(self) -> str:
        return self.name


class Membership(VersionedModel):
    """The one role a person holds on a platform."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    created_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "user"], name="membership_unique")]
