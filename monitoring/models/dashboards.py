"""Dashboards: charts of a platform's metrics in one range, from a pack, shared or a person's own (M-MET-02)."""

from typing import Final, NamedTuple, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from monitoring.ranges import COMPARED, SPANS
from opsportal.core.actor import Actor
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource

MOST_CHARTS: Final = 12


class Chart(NamedTuple):
    """One chart as it was asked for.

    `service` and `metric` are keys, so that it outlives what it names; both are empty where the guide asks for
    something that no metric gives, and then `title` says what, `note` why.
    """

    service: str = ""
    metric: str = ""
    stat: str = ""  # the metric's first one where empty
    title: str = ""  # the metric's own name where empty
    limits: bool = True  # whether the limits of rules are drawn
    note: str = ""


class Origin(models.TextChoices):
    """Who says what is on it."""

    OWN = "own", "my own"
    SHARED = "shared", "shared"
    PACK = "pack", "from a pack"


class DashboardQuerySet(PlatformQuerySet["Dashboard"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's platforms; what is a person's own is nobody else's."""
        rows = super().visible_to(actor)
        return rows if actor.sees_all else rows.filter(Q(owner=None) | Q(owner_id=actor.user_id))

    def of_origin(self, origin: str) -> Self:
        """Those of one origin; "" leaves all."""
        conditions = {
            Origin.OWN: Q(owner__isnull=False),
            Origin.SHARED: Q(owner=None, key=""),
            Origin.PACK: ~Q(key=""),
        }
        return self.filter(conditions[Origin(origin)]) if origin else self


class Dashboard(VersionedModel):
    """A named page of charts. `range` and `compare` are what is shown unless the address says otherwise.

    `range` is a word of `monitoring.ranges.SPANS`, or empty where `starts_at` and `ends_at` hold fixed instants.
    `charts`: at most twelve mappings of `Chart`'s fields, in order.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="dashboards")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+", help_text="null: everybody's"
    )
    key = models.SlugField(max_length=60, blank=True, help_text="its pack's; empty: made here")
    name = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    range = models.CharField(max_length=4, blank=True, default="3h", choices=[(key, key) for key in SPANS])
    compare = models.CharField(max_length=4, blank=True, choices=[(key, name) for key, (_, name) in COMPARED.items()])
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    charts = models.JSONField(default=list)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.EDITED)
    source_text = models.CharField(max_length=160, blank=True)

    objects = DashboardQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "key"], name="dashboard_key_unique", condition=~Q(key="")),
            models.CheckConstraint(condition=Q(key="") | Q(owner=None), name="dashboard_of_pack_is_shared"),
            models.CheckConstraint(
                condition=Q(range="", ends_at__gt=models.F("starts_at"))
                | (~Q(range="") & Q(starts_at=None, ends_at=None)),
                name="dashboard_range",
            ),
        ]
        indexes = [models.Index(fields=["platform", "name", "id"], name="dashboard_list")]

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> Origin:
        return Origin.PACK if self.key else Origin.SHARED if self.owner_id is None else Origin.OWN

    @property
    def shown(self) -> list[Chart]:
        """The charts, in order."""
        return [Chart(**one) for one in self.charts]

    def is_visible_to(self, actor: Actor) -> bool:
        """Asked by the gate beside the platform."""
        return self.owner_id is None or self.owner_id == actor.user_id or actor.sees_all
