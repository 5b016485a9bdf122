"""The portal's own health probes and their answers (M-MET-15)."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q

from monitoring.models.alarms import Alarm
from monitoring.models.evidence import TargetDatabase
from monitoring.probing.asking import Question
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Platform, Service, Severity

PROBE_NAMESPACE: Final = "Opsportal/Probe"
LATE: Final = timedelta(seconds=45)  # a slot's own time limit, the pass before it, and a little


class ProbeKind(models.TextChoices):
    HTTP = "http", "HTTP"
    TCP = "tcp", "TCP"
    TLS = "tls", "TLS"
    DATABASE = "database", "Database"


class ProbeEvery(models.IntegerChoices):
    TEN = 10, "10 s"
    FIFTEEN = 15, "15 s"
    TWENTY = 20, "20 s"
    THIRTY = 30, "30 s"


class Probe(VersionedModel):
    """A health question that the portal asks by itself, at most every 30 s.

    `datapoints` failures of the last `window` answers move its alarm. The columns from `due_at` on are the loop's: they
    change without `version`, which is people's.
    """

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="probes")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="probes")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=ProbeKind)
    address = models.CharField(max_length=500, blank=True, help_text="URL, or host:port")
    database = models.ForeignKey(TargetDatabase, on_delete=models.PROTECT, null=True, blank=True, related_name="probes")
    every = models.PositiveSmallIntegerField(choices=ProbeEvery, default=ProbeEvery.THIRTY)
    seconds = models.PositiveSmallIntegerField(default=5, help_text="time limit of one answer")
    statuses = models.CharField(max_length=60, default="200-299")
    body_text = models.CharField(max_length=200, blank=True)
    cert_days = models.PositiveSmallIntegerField(default=0, help_text="0: the certificate's end is only recorded")
    datapoints = models.PositiveSmallIntegerField(default=2, help_text="M of N")
    window = models.PositiveSmallIntegerField(default=3, help_text="N")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    opens_incident = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    alarm = models.OneToOneField(Alarm, on_delete=models.PROTECT, related_name="probe")
    created_at = models.DateTimeField()
    asked_since = models.DateTimeField(help_text="earlier answers are of another question and decide nothing")
    due_at = models.DateTimeField(help_text="business time of the next slot")
    lease_until = models.DateTimeField(null=True, help_text="real time; until then one dispatcher asks")
    fence = models.PositiveIntegerField(default=0)
    ran_at = models.DateTimeField(null=True, help_text="newest slot that was asked")
    ok = models.BooleanField(null=True)
    ms = models.FloatField(null=True)
    said = models.CharField(max_length=240, blank=True)
    cert_ends_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "key"], name="probe_key_unique"),
            models.CheckConstraint(
                condition=Q(datapoints__gte=1, datapoints__lte=F("window"), window__lte=20), name="probe_m_of_n"
            ),
            models.CheckConstraint(condition=Q(every__in=ProbeEvery.values), name="probe_every"),
            models.CheckConstraint(condition=Q(seconds__gte=1, seconds__lte=10), name="probe_seconds"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def meets_certificate(self) -> bool:
        """Whether an answer comes with a certificate."""
        return self.kind == ProbeKind.TLS or self.address.lower().startswith("https:")

    @property
    def question(self) -> Question:
        """What is asked; reads `database`."""
        return Question(
            kind=self.kind,
            address=self.address,
            statuses=self.statuses,
            body_text=self.body_text,
            cert_days=self.cert_days,
            seconds=self.seconds,
            target=self.database.reader if self.database else None,
        )

    @property
    def asks(self) -> str:
        """What it asks, in words."""
        return self.address or (f"select 1 on {self.database.name}" if self.database else "")

    def kind_at(self, at: datetime) -> str:
        """The word of the state language at that time: what was not asked lately is stale, never fine."""
        if not self.enabled:
            return "off"
        if self.ran_at is None:
            return "unknown"
        if at - self.ran_at > 2 * timedelta(seconds=self.every) + LATE:
            return "stale"
        return {True: "ok", False: "fail", None: "unknown"}[self.ok]


class ProbeResultQuerySet(PlatformQuerySet["ProbeResult"]):
    platform_path: ClassVar[str] = "probe__platform_id"


class ProbeResult(AppendOnlyModel):
    """One answer of one slot; kept for a week. The series hold it for as long as they hold anything."""

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT", "DELETE")  # old ones go

    probe = models.ForeignKey(Probe, on_delete=models.PROTECT, related_name="results", db_index=False)
    slot_at = models.DateTimeField(db_index=True)
    recorded_at = models.DateTimeField()
    ok = models.BooleanField(null=True, help_text="null: it could not be asked")
    ms = models.FloatField(null=True)
    cert_days = models.FloatField(null=True)
    said = models.CharField(max_length=240)

    objects = ProbeResultQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["probe", "slot_at"], name="probe_result_once")]
