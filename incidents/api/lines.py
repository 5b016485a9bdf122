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
from opsportal.core.api import CleanCharField, expected_version, row_response
from opsportal.core.gate import HiddenError, authorize
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
        serializer = TaskAddSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
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
    def patch(self, request: Request, number: int, pk: int) -> Response:
        """Done, or not done after all; needs `If-Match`."""
        incident = self.load(number, VIEW)
        rows = ResponseTask.objects.filter(incident=incident, pk=pk).select_related("owner", "entry")
        task: ResponseTask | None = rows.first()
        if task is None:
            raise HiddenError(TICK)
        task.incident = incident
        authorize(self.actor, TICK, task)
        expected = expected_version(request, task)
        serializer = TaskTickSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        done = serializer.validated_data["done"]
        task = task_tick(by=self.actor, at=clock.now(), task=task, expected=expected, done=done)
        return row_response(task, TaskSerializer(task))


class MarkView(IncidentApiView):
    """A line that is pinned, or has a tag: said twice it stays as it is."""

    actions: Mapping[str, str] = {"PUT": MARK, "DELETE": MARK}

    def _set(self, number: int, line: int, word: str | None, *, on: bool) -> Response:
        incident = self.load(number, VIEW)
        entry: TimelineEntry | None = TimelineEntry.objects.filter(incident=incident, number=line).first()
        if entry is None:
            raise HiddenError(MARK)
        entry.incident = incident
        authorize(self.actor, MARK, entry)
        if word is None:
            entry_pin(by=self.actor, at=clock.now(), entry=entry, on=on)
        else:
            entry_tag(by=self.actor, at=clock.now(), entry=entry, word=word, on=on)
        return Response(status=204)

    @extend_schema(operation_id="timeline_mark", request=None, responses={204: None})
    def put(self, request: Request, number: int, line: int, word: str | None = None) -> Response:
        """Put the mark there."""
        del request
        return self._set(number, line, word, on=True)

    @extend_schema(operation_id="timeline_unmark", responses={204: None})
    def delete(self, request: Request, number: int, line: int, word: str | None = None) -> Response:
        """Take it off."""
        del request
        return self._set(number, line, word, on=False)


urlpatterns: list[URLPattern] = [
    path("incidents/<int:number>/tasks/", TaskListView.as_view(), name="tasks"),
    path("incidents/<int:number>/tasks/<int:pk>/", TaskView.as_view(), name="task"),
    path("incidents/<int:number>/timeline/<int:line>/pin/", MarkView.as_view(), name="pin"),
    path("incidents/<int:number>/timeline/<int:line>/tags/<str:word>/", MarkView.as_view(), name="tag"),
]
