"""A checklist template, its runs, and who ticked what.

An item's present state is a mutable, versioned row; what happened to it stands beside it in append-only events.
"""

from django.conf import settings
from django.db import models

from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.platforms.models import Environment, Platform, PolicySource
from opsportal.schedule.recurrence import in_words


class ChecklistTemplate(VersionedModel):
    """A list that becomes due by a local rule; `rule` is cron text read in `zone`."""

    class Mode(models.TextChoices):
        DO_CONFIRM = "do_confirm", "Do, confirm"
        READ_DO = "read_do", "Read, do"

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="checklist_templates")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+", null=True)
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    mode = models.CharField(max_length=12, choices=Mode, default=Mode.DO_CONFIRM)
    rule = models.CharField(max_length=80, help_text="cron text, five fields; the instant the list is opened for")
    zone = models.CharField(max_length=64)
    opens_before_minutes = models.PositiveIntegerField(default=30)
    due_after_minutes = models.PositiveIntegerField(default=60)
    is_active = models.BooleanField(default=True)
    active_since = models.DateTimeField(help_text="No slot before this instant is owed.")
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)
    note = models.TextField(blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "key"], name="checklist_key_unique")]

    @property
    def rule_text(self) -> str:
        return in_words(self.rule)


class ChecklistItemTemplate(VersionedModel):
    """One line of a template; `checks` names the evidence checks that run before it is due."""

    template = models.ForeignKey(ChecklistTemplate, on_delete=models.CASCADE, related_name="items")
    key = models.SlugField(max_length=80)
    position = models.PositiveSmallIntegerField()
    section = models.CharField(max_length=80, blank=True)
    text = models.CharField(max_length=240)
    checks = models.JSONField(default=list, help_text='[{"check": "backup.fresh", "params": {…}}]')
    source = models.CharField(max_length=16, choices=PolicySource, default=PolicySource.GUIDE)
    source_text = models.CharField(max_length=160, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "key"], name="checklist_item_key_unique")]


class RunState(models.TextChoices):
    OPEN = "open", "Open"
    DONE = "done", "Complete"
    MISSED = "missed", "Missed"


class ChecklistRun(VersionedModel):
    """One occurrence of a list. Missed is final: work done later is shown as late, never as done in time."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="checklist_runs")
    template = models.ForeignKey(ChecklistTemplate, on_delete=models.PROTECT, related_name="runs")
    slot_at = models.DateTimeField(help_text="UTC instant of the local rule")
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=64)
    opens_at = models.DateTimeField()
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=RunState, default=RunState.OPEN)
    item_count = models.PositiveSmallIntegerField(default=0)
    answered_count = models.PositiveSmallIntegerField(default=0)
    completed_at = models.DateTimeField(null=True)
    missed_at = models.DateTimeField(null=True)
    evidence_due_at = models.DateTimeField(null=True, help_text="When its checks are to run next.")
    evidence_at = models.DateTimeField(null=True, help_text="When its checks last ran.")

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "slot_at"], name="checklist_run_slot_unique")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state="open"), name="checklist_run_open"),
            models.Index(
                fields=["evidence_due_at"],
                condition=models.Q(evidence_due_at__isnull=False),
                name="checklist_run_evidence_due",
            ),
            models.Index(fields=["platform", "-slot_at", "-id"], name="checklist_run_recent"),
        ]


class ItemState(models.TextChoices):
    OPEN = "open", "Open"
    DONE = "done", "Done"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class ChecklistItemQuerySet(PlatformQuerySet["ChecklistItem"]):
    platform_path = "run__platform_id"


class ChecklistItem(VersionedModel):
    """The present state of one item of one run."""

    run = models.ForeignKey(ChecklistRun, on_delete=models.PROTECT, related_name="items")
    item_template = models.ForeignKey(ChecklistItemTemplate, on_delete=models.SET_NULL, null=True, related_name="+")
    position = models.PositiveSmallIntegerField()
    section = models.CharField(max_length=80, blank=True)
    text = models.CharField(max_length=240)
    checks = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=ItemState, default=ItemState.OPEN)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    evidence = models.ForeignKey("monitoring.EvidenceResult", on_delete=models.PROTECT, null=True, related_name="+")

    objects = ChecklistItemQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="checklist_item_position_unique")]

    @property
    def platform_id(self) -> int:
        return self.run.platform_id


class TickKind(models.TextChoices):
    TICKED = "ticked", "Ticked"
    UNTICKED = "unticked", "Unticked"
    NOT_APPLICABLE = "not_applicable", "Not applicable"
    NOTED = "noted", "Note"
    EVIDENCE = "evidence", "Evidence"


class TickEvent(AppendOnlyModel):
    """What happened to an item, who did it and when."""

    item = models.ForeignKey(ChecklistItem, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=TickKind)
    by_user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    reason = models.TextField(blank=True)
    evidence = models.ForeignKey("monitoring.EvidenceResult", on_delete=models.PROTECT, null=True, related_name="+")


class HandOver(VersionedModel):
    """The note one shift leaves the next; drafted from the record, signed at the pause point."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="hand_overs")
    run = models.ForeignKey(ChecklistRun, on_delete=models.PROTECT, null=True, related_name="hand_overs")
    body = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["platform", "-created_at"], name="hand_over_recent")]
