"""What hangs on the lines of a timeline: marks, files, tasks, and how far a person has read."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.choices import MarkKind
from incidents.models.incident import Incident
from incidents.models.timeline import TimelineEntry
from incidents.querysets import IncidentPartQuerySet
from opsportal.core.models import AppendOnlyModel, VersionedModel

USER = settings.AUTH_USER_MODEL


class EntryMark(models.Model):
    """A pin, a star or a tag. The line itself is never rewritten: marks come and go beside it, each with its audit row.

    Pins and tags are everyone's, a star is its giver's own.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="marks")
    entry = models.ForeignKey(TimelineEntry, on_delete=models.CASCADE, related_name="marks")
    kind = models.CharField(max_length=4, choices=MarkKind)
    text = models.CharField(max_length=40, blank=True, help_text="the word of a tag")
    by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "kind", "text"], condition=~Q(kind=MarkKind.STAR), name="entry_mark_once"
            ),
            models.UniqueConstraint(fields=["entry", "by"], condition=Q(kind=MarkKind.STAR), name="entry_star_once"),
            models.CheckConstraint(
                condition=(Q(kind=MarkKind.TAG) & ~Q(text="")) | (~Q(kind=MarkKind.TAG) & Q(text="")),
                name="entry_mark_tag_has_word",
            ),
        ]


class LastLook(models.Model):
    """How far a person has read a timeline: the present visit, and where the one before it ended."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="+")
    last_number = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    since_number = models.PositiveIntegerField(null=True)
    since_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "user"], name="last_look_unique")]


class ResponseTask(VersionedModel):
    """Something to be done while the incident runs; its line on the timeline says who asked for it."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="tasks")
    entry = models.OneToOneField(TimelineEntry, on_delete=models.PROTECT, related_name="task")
    title = models.CharField(max_length=200)
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    due_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    reminded_at = models.DateTimeField(null=True)

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(done_at__isnull=True, reminded_at__isnull=True), name="task_to_remind"
            ),
        ]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id


class Attachment(AppendOnlyModel):
    """A file on a timeline, in the database so that a backup holds it (docs/adr/0011)."""

    entry = models.OneToOneField(TimelineEntry, on_delete=models.CASCADE, related_name="attachment")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    objects = IncidentPartQuerySet.as_manager()

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id
