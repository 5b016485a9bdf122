"""What hangs on an incident: status updates, action items, the review."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import selectors
from incidents.api.base import IncidentApiView
from incidents.choices import ActionKind, ActionState
from incidents.models import ActionItem, Review, ReviewEdition, ReviewSection, StatusUpdate
from incidents.selectors.named import person_named
from incidents.selectors.reviews import ACTION_VIEWS, action_item, editions_of, sections_of
from incidents.selectors.signed import waves_signed
from incidents.services import action_item_add, action_item_update, review_draft
from opsportal.core import clock
from opsportal.core.api import (
    PAGING,
    PLATFORM,
    CleanCharField,
    expected_version,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.gate import authorize
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import Page, keyset_page
from opsportal.platforms.models import Platform

ITEM = "incidents.action_item_view"


class UpdateRowSerializer(serializers.ModelSerializer[StatusUpdate]):
    """What people were told."""

    author = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = StatusUpdate
        fields = ("state", "audience", "body", "author", "published_at")
        read_only_fields = fields


class ActionItemSerializer(serializers.ModelSerializer[ActionItem]):
    """Who does what by when."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    incident = serializers.SlugRelatedField(slug_field="reference", read_only=True)  # type: ignore[var-annotated]
    owner = serializers.SlugRelatedField(slug_field="email", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = ActionItem
        fields = (
            "number", "reference", "url", "title", "kind", "platform", "incident", "owner", "due_date", "state",
            "evidence", "created_at", "finished_at", "version",
        )  # fmt: skip
        read_only_fields = fields


class ActionItemAddSerializer(serializers.Serializer[Any]):
    title = CleanCharField(max_length=200)
    kind = serializers.ChoiceField(choices=ActionKind.choices, required=False, default=ActionKind.PREVENT)
    owner = serializers.EmailField(required=False, help_text="address of a member of the platform")
    due_date = serializers.DateField(required=False, default=None, allow_null=True)


class ActionItemChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays."""

    state = serializers.ChoiceField(choices=ActionState.choices, required=False)
    owner = serializers.EmailField(required=False, allow_null=True)
    due_date = serializers.DateField(required=False, allow_null=True)
    evidence = CleanCharField(max_length=2000, required=False, allow_blank=True)


class SectionSerializer(serializers.ModelSerializer[ReviewSection]):
    class Meta:
        model = ReviewSection
        fields = ("key", "title", "body", "edited_at")
        read_only_fields = fields


class EditionSerializer(serializers.ModelSerializer[ReviewEdition]):
    """A version that was published before the incident was reopened."""

    published_by = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = ReviewEdition
        fields = ("version", "published_at", "published_by", "sections")
        read_only_fields = fields


class WaveSerializer(serializers.Serializer[Any]):
    """From the impact, or from when it came back, to the next end."""

    number = serializers.IntegerField(read_only=True)
    began_at = serializers.DateTimeField(read_only=True, help_text="its impact, or when it came back")
    reopened_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="when a person said so; null of the first"
    )
    mitigated_at = serializers.DateTimeField(read_only=True, allow_null=True)
    resolved_at = serializers.DateTimeField(read_only=True, allow_null=True)
    cause = serializers.CharField(read_only=True)
    causes_before = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="what was taken for it before, oldest first"
    )
    resolution = serializers.CharField(read_only=True)
    why = serializers.CharField(read_only=True, help_text="it was reopened; empty of the first")


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A post-incident review with its sections."""

    incident = serializers.SlugRelatedField(slug_field="reference", read_only=True)  # type: ignore[var-annotated]
    author = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]
    sections = serializers.SerializerMethodField()
    waves = serializers.SerializerMethodField()
    published_before = serializers.SerializerMethodField()

    class Meta:
        model = Review
        fields = ("incident", "url", "state", "author", "drafted_at", "submitted_at", "published_at", "sections",
                  "waves", "published_before", "version")  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(SectionSerializer(many=True))
    def get_sections(self, review: Review) -> Any:
        return SectionSerializer(sections_of(review), many=True).data

    @extend_schema_field(WaveSerializer(many=True))
    def get_waves(self, review: Review) -> Any:
        return WaveSerializer(waves_signed(review), many=True).data

    @extend_schema_field(EditionSerializer(many=True))
    def get_published_before(self, review: Review) -> Any:
        return EditionSerializer(editions_of(review), many=True).data


class UpdateListView(IncidentApiView):
    """The status updates of an incident, newest first."""

    actions: Mapping[str, str] = {"GET": "incidents.incident_view"}

    @extend_schema(operation_id="incidents_updates", parameters=PAGING, responses=UpdateRowSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        rows = StatusUpdate.objects.filter(incident=self.load(number, "incidents.incident_view"))
        cursor = request.query_params.get("cursor")
        page: Page[StatusUpdate] = keyset_page(
            rows.select_related("author"), order=("-published_at", "-pk"), cursor=cursor, size=page_size(request)
        )
        return page_response(page, UpdateRowSerializer)


class ReviewView(IncidentApiView):
    """The review of an incident. POST drafts it from the record when there is none yet."""

    actions: Mapping[str, str] = {"GET": "incidents.review_view", "POST": "incidents.review_draft"}

    @extend_schema(operation_id="incidents_review_read", responses=ReviewSerializer)
    def get(self, request: Request, number: int) -> Response:
        del request
        review = selectors.review_of(self.actor, number)
        return row_response(review, ReviewSerializer(review))

    @extend_schema(operation_id="incidents_review_draft", request=None, responses={201: ReviewSerializer})
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        del request
        incident = self.load(number, "incidents.review_draft")
        review_draft(by=self.actor, at=clock.now(), incident=incident)
        review = selectors.review_of(self.actor, number)
        return row_response(review, ReviewSerializer(review), status=201)


class ActionItemListView(IncidentApiView):
    """Action items of all incidents."""

    actions: Mapping[str, str] = {"GET": ITEM}

    @extend_schema(
        operation_id="action_items_list",
        parameters=[
            *PAGING,
            PLATFORM,
            OpenApiParameter("view", str, enum=[name for name in ACTION_VIEWS if name]),
        ],
        responses=ActionItemSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Unfinished ones, the longest overdue first; `view` narrows, or turns to the finished, newest first."""
        params, key = request.query_params, request.query_params.get("platform", "")
        platform = Platform.objects.visible_to(self.actor).filter(key=key).first()
        if key and platform is None:
            return page_response(Page([], None, None), ActionItemSerializer)
        page = selectors.action_page(
            self.actor,
            platform_id=platform.pk if platform else None,
            view=params.get("view", ""),
            at=clock.now(),
            cursor=params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, ActionItemSerializer)


class ActionItemAddView(IncidentApiView):
    """What is to be done after an incident."""

    actions: Mapping[str, str] = {"POST": "incidents.action_item_add"}

    @extend_schema(
        operation_id="action_items_add", request=ActionItemAddSerializer, responses={201: ActionItemSerializer}
    )
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        incident = self.load(number, "incidents.action_item_add")
        data = sent(request, ActionItemAddSerializer)
        email = data.pop("owner", "")
        owner_id = person_named(incident.platform_id, email, "owner") if email else None
        item = action_item_add(by=self.actor, at=clock.now(), incident=incident, owner_id=owner_id, **data)
        return row_response(item, ActionItemSerializer(item), status=201)


class ActionItemView(IncidentApiView):
    """One action item."""

    actions: Mapping[str, str] = {"GET": ITEM, "PATCH": "incidents.action_item_change"}
    serializer_class = ActionItemSerializer

    @extend_schema(operation_id="action_items_read", responses=ActionItemSerializer)
    def get(self, request: Request, number: int) -> Response:
        del request
        item = action_item(self.actor, number)
        return row_response(item, ActionItemSerializer(item))

    @extend_schema(operation_id="action_items_change", request=ActionItemChangeSerializer)
    @idempotent
    def patch(self, request: Request, number: int) -> Response:
        """Change owner, date or state; needs `If-Match`. Done needs evidence."""
        item = action_item(self.actor, number)
        authorize(self.actor, "incidents.action_item_change", item)
        expected = expected_version(request, item)
        data = sent(request, ActionItemChangeSerializer, partial=True)
        owner_id = item.owner_id
        if "owner" in data:
            owner_id = person_named(item.platform_id, data["owner"], "owner") if data["owner"] else None
        action_item_update(
            by=self.actor,
            at=clock.now(),
            item=item,
            expected=expected,
            state=data.get("state", item.state),
            owner_id=owner_id,
            due_date=data.get("due_date", item.due_date),
            evidence=data.get("evidence", ""),
        )
        fresh = action_item(self.actor, number)
        return row_response(fresh, ActionItemSerializer(fresh))
