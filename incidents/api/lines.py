"""`/api/v1/incidents/N/tasks/`, and pins and tags of `/api/v1/incidents/N/timeline/LINE/`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import VIEW, IncidentApiView
from incidents.models import ResponseTask, TimelineEntry
from incidents.selectors.named import person_named
from incidents.services.marks import entry_pin, entry_tag
from incidents.services.tasks import task_add, task_tick
from opsportal.core import clock
from opsportal.core.api import CleanCharField, expected_version, row_response, sent
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent

MARK: Final = "incidents.entry_mark"
TICK: Final = "incidents.task_tick"


class TaskSerializer(serializers.ModelSerializer[ResponseTask]):
    """A response task; its line on the timeline has the number `line`."""

    owner = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]
    line = serializers.IntegerField(source="entry.number", read_only=True)

    class Meta:
        model = ResponseTask
        fields = ("id", "line", "title", "owner", "due_at", "done_at", "version")
        read_only_fields = fields


class TaskAddSerializer(serializers.Serializer[Any]):
    """What is to be done, by whom, within how many minutes."""

    title = CleanCharField(max_length=200)
    owner = serializers.EmailField(required=False, help_text="address of an active member")
    minutes = serializers.IntegerField(required=False, min_value=1, max_value=43_200)


class TaskTickSerializer(serializers.Serializer[Any]):
    done = serializers.BooleanField(default=True)


class TaskListView(IncidentApiView):
    """The tasks of one incident."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": "incidents.task_add"}

    @extend_schema(operation_id="tasks_list", responses=TaskSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        """In the order of asking, at most a hundred."""
        del request
        rows = ResponseTask.objects.filter(incident=self.load(number, VIEW)).select_related("owner", "entry")
        return Response({"results": TaskSerializer(rows.order_by("pk")[:100], many=True).data})

    @extend_schema(operation_id="tasks_add", request=TaskAddSerializer, responses={201: TaskSerializer})
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        """Ask for something; `Idempotency-Key` makes a resend harmless."""
        incident = self.load(number, "incidents.task_add")
        data = sent(request, TaskAddSerializer)
        owner_id = person_named(incident.platform_id, data["owner"], "owner") if data.get("owner") else None
        within = timedelta(minutes=data["minutes"]) if data.get("minutes") else None
        task = task_add(
            by=self.actor, at=clock.now(), incident=incident, title=data["title"], owner_id=owner_id, within=within
        )
        return row_response(task, TaskSerializer(task), status=201)


class TaskView(IncidentApiView):
    """One task."""

    actions: Mapping[str, str] = {"PATCH": TICK}

    @extend_schema(operation_id="tasks_tick", request=TaskTickSerializer, responses=TaskSerializer)
    @idempotent
    def patch(self, request: Request, number: int, pk: int) -> Response:
        """Done, or not done after all; needs `If-Match`."""
        incident = self.load(number, VIEW)
        task = permitted(self.actor, TICK, incident.tasks.select_related("owner", "entry"), pk=pk)
        expected = expected_version(request, task)
        done = sent(request, TaskTickSerializer)["done"]
        task = task_tick(by=self.actor, at=clock.now(), task=task, expected=expected, done=done)
        return row_response(task, TaskSerializer(task))


class _MarkView(IncidentApiView):
    """A mark on a line: said twice it stays as it is."""

    actions: Mapping[str, str] = {"PUT": MARK, "DELETE": MARK}

    def entry(self, number: int, line: int) -> TimelineEntry:
        incident = self.load(number, VIEW)
        return permitted(self.actor, MARK, incident.entries.all(), number=line)


class PinView(_MarkView):
    """A line that is pinned."""

    @extend_schema(operation_id="timeline_pin", request=None, responses={204: None})
    @idempotent
    def put(self, _request: Request, number: int, line: int) -> Response:
        """Pin it."""
        entry_pin(by=self.actor, at=clock.now(), entry=self.entry(number, line), on=True)
        return Response(status=204)

    @extend_schema(operation_id="timeline_unpin", responses={204: None})
    @idempotent
    def delete(self, _request: Request, number: int, line: int) -> Response:
        """Unpin it."""
        entry_pin(by=self.actor, at=clock.now(), entry=self.entry(number, line), on=False)
        return Response(status=204)


class TagView(_MarkView):
    """A line that has a tag."""

    @extend_schema(operation_id="timeline_tag", request=None, responses={204: None})
    @idempotent
    def put(self, _request: Request, number: int, line: int, word: str) -> Response:
        """Tag it with this word."""
        entry_tag(by=self.actor, at=clock.now(), entry=self.entry(number, line), word=word, on=True)
        return Response(status=204)

    @extend_schema(operation_id="timeline_untag", responses={204: None})
    @idempotent
    def delete(self, _request: Request, number: int, line: int, word: str) -> Response:
        """Take the tag off."""
        entry_tag(by=self.actor, at=clock.now(), entry=self.entry(number, line), word=word, on=False)
        return Response(status=204)


urlpatterns: list[URLPattern] = [
    path("incidents/<int:number>/tasks/", TaskListView.as_view(), name="tasks"),
    path("incidents/<int:number>/tasks/<int:pk>/", TaskView.as_view(), name="task"),
    path("incidents/<int:number>/timeline/<int:line>/pin/", PinView.as_view(), name="pin"),
    path("incidents/<int:number>/timeline/<int:line>/tags/<str:word>/", TagView.as_view(), name="tag"),
]
