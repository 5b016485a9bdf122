"""The texts that a section of a review had."""

from collections.abc import Mapping

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import selectors
from incidents.api.base import IncidentApiView
from incidents.models import SectionText
from incidents.selectors.section_texts import NEWEST, section_of, texts_of
from opsportal.core.api import PAGING, page_response, page_size
from opsportal.core.pagination import keyset_page


class SectionTextSerializer(serializers.ModelSerializer[SectionText]):
    """A text as it was saved; `saved_by` is null of what was drafted from the record."""

    saved_by = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = SectionText
        fields = ("version", "body", "saved_by", "saved_at")
        read_only_fields = fields


class SectionTextsView(IncidentApiView):
    """What stood in a section of a review: every text that was saved, newest first."""

    actions: Mapping[str, str] = {"GET": "incidents.review_view"}

    @extend_schema(operation_id="incidents_review_texts", parameters=PAGING, responses=SectionTextSerializer(many=True))
    def get(self, request: Request, number: int, key: str) -> Response:
        section = section_of(selectors.review_of(self.actor, number), key)
        cursor = request.query_params.get("cursor")
        page = keyset_page(texts_of(section), order=NEWEST, cursor=cursor, size=page_size(request))
        return page_response(page, SectionTextSerializer)
