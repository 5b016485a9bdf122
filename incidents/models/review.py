"""Post-incident reviews and the action items that come out of them."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from incidents.choices import UNFINISHED, ActionKind, ActionPriority, ActionState, CauseKind, ReviewState, Verdict
from incidents.models.incident import BODY_WORDS, Incident
from incidents.models.texts import Document, SavedText
from incidents.querysets import ActionItemQuerySet, IncidentPartQuerySet, ReviewPartQuerySet, SectionPartQuerySet
from opsportal.core.actor import Actor
from opsportal.core.models import AppendOnlyModel, VersionedModel
from opsportal.platforms.models import Platform

USER = settings.AUTH_USER_MODEL


class Review(VersionedModel):
    """What is learnt from an incident: drafted from the record, published by another person."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="review")
    state = models.CharField(max_length=9, choices=ReviewState, default=ReviewState.DRAFT)
    author = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    drafted_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")

    objects = IncidentPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=ReviewState.PUBLISHED) | Q(published_at__isnull=False),
                name="review_published_has_time",
            ),
            models.CheckConstraint(
                condition=Q(published_by__isnull=True) | ~Q(published_by=models.F("author")),
                name="review_published_by_another",
            ),
        ]
        indexes = [
            models.Index(fields=["incident"], condition=~Q(state="published"), name="review_unpublished"),
            models.Index(fields=["-published_at", "-id"], condition=Q(state="published"), name="review_published"),
        ]

    @property
    def platform_id(self) -> int:
        return self.incident.platform_id

    @property
    def url(self) -> str:
        return f"{self.incident.url}review/"

    def is_visible_to(self, actor: Actor) -> bool:
        return self.incident.is_visible_to(actor)


class ReviewEdition(AppendOnlyModel):
    """A published version of a review: its text as it was read and agreed, and the record it stood on."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="editions")
    version = models.PositiveIntegerField()
    author = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    sections = models.JSONField(help_text="key, title and body of each, in order")
    causes = models.JSONField(help_text="depth, kind and text of each, as the tree is read")
    record = models.JSONField(
        db_default={}, default=dict, help_text="what stood beside the text then; empty where it was not kept"
    )

    objects = ReviewPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "version"], name="review_edition_unique")]

    @property
    def platform_id(self) -> int:
        return self.review.platform_id

    @property
    def url(self) -> str:
        return f"{self.review.url}versions/{self.version}/"


class ReviewSection(Document):
    """One section with its own version: two people on two sections never collide."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="sections")
    key = models.SlugField(max_length=30)
    title = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField()
    body = models.TextField(blank=True)
    edited_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    edited_at = models.DateTimeField(null=True)

    objects = ReviewPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "key"], name="review_section_unique")]
        indexes = [GinIndex(BODY_WORDS, name="review_section_words")]

    @property
    def platform_id(self) -> int:
        return self.review.platform_id

    @property
    def url(self) -> str:
        return f"{self.review.url}sections/{self.key}/"

    @property
    def whole(self) -> str:
        return self.body

    def is_visible_to(self, actor: Actor) -> bool:
        return self.review.is_visible_to(actor)


class SectionText(SavedText):
    """A text of a section."""

    nobody = "the record"  # it was drafted from it

    section = models.ForeignKey(ReviewSection, on_delete=models.CASCADE, related_name="texts")

    objects = SectionPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["section", "version"], name="section_text_unique")]


class CauseText(SavedText):
    """The cause chain of a review as a list, as it was with that version of the review."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="cause_texts")

    objects = ReviewPartQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "version"], name="cause_text_unique")]


class Cause(VersionedModel):
    """One answer to "why?", under the one it explains: the cause chain of a review as a tree."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="causes")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="reasons")
    kind = models.CharField(max_length=12, choices=CauseKind, default=CauseKind.CONTRIBUTING)
    text = models.CharField(max_length=400)
    added_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    added_at = models.DateTimeField()

    objects = ReviewPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="cause_says_something"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=models.F("id")), name="cause_not_its_own_reason"
            ),
        ]

    @property
    def platform_id(self) -> int:
        return self.review.platform_id

    def is_visible_to(self, actor: Actor) -> bool:
        return self.review.is_visible_to(actor)


class ReviewApproval(AppendOnlyModel):
    """That someone read a version of the review, and what they said."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="approvals")
    review_version = models.PositiveIntegerField()
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=9, choices=Verdict)
    note = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = ReviewPartQuerySet.as_manager()


class ActionItem(VersionedModel):
    """Something to be done by someone by a day. `number` runs portal-wide: ACT-62."""

    number = models.PositiveBigIntegerField(unique=True, editable=False)
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="action_items")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, related_name="action_items")
    review = models.ForeignKey(Review, on_delete=models.SET_NULL, null=True, related_name="action_items")
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=ActionKind, default=ActionKind.PREVENT)
    priority = models.PositiveSmallIntegerField(choices=ActionPriority, default=ActionPriority.NORMAL)
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    due_date = models.DateField(null=True)
    state = models.CharField(max_length=7, choices=ActionState, default=ActionState.OPEN)
    evidence = models.TextField(blank=True, help_text="what shows that it is done")
    created_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True, help_text="when its owner was last told that it is overdue")

    objects = ActionItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "started"], finished_at__isnull=True)
                | Q(state__in=["done", "dropped"], finished_at__isnull=False),
                name="action_finished_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["due_date"], condition=Q(state__in=["open", "started"]), name="action_unfinished"),
        ]

    @property
    def reference(self) -> str:
        return f"ACT-{self.number}"

    @property
    def url(self) -> str:
        return f"/actions/{self.number}/"

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED

    def is_overdue(self, at: datetime) -> bool:
        """Of a row read `with_end()`."""
        ends_at: datetime | None = getattr(self, "ends_at")  # noqa: B009 - an annotation, not a column
        return self.is_unfinished and ends_at is not None and ends_at <= at

    def is_visible_to(self, actor: Actor) -> bool:
        return self.incident is None or self.incident.is_visible_to(actor)
