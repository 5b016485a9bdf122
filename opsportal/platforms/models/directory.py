"""Contacts and links of a platform."""

from typing import Final, Self

from django.db import models

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models.platform import Platform
from opsportal.platforms.models.policy import PolicySource

# A vendor or a channel has a place in the list of contacts, not in the chain.
OUTSIDE_THE_CHAIN: Final = ("vendor", "channel")


class ContactQuerySet(PlatformQuerySet["Contact"]):
    def chain_of(self, platform_id: int) -> Self:
        """Whom to call, first contact first. Until there is an on-call plan, on call is the first of them."""
        chain = self.of_platform(platform_id).filter(level__gt=0).exclude(duty__in=OUTSIDE_THE_CHAIN)
        return chain.order_by("level", "pk")


class Contact(VersionedModel):
    """A role or vendor to reach; `level` orders an escalation chain (1 first), 0 stands outside it."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="contacts")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    duty = models.CharField(max_length=120, blank=True)
    level = models.PositiveSmallIntegerField(default=0)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="contact_key_unique")]


class Link(VersionedModel):
    """A page that belongs to the platform: status page, wiki, dashboards (M-GOV-10)."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="links")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=400)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="link_key_unique")]
