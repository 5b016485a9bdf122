"""The timeline, the updates people were given, and which alarm transition was claimed by which incident."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from incidents.choices import Audience, ClaimOutcome, EntryKind, UpdateState
from incidents.models.incident import BODY_WORDS, Incident
from incidents.querysets import IncidentPartQuerySet
from monitoring.models import AlarmTransition
from opsportal.core.models import AppendOnlyModel

USER = settings.AUTH_USER_MODEL


class TimelineHead(models.Model):
    """The last number given on an incident's timeline; its row lock makes the numbers gap-free.

    A row of its own: counting on the incident would make every log line collide with every other change.
    """

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, primary_key=True, related_name="head")
    last_number = models.PositiveIntegerField(default=0)


class TimelineEntry(AppendOnlyModel):
    """What happened. `occurred_at` may be given, `recorded_at` is always the portal's; a correction supersedes."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="entries")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … without a gap, in the order of recording")
    kind = models.CharField(max_length=10, choices=EntryKind)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    author = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    source = models.CharField(max_length=60, blank=True, help_text="the part of the portal that wrote it")
    body = models.TextField()
    data = models.JSONField(default=dict)
    client_key = models.CharField(max_length=64, null=True, help_text="a resent line is stored once")
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "number"], name="entry_number_unique"),
            models.UniqueConstraint(
                fields=["incident", "client_key"], condition=Q(client_key__isnull=False), name="entry_client_key_unique"
            ),
        ]
        indexes = [GinIndex(BODY_WORDS, name="entry_words")]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id


class StatusUpdate(AppendOnlyModel):
    """What users or colleagues were told."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="updates")
    state = models.CharField(max_length=14, choices=UpdateState)
    audience = models.CharField(max_length=8, choices=Audience)
    body = models.TextField()
    author = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField()

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["incident", "-published_at"], name="update_newest")]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id


class AlarmClaim(AppendOnlyModel):
    """That incidents dealt with an alarm transition, exactly once."""

    transition = models.OneToOneField(AlarmTransition, on_delete=models.PROTECT, related_name="incident_claim")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, related_name="claims")
    outcome = models.CharField(max_length=9, choices=ClaimOutcome)
    claimed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="real time; business time may run faster")

    objects = IncidentPartQuerySet.as_manager()


class ClaimCursor(models.Model):
    """Up to which transition all are claimed, so that looking for new ones never reads the past."""

    name = models.CharField(max_length=40, primary_key=True)
    transition_id = models.BigIntegerField(default=0)
