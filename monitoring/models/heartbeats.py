"""Jobs that tell the portal that they ran: what is expected of each, and what came (M-CHK-14)."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from monitoring.expectation import Expectation, Heard
from monitoring.models.alarms import Alarm
from monitoring.models.links import SecretLink
from opsportal.core.formats import duration
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, Service, Severity
from opsportal.schedule.recurrence import Rule, in_words

UNJUDGED_FOR: Final = timedelta(seconds=60)  # the loop passes every two seconds


class Heartbeat(SecretLink, VersionedModel):
    """A job that beats at its link, and when it must: by cron text in a zone, or `every_seconds` after its last beat.

    The columns from `began_at` on are moved by beats and by the loop, without `version`, which is people's.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="heartbeats")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="heartbeats")
    key = models.SlugField(max_length=50)
    name = models.CharField(max_length=120)
    cron = models.CharField(max_length=120, blank=True)
    zone = models.CharField(max_length=60, default="UTC")
    every_seconds = models.PositiveIntegerField(default=0, help_text="0: by its cron text")
    grace_seconds = models.PositiveIntegerField(default=300)
    longest_seconds = models.PositiveIntegerField(default=0, help_text="of a run that says when it begins; 0: any")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    opens_incident = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    paused_reason = models.CharField(max_length=240, blank=True)
    alarm = models.OneToOneField(Alarm, on_delete=models.PROTECT, related_name="heartbeat")
    created_at = models.DateTimeField()
    expected_since = models.DateTimeField(help_text="earlier beats prove nothing: another expectation, or a pause")
    began_at = models.DateTimeField(null=True, help_text="of the run that has not ended")
    ended_at = models.DateTimeField(null=True, help_text="newest end of a run")
    ok = models.BooleanField(null=True, help_text="whether that end was fine")
    seconds = models.FloatField(null=True, help_text="how long that run took, where it said when it began")
    look_at = models.DateTimeField(null=True, help_text="business time at which the loop judges it again")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "key"], name="heartbeat_key_unique"),
            models.CheckConstraint(
                condition=Q(cron="", every_seconds__gte=30) | (~Q(cron="") & Q(every_seconds=0)),
                name="heartbeat_expectation",
            ),
        ]
        indexes = [models.Index(fields=["look_at"], name="heartbeat_to_judge", condition=Q(enabled=True))]

    def __str__(self) -> str:
        return self.name

    @property
    def expectation(self) -> Expectation:
        """Raises RuleError when its zone is not known any more."""
        return Expectation(
            since=self.expected_since,
            grace=timedelta(seconds=self.grace_seconds),
            rule=Rule(cron=self.cron, zone=self.zone) if self.cron else None,
            every=timedelta(seconds=self.every_seconds),
            longest=timedelta(seconds=self.longest_seconds),
        )

    @property
    def heard(self) -> Heard:
        return Heard(self.ended_at, self.ok, self.began_at)

    @property
    def expects(self) -> str:
        """When it is expected, in words."""
        return f"{in_words(self.cron)}, {self.zone}" if self.cron else f"every {duration(self.every_seconds)}"

    def kind_at(self, at: datetime) -> str:
        """The word of the state language; reads `alarm`. What the loop did not judge in time is stale, never fine."""
        if not self.enabled:
            return "off"
        if self.look_at is not None and at - self.look_at > UNJUDGED_FOR:
            return "stale"
        return {"ok": "ok", "alarm": "fail"}.get(self.alarm.state, "unknown")

    def state_at(self, at: datetime) -> str:
        """That state in this page's words."""
        late = "failed" if self.ok is False else "late"
        is_begun = self.ended_at is None and self.began_at is not None
        never = "began, not ended yet" if is_begun else "not heard of yet"
        words = {"ok": "in time", "fail": late, "off": "paused", "stale": "not judged"}
        return words.get(self.kind_at(at), never)


class BeatWord(models.TextChoices):
    START = "start", "began"
    DONE = "done", "ended well"
    FAIL = "fail", "failed"


class BeatQuerySet(PlatformQuerySet["Beat"]):
    platform_path: ClassVar[str] = "heartbeat__platform_id"


class Beat(AppendOnlyModel):
    """One beat as it came. `seconds` is the time since the run began, where it said so."""

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT", "DELETE")  # old ones go

    heartbeat = models.ForeignKey(Heartbeat, on_delete=models.PROTECT, related_name="beats", db_index=False)
    word = models.CharField(max_length=5, choices=BeatWord)
    exit_code = models.PositiveSmallIntegerField(null=True)
    at = models.DateTimeField()
    seconds = models.FloatField(null=True)
    log = models.TextField(blank=True, help_text="the end of what it sent along")

    objects = BeatQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["heartbeat", "-id"], name="beat_of_heartbeat")]
