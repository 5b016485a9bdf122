"""Rules, their state, and the events of that state. Incidents claim the events."""

from datetime import datetime
from typing import Final, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from monitoring.models.sources import AwsAccount, Series
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, PolicySource, Service, Severity


class Comparison(models.TextChoices):
    GT = "gt", ">"
    GE = "ge", "≥"
    LT = "lt", "<"
    LE = "le", "≤"


class Missing(models.TextChoices):
    """What a period without a datapoint counts as (CloudWatch's four words)."""

    MISSING = "missing", "unknown"
    BREACHING = "breaching", "breaching"
    NOT_BREACHING = "not_breaching", "fine"
    IGNORE = "ignore", "keeps the state"


class Measure(models.TextChoices):
    """What the limits are compared with: the figure, or its distance from the same hour of the last 28 days."""

    VALUE = "value", "the figure itself"
    Z = "z", "spreads from the baseline"
    PERCENT = "percent", "per cent from the baseline"


class AlarmRule(VersionedModel):
    """A threshold: `datapoints` of the last `window` periods breach `threshold`, or one of the limits beside it.

    `opposite_…` are the limits on the other side, `warn…` those of the level below critical. More than `flap_changes`
    changes within `flap_minutes` are flapping (0: never). `grouped` lets its alarm join an incident that another
    symptom of its service opened.
    `indicator` is the policy: {"value": TERM}, judged by `stat`, or {"bad": [TERM…], "total": [TERM…]}, judged in per
    cent; TERM as in SloVersion. Its series are bound (RuleTerm) once an account is connected.
    `signal` names what is measured, so that a mirrored CloudWatch alarm for the same service and signal finds its twin.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="alarm_rules")
    key = models.SlugField(max_length=80)
    name = models.CharField(max_length=160)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="alarm_rules")
    signal = models.SlugField(max_length=60)
    indicator = models.JSONField()
    stat = models.CharField(max_length=16, default="Average")
    period = models.PositiveIntegerField(default=300, help_text="seconds: 60, 300 or 3600")
    datapoints = models.PositiveSmallIntegerField(default=1, help_text="M of N")
    window = models.PositiveSmallIntegerField(default=1, help_text="N")
    comparison = models.CharField(max_length=2, choices=Comparison, default=Comparison.GT)
    threshold = models.FloatField()
    clear_threshold = models.FloatField(null=True, blank=True, help_text="must be passed on the way back")
    warn_threshold = models.FloatField(null=True, blank=True, help_text="the level below, on the same side")
    opposite_threshold = models.FloatField(null=True, blank=True, help_text="critical on the other side")
    opposite_warn = models.FloatField(null=True, blank=True, help_text="warning on the other side")
    clear_periods = models.PositiveSmallIntegerField(default=0, help_text="periods in a row that must be back")
    measure = models.CharField(max_length=8, choices=Measure, default=Measure.VALUE)
    flap_changes = models.PositiveSmallIntegerField(default=6, help_text="more changes than these are flapping; 0: off")
    flap_minutes = models.PositiveSmallIntegerField(default=60)
    grouped = models.BooleanField(default=True, help_text="joins the incident of its service's other symptoms")
    unit = models.CharField(max_length=16, blank=True)
    missing = models.CharField(max_length=16, choices=Missing, default=Missing.MISSING)
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    poll_every = models.PositiveSmallIntegerField(default=300, help_text="seconds: 60 or 300")
    opens_incident = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "key"], name="alarm_rule_key_unique"),
            models.CheckConstraint(
                condition=Q(datapoints__gte=1, datapoints__lte=models.F("window")), name="alarm_rule_m_of_n"
            ),
            models.CheckConstraint(condition=Q(period__in=[60, 300, 3600]), name="alarm_rule_period"),
            models.CheckConstraint(condition=Q(flap_minutes__gte=1), name="alarm_rule_flap_minutes"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def limit_unit(self) -> str:
        """What its limits are in."""
        return {Measure.Z: "σ", Measure.PERCENT: "%"}.get(Measure(self.measure), self.unit)


class RuleTerm(models.Model):
    """One series that a rule looks at."""

    rule = models.ForeignKey(AlarmRule, on_delete=models.CASCADE, related_name="terms")
    role = models.CharField(max_length=8)  # value, bad, total
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="rule_terms")
    stat = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "role", "series", "stat"], name="rule_term_unique"),
        ]


class AlarmOrigin(models.TextChoices):
    RULE = "rule", "portal rule"
    CLOUDWATCH = "cloudwatch", "CloudWatch"
    ALERT = "alert", "outside source"
    PORTAL = "portal", "the portal itself"
    PROBE = "probe", "portal probe"
    HEARTBEAT = "heartbeat", "heartbeat"


_PAUSED_BY_HAND: Final = (AlarmOrigin.PROBE, AlarmOrigin.HEARTBEAT)


class AlarmState(models.TextChoices):
    OK = "ok", "ok"
    ALARM = "alarm", "firing"
    WARNING = "warning", "warning"
    UNKNOWN = "unknown", "unknown"


class AlarmQuerySet(PlatformQuerySet["Alarm"]):
    """Alarms, and those among them whose state still means something."""

    def judged(self) -> Self:
        """What something still judges: a rule whose series are read, CloudWatch, a source, the portal's own eyes.

        The rest keeps its last word for ever and must not count: rules switched off, accounts disconnected, sources
        paused, alarms that CloudWatch does not have any more, probes and heartbeats paused (no `fetched_at`).
        """
        connected = Q(series__account__enabled=True, series__account__regions__contains=[F("series__region")])
        own = Q(series__account=None)  # the portal's probes
        read = RuleTerm.objects.filter(connected | own, rule_id=OuterRef("rule_id"), series__enabled=True)
        return self.filter(
            (Q(rule=None, account=None, alert_source=None) & ~Q(origin__in=_PAUSED_BY_HAND, fetched_at=None))
            | Q(alert_source__enabled=True)
            | Q(account__enabled=True, fetched_at__isnull=False)
            | Q(Exists(read), rule__enabled=True)
        )


class Alarm(VersionedModel):
    """The present state of a rule, a mirrored CloudWatch alarm, a group of outside alerts, or the portal's own eyes.

    Of a group, `value` is how many subjects fire and `fetched_at` when the source last told about it. Of a heartbeat,
    `evaluated_until` is how long its state holds without another beat.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="alarms")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="alarms")
    origin = models.CharField(max_length=12, choices=AlarmOrigin)
    key = models.CharField(max_length=255, help_text="rule key, alarm ARN, source and group, or portal key")
    name = models.CharField(max_length=255)
    signal = models.SlugField(max_length=60, blank=True)
    rule = models.OneToOneField(AlarmRule, on_delete=models.PROTECT, null=True, related_name="alarm")
    account = models.ForeignKey(AwsAccount, on_delete=models.PROTECT, null=True, related_name="alarms")
    alert_source = models.ForeignKey(
        "monitoring.AlertSource", on_delete=models.PROTECT, null=True, related_name="alarms"
    )
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, null=True, related_name="+")
    opens_incident = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=AlarmState, default=AlarmState.UNKNOWN)
    since = models.DateTimeField()
    value = models.FloatField(null=True)
    reason = models.TextField(blank=True)
    reads = models.JSONField(default=dict, db_default={}, help_text="CloudWatch's: namespace, dimensions of its metric")
    evaluated_until = models.DateTimeField(null=True, help_text="end of the newest period that was judged")
    fetched_at = models.DateTimeField(null=True, help_text="business time of the pass that judged it")
    flapping_since = models.DateTimeField(null=True, help_text="of the change that was one too many")
    flapping_until = models.DateTimeField(null=True, help_text="unless it changes again before")

    objects = AlarmQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "origin", "key"], name="alarm_key_unique")]
        indexes = [
            models.Index(fields=["platform", "since"], name="alarm_firing", condition=Q(state="alarm")),
            models.Index(fields=["state", "-since", "id"], name="alarm_by_state"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_flapping(self, at: datetime) -> bool:
        """Whether its changes up to `at` are too many to mean anything each."""
        return self.flapping_until is not None and at < self.flapping_until


class AlarmTransition(AppendOnlyModel):
    """An event: the alarm's state changed. Consumers claim it by a row of their own with a unique key to it.

    `at` is the end of the period that decided it, `recorded_at` when the portal knew. From firing to firing means that
    it goes on: after a silence, which ended at `at`, or worse than was told.
    """

    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, related_name="transitions")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="+")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, null=True, related_name="+")
    signal = models.SlugField(max_length=60, blank=True)
    opens_incident = models.BooleanField()
    from_state = models.CharField(max_length=8, choices=AlarmState)
    to_state = models.CharField(max_length=8, choices=AlarmState)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    value = models.FloatField(null=True)
    reason = models.TextField(blank=True)
    silenced = models.BooleanField(default=False, help_text="a silence held at that moment: nobody is called")
    flapping = models.BooleanField(default=False, help_text="one of too many changes: one page stands for all")
    data = models.JSONField(default=dict, help_text="rule version, threshold, the datapoints that decided")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alarm", "at", "to_state"], name="alarm_transition_once"),
        ]
        indexes = [models.Index(fields=["platform", "-at"], name="alarm_transition_recent")]


class CloudWatchChange(AppendOnlyModel):
    """What CloudWatch says happened to one of its alarms, as read: a state, its definition, an action it took.

    CloudWatch forgets after 30 days; this does not.
    """

    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, related_name="history")
    kind = models.CharField(max_length=24, help_text="StateUpdate, ConfigurationUpdate or Action")
    at = models.DateTimeField()
    summary = models.CharField(max_length=500)
    data = models.JSONField(default=dict, help_text="HistoryData as CloudWatch gave it")
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alarm", "at", "kind", "summary"], name="cloudwatch_change_once")
        ]

    @property
    def platform_id(self) -> int:
        return self.alarm.platform_id

    @property
    def reason(self) -> str:
        """Why a state came about, as CloudWatch's own evaluation says."""
        state = self.data.get("newState") if isinstance(self.data, dict) else None
        return str(state.get("stateReason", "")) if isinstance(state, dict) else ""
