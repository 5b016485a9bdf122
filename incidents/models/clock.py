"""Clock policy of a platform, the clocks of one incident, and who was paged."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from incidents import clocks
from incidents.choices import UNPAUSABLE, ClockKind, DueRuleChoice, OutcomeChoice
from incidents.models.incident import Incident
from incidents.querysets import IncidentPartQuerySet
from opsportal.core.models import PlatformQuerySet, VersionedModel
from opsportal.platforms.models import BusinessCalendar, Contact, Platform, PolicySource, Severity


class ClockPolicy(VersionedModel):
    """How long each kind of clock runs for a severity, and where the figure comes from.

    `minutes` None means that the guide gives no number; `text` keeps the guide's own words ("Immediate").
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="clock_policies")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="clock_policies")
    kind = models.CharField(max_length=12, choices=ClockKind)
    minutes = models.PositiveIntegerField(null=True)
    calendar = models.ForeignKey(BusinessCalendar, on_delete=models.PROTECT, null=True, related_name="clock_policies")
    due_rule = models.CharField(max_length=20, choices=DueRuleChoice, default=DueRuleChoice.MINUTES)
    due_on = models.DateField(null=True, help_text="the day a next sprint ends; until it is set, no number")
    warn_share = models.FloatField(null=True, help_text="of the time, from 0 to 1; None: the portal's default")
    may_pause = models.BooleanField(default=True)
    text = models.CharField(max_length=160, blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)
    note = models.TextField(blank=True)
    conflicts = ArrayField(models.CharField(max_length=4), default=list, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["severity", "kind"], name="clock_policy_unique")]

    @property
    def words(self) -> str:
        """The rule as people say it, or the guide's words where it gives no number."""
        named = self.calendar.name.lower() if self.calendar is not None else ""
        return clocks.words(self.minutes, named) or self.text or DueRuleChoice(self.due_rule).label

    @property
    def source_words(self) -> str:
        return self.source_text or PolicySource(self.source).label


class IncidentClock(VersionedModel):
    """One run of one clock. The due instant and the rule's words are fixed when it starts and never recomputed."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=12, choices=ClockKind)
    round = models.PositiveIntegerField(default=1, help_text="a clock that repeats starts a new round")
    policy = models.ForeignKey(ClockPolicy, on_delete=models.SET_NULL, null=True, related_name="+")
    policy_version = models.PositiveIntegerField(null=True)
    calendar = models.ForeignKey(
        BusinessCalendar,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        help_text="what it counts its time in, whatever the policy says by now; None: around the clock",
    )
    rule_text = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=16, choices=PolicySource)
    source_text = models.CharField(max_length=160, blank=True)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="None: the guide gives no number, or the clock is paused")
    is_pausable = models.BooleanField(default=True, db_default=True, help_text="as its rule said when it began")
    warn_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=200, blank=True)
    paused_for = models.DurationField(default=timedelta(0), help_text="in pauses that are over")
    left = models.DurationField(null=True, help_text="of a paused clock, as its rule counts time; None: no number")
    warn_left = models.DurationField(null=True, help_text="until its warning, of a paused clock")
    stopped_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=OutcomeChoice, default=OutcomeChoice.RUNNING)
    fired_at = models.DateTimeField(null=True, help_text="when the miss was recorded and people were told")
    reminded_at = models.DateTimeField(null=True, help_text="when somebody was last told that it is still missed")

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "kind", "round"], name="clock_round_unique"),
            models.UniqueConstraint(
                fields=["incident", "kind"], condition=Q(stopped_at__isnull=True), name="clock_one_running"
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True) | Q(stopped_at__gte=F("started_at")), name="clock_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(stopped_at__isnull=True, fired_at__isnull=True), name="clock_to_fire"
            ),
            models.Index(fields=["kind", "due_at"], condition=Q(stopped_at__isnull=True), name="clock_running"),
            models.Index(
                fields=["warn_at"], condition=Q(stopped_at__isnull=True, warned_at__isnull=True), name="clock_to_warn"
            ),
            models.Index(
                fields=["-due_at", "-id"], condition=Q(outcome=OutcomeChoice.MISSED), name="clock_missed_newest"
            ),
            models.Index(fields=["started_at"], name="clock_started"),
        ]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id

    @property
    def may_pause(self) -> bool:
        """Whether it may be stopped for a while: it runs, is not missed, neither its kind nor its rule forbids it."""
        runs = self.stopped_at is None and self.outcome == OutcomeChoice.RUNNING
        return runs and self.is_pausable and self.kind not in UNPAUSABLE


class ContactPage(models.Model):
    """One call to one contact of the platform's chain, sent when it is due and somebody is still needed."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="pages")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="+")
    contact_name = models.CharField(max_length=120)
    level = models.PositiveSmallIntegerField(help_text="place in the chain, 1 first")
    reason = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="now, or when the page calendar next opens")
    sent_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True, help_text="someone took it, or it was over, before it was due")

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "level", "reason"], name="page_once")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(sent_at__isnull=True, dropped_at__isnull=True), name="page_to_send"
            ),
        ]


class CalendarFeed(models.Model):
    """A person's secret address of the calendar of review due dates; a new one ends the one before."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feed")
    secret_hmac = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
