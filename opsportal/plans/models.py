"""Plan, then act: what changes AWS or a database is written down, approved by another person, run once."""

import hashlib
import json
from collections.abc import Mapping
from typing import Self

from django.conf import settings
from django.db import models

from opsportal.core.actor import Actor
from opsportal.core.models import AppendOnlyModel, PlatformQuerySet, VersionedModel
from opsportal.plans.subjects import hidden_subjects
from opsportal.platforms.models import Platform


class PlanState(models.TextChoices):
    AWAITING = "awaiting", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Outcome unknown"
    WITHDRAWN = "withdrawn", "Withdrawn"


class CallState(models.TextChoices):
    PENDING = "pending", "To do"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
    UNKNOWN = "unknown", "Outcome unknown"


class RiskClass(models.TextChoices):
    """What a lost worker costs: all but a one-shot call may be made again."""

    READ = "read", "Reads only"
    REPEATABLE = "repeatable", "May be repeated"
    ABSOLUTE = "absolute", "Sets a state, may be repeated"
    NAMED = "named", "Makes one named thing, found again instead of made twice"
    ONE_SHOT = "one_shot", "At most once"


class PlanQuerySet(PlatformQuerySet["Plan"]):
    """Plans; one made for something that is hidden is as hidden as it."""

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        mine = super().visible_to(actor)
        for hidden in hidden_subjects(actor):
            mine = mine.exclude(subject__in=hidden)
        return mine


class Plan(VersionedModel):
    """The calls, their targets and the expected effect, bound by a hash that approvals name."""

    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="plans")
    kind = models.SlugField(max_length=40)
    title = models.CharField(max_length=160)
    subject = models.CharField(max_length=60, blank=True, help_text="what it was asked for, such as INC-12")
    effect = models.TextField()
    content_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=PlanState, default=PlanState.AWAITING)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    starts_after = models.DateTimeField(null=True, help_text="Not before this instant: the window's opening.")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["subject"], condition=~models.Q(subject=""), name="plan_by_subject"),
            models.Index(fields=["platform", "-started_at"], name="plan_by_start"),
            models.Index(
                fields=["platform", "expires_at"],
                condition=models.Q(state__in=["awaiting", "approved", "running"]),
                name="plan_open",
            ),
        ]

    @property
    def short_hash(self) -> str:
        return self.content_hash[:8]

    def is_visible_to(self, actor: Actor) -> bool:
        """The gate's question about this one row."""
        return not self.subject or type(self).objects.visible_to(actor).filter(pk=self.pk).exists()


class PlanCall(VersionedModel):
    """One intended call; its row carries progress and outcome once it ran."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="calls")
    position = models.PositiveSmallIntegerField()
    operation = models.CharField(max_length=80)
    target = models.CharField(max_length=200)
    params = models.JSONField(default=dict)
    effect = models.CharField(max_length=240, blank=True)
    risk = models.CharField(max_length=12, choices=RiskClass)
    state = models.CharField(max_length=8, choices=CallState, default=CallState.PENDING)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict, help_text="before and after values, answer digest")

    # Not stored: the executor is told that a worker began this call and was lost.
    was_begun = False

    @property
    def read_back(self) -> str:
        """`writer is now two`: what was found after the call, and was otherwise before it."""
        before, after = self.result.get("before"), self.result.get("after")
        if not isinstance(after, dict):
            return ""
        old = before if isinstance(before, dict) else {}
        changed = {name: value for name, value in after.items() if old.get(name) != value} or after
        return ", ".join(f"{name} is now {value}" for name, value in changed.items())[:200]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "position"], name="plan_call_position_unique")]


class Approval(AppendOnlyModel):
    """One person's word on one exact plan."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="approvals")
    content_hash = models.CharField(max_length=64)
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.TextField(blank=True)
    by_user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    mfa_at = models.DateTimeField()
    is_break_glass = models.BooleanField(default=False, help_text="of one's own plan, alone, in an emergency")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "by_user"], name="approval_once_per_person")]


def content_hash(content: Mapping[str, object]) -> str:
    """SHA-256 over everything an approver reads, times included; a changed call or window is another plan."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
