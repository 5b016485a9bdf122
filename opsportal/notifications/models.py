"""What people are told: outbox rows on their way to a channel, and notices inside the portal."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class OutboxMessage(models.Model):
    """One finished message to one address, written in the transaction of the change it tells about.

    `key` is stable and unique: it travels with every attempt, so that a receiver can drop repeats. `fence` grows with
    each claim. `at` is business time, all other times are real.
    """

    ENDED: ClassVar[Q] = Q(sent_at__isnull=False) | Q(parked_at__isnull=False)

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=60)
    channel = models.CharField(max_length=12, choices=Channel)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, null=True, related_name="+")
    target = models.CharField(max_length=254)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    url = models.CharField(max_length=300, blank=True)
    group_key = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField()
    created_at = models.DateTimeField()
    not_before = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    holder = models.CharField(max_length=120, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["not_before", "id"], name="outbox_pending", condition=Q(sent_at=None, parked_at=None)),
            models.Index(fields=["parked_at"], name="outbox_parked", condition=Q(parked_at__isnull=False)),
            models.Index(fields=["-created_at", "-id"], name="outbox_latest"),
            models.Index(
                fields=["target", "-created_at", "-id"], name="outbox_webhook", condition=Q(channel=Channel.WEBHOOK)
            ),
        ]
        constraints = [
            models.CheckConstraint(name="outbox_one_end", condition=Q(sent_at__isnull=True) | Q(parked_at__isnull=True))
        ]

    def __str__(self) -> str:
        return self.key


class Notice(models.Model):
    """What a person is told inside the portal; private to that person."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=60)
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, null=True, related_name="+")
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    group_key = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notice_unique")]
        indexes = [
            models.Index(fields=["user", "-at", "-id"], name="notice_of_user"),
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return self.subject


class Webhook(VersionedModel):
    """An address of another program that is told of a platform's events, signed with a secret of its own.

    Both secrets are stored encrypted; the old one goes on signing until `old_secret_until` (real time).
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="webhooks")
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    events = ArrayField(models.CharField(max_length=60))
    is_active = models.BooleanField(default=True)
    secret = models.BinaryField()
    old_secret = models.BinaryField(null=True)
    old_secret_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "name"], name="webhook_name_unique")]

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        """What an outbox row says in place of an address: the address and secret of the moment of sending count."""
        return f"webhook:{self.pk}"
