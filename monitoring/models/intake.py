"""What outside sources send: their links, each message as it came, the alerts in it, and how useful alarms were."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from monitoring.intake.deployments.parsers import PARSERS
from monitoring.models.alarms import Alarm, AlarmTransition
from monitoring.models.links import SecretLink
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, Service, Severity


class SourceKind(models.TextChoices):
    """Whose shape a message has; also a part of the link's address."""

    SNS = "sns", "Amazon SNS"
    ALERTMANAGER = "alertmanager", "Alertmanager"
    GRAFANA = "grafana", "Grafana"
    EVENTBRIDGE = "eventbridge", "EventBridge"
    STATUSCAKE = "statuscake", "StatusCake"
    PINGDOM = "pingdom", "Pingdom"
    GENERIC = "generic", "Other (JSON)"
    MAIL = "mail", "E-mail"
    GITHUB = "github", "GitHub deployments"
    GITLAB = "gitlab", "GitLab deployments"
    CODEDEPLOY = "codedeploy", "AWS CodeDeploy"
    CODEPIPELINE = "codepipeline", "AWS CodePipeline"
    ARGOCD = "argocd", "ArgoCD"
    DEPLOYMENT = "deployment", "Deployments (JSON)"


class AlertSource(SecretLink, VersionedModel):
    """An outside source and its secret link.

    `mapping` says how a generic message is read and what its alerts mean here (`monitoring.intake.mapping`).
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="alert_sources")
    kind = models.CharField(max_length=16, choices=SourceKind)
    name = models.CharField(max_length=80)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    mapping = models.JSONField(default=dict, blank=True)
    opens_incident = models.BooleanField(default=False)
    secret = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="encrypted, of senders that sign: the present one and that before",
    )
    takes_raw = models.BooleanField(default=False, help_text="SNS raw delivery: unsigned, the link alone is its proof")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "name"], name="alert_source_name_unique")]

    def __str__(self) -> str:
        return self.name

    @property
    def tells_of_deployments(self) -> bool:
        return self.kind in PARSERS

    @property
    def is_external_monitor(self) -> bool:
        """Whether it looks at the platform from outside, as its users do (M-INC-05)."""
        return self.kind in (SourceKind.STATUSCAKE, SourceKind.PINGDOM)


class TopicState(models.TextChoices):
    WAITING = "waiting", "waits for approval"
    ALLOWED = "allowed", "allowed"
    REFUSED = "refused", "refused"


class SnsTopic(VersionedModel):
    """A topic that signed messages named; only an allowed one is heard, and only its subscription is confirmed.

    `confirm_token` is what SNS asks back; it is emptied once the subscription is confirmed.
    """

    source = models.ForeignKey(AlertSource, on_delete=models.PROTECT, related_name="topics")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    arn = models.CharField(max_length=300)
    state = models.CharField(max_length=8, choices=TopicState, default=TopicState.WAITING)
    first_seen_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    confirm_token = models.CharField(max_length=1024, blank=True)
    confirm_after = models.DateTimeField(null=True, help_text="real time")
    confirm_attempts = models.PositiveSmallIntegerField(default=0)
    confirm_error = models.CharField(max_length=300, blank=True)
    confirmed_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "arn"], name="sns_topic_unique")]
        indexes = [models.Index(fields=["confirm_after"], name="sns_topic_to_confirm", condition=~Q(confirm_token=""))]

    def __str__(self) -> str:
        return self.arn


class InboundVerdict(models.TextChoices):
    """What became of a message."""

    WAITING = "waiting", "waits"
    ACCEPTED = "accepted", "accepted"
    REPEAT = "repeat", "known already"
    CONFIRMED = "confirmed", "subscription"
    HELD = "held", "topic not approved"
    PAUSED = "paused", "source paused"
    REFUSED = "refused", "refused"
    UNREADABLE = "unreadable", "unreadable"
    FAILED = "failed", "failed"


class InboundMessage(models.Model):
    """A message as it came, and what became of it. Body and headers are never rewritten; old rows go by a limit.

    `received_at` is business time; a replay is a row of its own that points at the first.
    """

    source = models.ForeignKey(AlertSource, on_delete=models.PROTECT, related_name="messages")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField()
    stored_at = models.DateTimeField(db_default=Now(), editable=False, help_text="real time")
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    verdict = models.CharField(max_length=12, choices=InboundVerdict, default=InboundVerdict.WAITING)
    reason = models.CharField(max_length=300, blank=True)
    alerts = models.PositiveIntegerField(default=0, help_text="new ones, or deployments that it told something new of")
    repeats = models.PositiveIntegerField(default=0, help_text="alerts in it that were known already")
    topic = models.CharField(max_length=300, blank=True)
    judged_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, help_text="real time of the next attempt")
    replay_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="replays")
    replayed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="inbound_waiting", condition=Q(verdict="waiting")),
            models.Index(fields=["platform", "-id"], name="inbound_recent"),
        ]


class AlertSubject(models.Model):
    """What an alert is about, by the source's own fingerprint, and whether it fires now.

    `alarm` is the group it counts in: it fires while one of its subjects does.
    """

    source = models.ForeignKey(AlertSource, on_delete=models.PROTECT, related_name="subjects")
    fingerprint = models.CharField(max_length=40)
    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, null=True, related_name="subjects")
    title = models.CharField(max_length=240)
    url = models.CharField(max_length=500, blank=True)
    is_firing = models.BooleanField(default=False)
    since = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=0, help_text="alerts about it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "fingerprint"], name="alert_subject_unique")]
        indexes = [
            models.Index(fields=["alarm", "-is_firing", "-last_at", "-id"], name="alert_subject_of_alarm"),
            models.Index(fields=["alarm"], name="alert_subject_firing", condition=Q(is_firing=True)),
        ]


class Alert(AppendOnlyModel):
    """One alert as understood. `is_late`: older than what was known of its subject, so it changed nothing.

    `silenced`: a silence held over its group then, so that it called nobody.
    """

    source = models.ForeignKey(AlertSource, on_delete=models.PROTECT, related_name="alerts")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, null=True, related_name="alerts")
    subject = models.ForeignKey(AlertSubject, on_delete=models.PROTECT, related_name="alerts")
    message_number = models.BigIntegerField(help_text="id of the message, which is kept for a while only")
    dedup = models.CharField(max_length=40)
    title = models.CharField(max_length=240)
    text = models.CharField(max_length=2000, blank=True)
    url = models.CharField(max_length=500, blank=True)
    severity_word = models.CharField(max_length=40, blank=True)
    labels = models.JSONField(default=dict)
    is_firing = models.BooleanField()
    is_late = models.BooleanField(default=False)
    silenced = models.BooleanField(default=False)
    at = models.DateTimeField(help_text="when it happened, as the source says")
    received_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "dedup"], name="alert_once")]
        indexes = [
            models.Index(fields=["alarm", "-id"], name="alert_of_alarm"),
            models.Index(fields=["platform", "-id"], name="alert_recent"),
        ]


class Usefulness(models.TextChoices):
    USEFUL = "useful", "useful"
    NO_ACTION = "no_action", "no action"
    NOISE = "noise", "noise"


class AlarmRating(VersionedModel):
    """What a person says of one firing of an alarm (M-MET-13); the same person may think again."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    transition = models.ForeignKey(AlarmTransition, on_delete=models.PROTECT, related_name="ratings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    word = models.CharField(max_length=12, choices=Usefulness)
    rated_at = models.DateTimeField()

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transition", "user"], name="alarm_rating_once")]
