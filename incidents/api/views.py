"""`/api/v1/incidents/…`: list, declare, read, describe, and the timeline."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import selectors
from incidents.api.base import VIEW, IncidentApiView
from incidents.api.serializers import (
    EntrySerializer,
    IncidentDeclareSerializer,
    IncidentDescribeSerializer,
    IncidentSerializer,
)
from incidents.models import TimelineEntry
from incidents.selectors import IncidentFilter
from incidents.selectors.detail import ENTRY_COLUMNS, EntryView
from incidents.services import entry_log, incident_declare, incident_describe
from incidents.services.declare import declaration_of
from opsportal.core import clock
from opsportal.core.api import (
    PAGING,
    UnprocessableError,
    expected_version,
    page_response,
    page_size,
    row_response,
    sent,
)
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import Page, keyset_page
from opsportal.platforms.models import Platform

FILTERS = [
    OpenApiParameter("platform", str, description="key of the platform"),
    OpenApiParameter("state", str, enum=["open", "resolved", "closed"]),
    *PAGING,
]


class IncidentListView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": "incidents.incident_declare"}
    serializer_class = IncidentSerializer

    @extend_schema(operation_id="incidents_list", parameters=FILTERS, responses=IncidentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Incidents the caller may see, newest first."""
        params = request.query_params
        platform = Platform.objects.visible_to(self.actor).filter(key=params.get("platform", "")).first()
        if params.get("platform") and platform is None:
            return page_response(Page([], None, None), IncidentSerializer)
        asked = IncidentFilter(
            platform_id=platform.pk if platform else None,
            state=params.get("state", "") if params.get("state", "") in ("open", "resolved", "closed") else "",
        )
        rows = selectors.filtered(self.actor, asked, now=clock.now())
        page: Page[Any] = keyset_page(
            rows.select_related("platform", "service", "severity", "commander"),
            order=("-number",),
            cursor=params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, IncidentSerializer)

    @extend_schema(
        operation_id="incidents_declare", request=IncidentDeclareSerializer, responses={201: IncidentSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Declare an incident; `Idempotency-Key` makes a resend harmless.

        With `external_source` and `external_id`, the same ones again answer 200 with the incident that exists.
        """
        said = sent(request, IncidentDeclareSerializer)
        declaration = declaration_of(self.actor, **said)
        at = clock.now()
        incident = incident_declare(by=self.actor, at=at, declaration=declaration)
        if not incident.is_visible_to(self.actor):
            raise UnprocessableError("This external id is taken.")
        is_new = incident.declared_at == at
        return row_response(incident, IncidentSerializer(incident), status=201 if is_new else 200)


class IncidentDetailView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": "incidents.incident_describe"}
    serializer_class = IncidentSerializer

    @extend_schema(operation_id="incidents_read")
    def get(self, request: Request, number: int) -> Response:
        """One incident, with its ETag."""
        del request
        incident = self.load(number, VIEW)
        return row_response(incident, IncidentSerializer(incident))

    @extend_schema(operation_id="incidents_describe", request=IncidentDescribeSerializer)
    @idempotent
    def patch(self, request: Request, number: int) -> Response:
        """Change texts of the record; needs `If-Match`."""
        incident = self.load(number, "incidents.incident_describe")
        expected = expected_version(request, incident)
        said = sent(request, IncidentDescribeSerializer, partial=True)
        incident_describe(
            by=self.actor,
            at=clock.now(),
            incident=incident,
            expected=expected,
            changes=said,
        )
        fresh = self.load(number, VIEW)
        return row_response(fresh, IncidentSerializer(fresh))


class TimelineView(IncidentApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": "incidents.entry_log"}
    serializer_class = EntrySerializer

    @extend_schema(operation_id="incidents_timeline_list", parameters=PAGING, responses=EntrySerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        """The timeline in the order it was recorded."""
        incident = self.load(number, VIEW)
        rows = TimelineEntry.objects.filter(incident=incident).values_list(*ENTRY_COLUMNS, named=True)
        page: Page[Any] = keyset_page(
            rows, order=("number",), cursor=request.query_params.get("cursor"), size=page_size(request)
        )
        shown = Page([EntryView(*row) for row in page.rows], page.next_cursor, page.previous_cursor)  # type: ignore[type-var]
        return page_response(shown, EntrySerializer)

    @extend_schema(operation_id="incidents_timeline_add", responses={201: EntrySerializer})
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        """Log a line; `Idempotency-Key` makes a resend harmless."""
        incident = self.load(number, "incidents.entry_log")
        data = sent(request, EntrySerializer)
        entry = entry_log(
            by=self.actor,
            at=clock.now(),
            incident=incident,
            body=data["body"],
            kind=data["kind"],
            occurred_at=data["occurred_at"],
        )
        row = TimelineEntry.objects.filter(Q(pk=entry.pk)).values_list(*ENTRY_COLUMNS).get()
        return Response(EntrySerializer(EntryView(*row)).data, status=201)
