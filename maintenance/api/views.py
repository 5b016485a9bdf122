"""`/api/v1/checklist-runs/`, `checklist-items/` and `windows/`: read lists, tick an item, see the windows."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from maintenance.api.serializers import ChecklistItemSerializer, ChecklistRunSerializer, WindowSerializer
from maintenance.models import ChecklistItem, OccurrenceState, RunState, WindowKind, WindowOccurrence
from maintenance.selectors import checklist_runs, run_items
from maintenance.services.checklists import ItemAnsweredError, item_tick
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.api import PAGING, ApiView, expected_version, page_response, page_size, row_response
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import Page, keyset_page

CHECKLIST_VIEW = "maintenance.checklist_view"
ITEM_ANSWER = "maintenance.item_answer"
WINDOW_VIEW = "maintenance.window_view"
_COMMON = [
    OpenApiParameter("platform", str, description="key of the platform"),
    *PAGING,
]
RUN_FILTERS = [*_COMMON, OpenApiParameter("state", str, enum=RunState.values)]
WINDOW_FILTERS = [
    *_COMMON,
    OpenApiParameter("state", str, enum=OccurrenceState.values),
    OpenApiParameter("kind", str, enum=WindowKind.values),
]


def _narrowed(request: Request, rows: QuerySet[Any], states: list[str]) -> QuerySet[Any]:
    params = request.query_params
    if params.get("platform"):
        rows = rows.filter(platform__key=params["platform"])
    return rows.filter(state=params["state"]) if params.get("state") in states else rows


class RunListView(ApiView):
    actions: Mapping[str, str] = {"GET": CHECKLIST_VIEW}
    serializer_class = ChecklistRunSerializer

    @extend_schema(
        operation_id="checklist_runs_list", parameters=RUN_FILTERS, responses=ChecklistRunSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Lists of the caller's platforms, newest slot first."""
        rows = _narrowed(request, checklist_runs(self.actor).select_related("template"), RunState.values)
        page: Page[Any] = keyset_page(
            rows, order=("-slot_at", "-id"), cursor=request.query_params.get("cursor"), size=page_size(request)
        )
        return page_response(page, ChecklistRunSerializer)


class RunDetailView(ApiView):
    actions: Mapping[str, str] = {"GET": CHECKLIST_VIEW}
    serializer_class = ChecklistRunSerializer

    @extend_schema(operation_id="checklist_runs_read")
    def get(self, request: Request, pk: int) -> Response:
        """One list with its items in order, each with its newest evidence."""
        del request
        run = permitted(self.actor, CHECKLIST_VIEW, checklist_runs(self.actor).select_related("template"), pk=pk)
        answer = row_response(run, ChecklistRunSerializer(run))
        answer.data["items"] = ChecklistItemSerializer(run_items(run), many=True).data
        return answer


class ItemApiView(ApiView):
    """Loads the item of the address, as far as the caller may know it."""

    def load(self, pk: int, action: str) -> ChecklistItem:
        items = ChecklistItem.objects.visible_to(self.actor).select_related("run", "answered_by", "evidence")
        return permitted(self.actor, action, items, pk=pk)


class ItemDetailView(ItemApiView):
    actions: Mapping[str, str] = {"GET": CHECKLIST_VIEW}
    serializer_class = ChecklistItemSerializer

    @extend_schema(operation_id="checklist_items_read")
    def get(self, request: Request, pk: int) -> Response:
        """One item, with its ETag."""
        del request
        item = self.load(pk, CHECKLIST_VIEW)
        return row_response(item, ChecklistItemSerializer(item))


class ItemTickView(ItemApiView):
    actions: Mapping[str, str] = {"POST": ITEM_ANSWER}
    serializer_class = ChecklistItemSerializer

    @extend_schema(operation_id="checklist_items_tick", request=None, responses=ChecklistItemSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Tick the item; needs `If-Match`. 409 names who was first; `Idempotency-Key` makes a resend harmless."""
        item = self.load(pk, ITEM_ANSWER)
        if item.state != "open":
            raise ItemAnsweredError(item)
        expected = expected_version(request, item)
        item_tick(by=self.actor, at=clock.now(), item=item, expected=expected)
        fresh = self.load(pk, ITEM_ANSWER)
        return row_response(fresh, ChecklistItemSerializer(fresh))


def window_rows(actor: Actor) -> QuerySet[WindowOccurrence]:
    """Windows and freezes that the actor may see, with what an answer says of them."""
    rows = WindowOccurrence.objects.visible_to(actor).select_related("window", "platform")
    found: QuerySet[WindowOccurrence] = rows.prefetch_related("window__services")
    return found


class WindowListView(ApiView):
    actions: Mapping[str, str] = {"GET": WINDOW_VIEW}
    serializer_class = WindowSerializer

    @extend_schema(operation_id="windows_list", parameters=WINDOW_FILTERS, responses=WindowSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Windows and freezes of the caller's platforms, latest start first; cancelled ones stay in it."""
        rows = window_rows(self.actor)
        if request.query_params.get("kind") in WindowKind.values:
            rows = rows.filter(window__kind=request.query_params["kind"])
        page: Page[Any] = keyset_page(
            _narrowed(request, rows, OccurrenceState.values),
            order=("-starts_at", "-id"),
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, WindowSerializer)


class WindowDetailView(ApiView):
    actions: Mapping[str, str] = {"GET": WINDOW_VIEW}
    serializer_class = WindowSerializer

    @extend_schema(operation_id="windows_read")
    def get(self, request: Request, pk: int) -> Response:
        """One window or freeze."""
        del request
        occurrence = get_object_or_404(window_rows(self.actor), pk=pk)
        return row_response(occurrence, WindowSerializer(occurrence))
