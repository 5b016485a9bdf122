"""The texts that a document had, and the retrospectives that have some."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import selectors
from incidents.api.base import IncidentApiView
from incidents.models import Retrospective
from incidents.selectors.kept_texts import NEWEST, Texts, section_of
from incidents.selectors.learning import retrospective_of
from incidents.selectors.problems import problem_by_number
from opsportal.core.api import PAGING, page_response, page_size
from opsportal.core.gate import authorize
from opsportal.core.pagination import Page, keyset_page


class SavedTextSerializer(serializers.Serializer[Any]):
    """A text as it was saved."""

    version = serializers.IntegerField(read_only=True)
    body = serializers.CharField(read_only=True)
    saved_by = serializers.CharField(
        source="saved_by.name", read_only=True, allow_null=True, help_text="null: no person, as of what was drafted"
    )
    saved_at = serializers.DateTimeField(read_only=True)


class RetrospectiveSerializer(serializers.ModelSerializer[Retrospective]):
    """A look back over local days [starts_on, ends_on)."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Retrospective
        fields = ("id", "url", "platform", "kind", "starts_on", "ends_on", "facts", "well", "improve", "actions",
                  "opened_at", "closed_at", "version")  # fmt: skip
        read_only_fields = fields


class TextsView(IncidentApiView):
    """Every text that was saved, newest first."""

    def answer(self, request: Request, texts: Texts) -> Response:
        rows = texts.select_related("saved_by")
        page = keyset_page(rows, order=NEWEST, cursor=request.query_params.get("cursor"), size=page_size(request))
        return page_response(page, SavedTextSerializer)


class SectionTextsView(TextsView):
    """What stood in a section of a review: every text that was saved, newest first."""

    actions: Mapping[str, str] = {"GET": "incidents.review_view"}

    @extend_schema(operation_id="incidents_review_texts", parameters=PAGING, responses=SavedTextSerializer(many=True))
    def get(self, request: Request, number: int, key: str) -> Response:
        return self.answer(request, section_of(selectors.review_of(self.actor, number), key).texts.all())


class CauseTextsView(TextsView):
    """The cause chain of a review after each change to it, newest first."""

    actions: Mapping[str, str] = {"GET": "incidents.review_view"}

    @extend_schema(operation_id="incidents_cause_texts", parameters=PAGING, responses=SavedTextSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        return self.answer(request, selectors.review_of(self.actor, number).cause_texts.all())


class RetrospectiveTextsView(TextsView):
    """What was written in a retrospective: every text that was saved, newest first."""

    actions: Mapping[str, str] = {"GET": "incidents.retrospective_view"}

    @extend_schema(operation_id="retrospective_texts", parameters=PAGING, responses=SavedTextSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        row = retrospective_of(self.actor, pk)
        authorize(self.actor, "incidents.retrospective_view", row)
        return self.answer(request, row.texts.all())


class ProblemTextsView(TextsView):
    """What was written of a problem: every text that was saved, newest first."""

    actions: Mapping[str, str] = {"GET": "incidents.problem_view"}

    @extend_schema(operation_id="problem_texts", parameters=PAGING, responses=SavedTextSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        problem = problem_by_number(self.actor, number)
        authorize(self.actor, "incidents.problem_view", problem)
        return self.answer(request, problem.texts.all())


class RetrospectiveListView(IncidentApiView):
    """Retrospectives, tech talks and learnings, the latest days first."""

    actions: Mapping[str, str] = {"GET": "incidents.retrospective_view"}

    @extend_schema(operation_id="retrospectives_list", parameters=PAGING, responses=RetrospectiveSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows = Retrospective.objects.visible_to(self.actor).select_related("platform")
        cursor = request.query_params.get("cursor")
        page: Page[Retrospective] = keyset_page(rows, order=("-ends_on", "-pk"), cursor=cursor, size=page_size(request))
        return page_response(page, RetrospectiveSerializer)
