"""`/api/v1/runbooks/`: what to do when something is wrong."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.core.api import PAGING, PLATFORM, ApiView, page_response, page_size, row_response
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, keyset_page
from opsportal.knowledge.models import Runbook
from opsportal.knowledge.runbooks.text import StepKind
from opsportal.platforms.selectors import platform_id_said

VIEW: Final = "knowledge.runbook_view"


class RunbookRowSerializer(serializers.ModelSerializer[Runbook]):
    """A runbook without its text; `text_version` is null while it is only named."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    url = serializers.CharField(source="get_absolute_url", read_only=True)
    text_version = serializers.IntegerField(source="current.number", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Runbook
        fields: tuple[str, ...] = (
            "platform", "slug", "url", "title", "summary", "triggers", "owner", "review_due", "text_version", "version",
        )  # fmt: skip
        read_only_fields = fields


class StepTextSerializer(serializers.Serializer[Any]):
    """One step of a text."""

    number = serializers.IntegerField()
    anchor = serializers.CharField()
    title = serializers.CharField()
    section = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in StepKind])
    choices = serializers.SerializerMethodField()

    def get_choices(self, step: Any) -> list[dict[str, str]]:
        """Ways out of a decision."""
        return [{"text": choice.text, "anchor": choice.anchor} for choice in step.choices]


class RunbookSerializer(RunbookRowSerializer):
    """A runbook with its present text in Markdown, and its steps."""

    body = serializers.CharField(source="current.body", read_only=True, allow_null=True, default=None)
    steps = StepTextSerializer(source="current.parsed.steps", many=True, read_only=True, default=())

    class Meta(RunbookRowSerializer.Meta):
        fields: tuple[str, ...] = (*RunbookRowSerializer.Meta.fields, "body", "steps")
        read_only_fields = fields


def runbook_addressed(view: ApiView, platform: str, slug: str) -> Runbook:
    """As far as the caller may know it. Raises HiddenError."""
    rows = Runbook.objects.visible_to(view.actor).select_related("platform", "current")
    runbook: Runbook | None = rows.filter(platform__key=platform, slug=slug).first()
    if runbook is None:
        raise HiddenError(VIEW)
    return runbook


class RunbookListView(ApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="runbooks_list",
        parameters=[*PAGING, PLATFORM,
                    OpenApiParameter("q", str, description="words of its title, summary or text")],
        responses=RunbookRowSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Every runbook, also those that a guide only names."""
        params = request.query_params
        rows = Runbook.objects.visible_to(self.actor).of_platform(
            platform_id_said(self.actor, params.get("platform", ""))
        )
        rows = rows.matching(params.get("q", "")[:80]).select_related("platform", "current")
        page: Page[Runbook] = keyset_page(
            rows, order=("title", "pk"), cursor=params.get("cursor"), size=page_size(request)
        )
        return page_response(page, RunbookRowSerializer)


class RunbookView(ApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(operation_id="runbooks_read", responses=RunbookSerializer)
    def get(self, request: Request, platform: str, slug: str) -> Response:
        """One runbook with its text."""
        del request
        runbook = runbook_addressed(self, platform, slug)
        return row_response(runbook, RunbookSerializer(runbook))
