"""Problem records, links between incidents, what users reported, and who looks after an alarm."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from incidents.models.incident import Incident
from incidents.models.texts import Document, SavedText, as_one
from incidents.querysets import IncidentPartQuerySet, ProblemPartQuerySet
from monitoring.models import Alarm
from opsportal.core.actor import Actor
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, Service

USER = settings.AUTH_USER_MODEL


class LinkKind(models.TextChoices):
    """How two incidents belong together. A duplicate is `Incident.merged_into`."""

    RELATED = "related", "Related to"
    CAUSED_BY = "caused_by", "Caused by"


class ProblemState(models.TextChoices):
    OPEN = "open", "Open"
    KNOWN_ERROR = "known_error", "Known error"
    SOLVED = "solved", "Solved"


class ProblemPriority(models.IntegerChoices):
    HIGH = 1, "High"
    NORMAL = 2, "Normal"
    LOW = 3, "Low"


class ReportChannel(models.TextChoices):
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone"
    CHAT = "chat", "Chat"
    TICKET = "ticket", "Ticket"
    IN_PERSON = "in_person", "In person"
    OTHER = "other", "Other"


class ReportKind(models.TextChoices):
    FAULT = "fault", "Something is wrong"
    REQUEST = "request", "Support request"
    FEEDBACK = "feedback", "Feedback"


class ReportState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    INCIDENT = "incident", "Became part of an incident"
    ANSWERED = "answered", "Answered, no incident"


class Problem(Document):
    """The cause behind incidents (M-INC-12): analysed once, with a workaround for the next one. PRB-7."""

    number = models.PositiveBigIntegerField(unique=True, editable=False)
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="problems")
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=11, choices=ProblemState, default=ProblemState.OPEN)
    priority = models.PositiveSmallIntegerField(choices=ProblemPriority, default=ProblemPriority.NORMAL)
    impact = models.TextField(blank=True)
    analysis = models.TextField(blank=True)
    workaround = models.TextField(blank=True, help_text="shown on the incidents of this problem")
    created_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    solved_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state=ProblemState.SOLVED, solved_at__isnull=False)
                | (~Q(state=ProblemState.SOLVED) & Q(solved_at__isnull=True)),
                name="problem_solved_has_time",
            ),
        ]
        indexes = [models.Index(fields=["platform", "-number"], name="problem_platform_number")]

    @property
    def reference(self) -> str:
        return f"PRB-{self.number}"

    @property
    def url(self) -> str:
        return f"/problems/{self.number}/"

    @property
    def whole(self) -> str:
        """What people wrote of it, as one text."""
        texts = (("Impact", self.impact), ("Analysis", self.analysis), ("Known workaround", self.workaround))
        return as_one((("Title", self.title), *texts))


class ProblemText(SavedText):
    """What people wrote of a problem, as one text."""

    problem = models.ForeignKey(Problem, on_delete=models.CASCADE, related_name="texts")

    objects = ProblemPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["problem", "version"], name="problem_text_unique")]


class ProblemIncident(models.Model):
    """That an incident comes from a problem."""

    problem = models.ForeignKey(Problem, on_delete=models.CASCADE, related_name="linked")
    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="problem_link")
    linked_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    linked_at = models.DateTimeField()

    objects = IncidentPartQuerySet.as_manager()


class IncidentLink(models.Model):
    """That two incidents belong together; each end shows it to whoever may know the other."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="links")
    other = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="links_back")
    kind = models.CharField(max_length=9, choices=LinkKind)
    note = models.CharField(max_length=200, blank=True)
    linked_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    linked_at = models.DateTimeField()

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "other", "kind"], name="incident_link_unique"),
            models.CheckConstraint(condition=~Q(incident=F("other")), name="incident_link_not_itself"),
        ]


class UserReport(VersionedModel):
    """What somebody told us (M-INC-12): a fault, a request, feedback. Waits until it is answered or an incident."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="user_reports")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=8, choices=ReportKind, default=ReportKind.FAULT)
    text = models.TextField()
    reporter = models.CharField(max_length=120, blank=True, help_text="who said it, in words")
    channel = models.CharField(max_length=9, choices=ReportChannel, default=ReportChannel.OTHER)
    reported_at = models.DateTimeField()
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=ReportState, default=ReportState.WAITING)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True, related_name="reports")
    answer = models.TextField(blank=True)
    settled_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    settled_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state=ReportState.WAITING, settled_at__isnull=True)
                | (~Q(state=ReportState.WAITING) & Q(settled_at__isnull=False)),
                name="report_settled_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["reported_at"], condition=Q(state="waiting"), name="report_waiting"),
            models.Index(fields=["platform", "reported_at"], name="report_platform"),
        ]

    @property
    def reference(self) -> str:
        return f"report {self.pk}"

    @property
    def url(self) -> str:
        return f"/user-reports/{self.pk}/"


class AlarmOwner(models.Model):
    """Who looks after an alarm that pages nobody (M-CLK-07), while it fires."""

    alarm = models.OneToOneField(Alarm, on_delete=models.CASCADE, related_name="owned")
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    @property
    def platform_id(self) -> int:
        return self.alarm.platform_id

    def is_visible_to(self, actor: Actor) -> bool:
        return self.platform_id in actor.platform_ids or actor.sees_all
