"""`/api/v1/runbook-runs/`: a runbook carried out. A run for an incident begins at `incidents/N/runbook-runs/`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.core import clock
from opsportal.core.api import ApiView, CleanCharField, expected_version, row_response, sent
from opsportal.core.gate import authorize, permitted
from opsportal.core.idempotency import idempotent
from opsportal.knowledge.api.runbooks import runbook_addressed
from opsportal.knowledge.models import RunbookRun, StepOutcome
from opsportal.knowledge.runbooks.text import StepKind
from opsportal.knowledge.selectors.runs import run_view
from opsportal.knowledge.services.runbooks import RunbookError
from opsportal.knowledge.services.runs import (
    MAX_OUTPUT,
    MAX_REASON,
    run_finish,
    run_start,
    run_take_over,
    step_ask,
    step_finish,
)

VIEW: Final = "knowledge.runbook_view"
RUN: Final = "knowledge.runbook_run"


class StepSerializer(serializers.Serializer[Any]):
    """One step of a run, and what became of it. `state` is done, chosen, skipped, failed, now, passed or todo."""

    number = serializers.IntegerField(source="step.number")
    title = serializers.CharField(source="step.title")
    kind = serializers.ChoiceField(source="step.kind", choices=[kind.value for kind in StepKind])
    state = serializers.CharField()
    output = serializers.CharField(source="last.output", default="")
    reason = serializers.CharField(source="last.reason", default="")
    choice = serializers.CharField(source="last.choice", default="")
    at = serializers.DateTimeField(source="last.at", default=None, allow_null=True)
    verdict = serializers.CharField(source="answer.verdict", default="")
    found = serializers.CharField(source="answer.summary", default="", help_text="what the portal found out")
    is_waiting = serializers.SerializerMethodField(help_text="the portal was asked and has not answered yet")

    def get_is_waiting(self, view: Any) -> bool:
        return view.waiting is not None


class RunSerializer(serializers.ModelSerializer[RunbookRun]):
    """A run with its steps."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    runbook = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    holder = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]
    text_version = serializers.IntegerField(source="text.number", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)
    steps = serializers.SerializerMethodField()

    class Meta:
        model = RunbookRun
        fields = ("id", "url", "platform", "runbook", "text_version", "is_practice", "subject", "state", "position",
                  "holder", "started_at", "finished_at", "end_reason", "needs_change", "wanted_change", "steps",
                  "version")  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, run: RunbookRun) -> Any:
        return StepSerializer(run_view(run).steps, many=True).data


class StepResultSerializer(serializers.Serializer[Any]):
    """What became of the present step. `asked` has the portal carry out a step that only reads."""

    step = serializers.IntegerField(min_value=1, max_value=100, help_text="the step you mean; another by now is 422")
    outcome = serializers.ChoiceField(choices=StepOutcome.choices)
    note = CleanCharField(
        max_length=MAX_OUTPUT,
        required=False,
        default="",
        allow_blank=True,
        help_text="output, or why skipped or failed",
    )
    choice = CleanCharField(
        max_length=80, required=False, default="", allow_blank=True, help_text="the anchor chosen in a decision"
    )


class FinishSerializer(serializers.Serializer[Any]):
    """Every step done: `needs_change`. Before that anybody who may carry it out may leave it: `reason`."""

    reason = CleanCharField(
        max_length=MAX_REASON,
        required=False,
        default="",
        allow_blank=True,
        help_text="why it ends before its last step",
    )
    needs_change = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="does the runbook need a change?"
    )
    wanted_change = CleanCharField(max_length=2000, required=False, default="", allow_blank=True)


class RunApiView(ApiView):
    """Loads the run of the address, and answers with it as it is after the act."""

    serializer_class = RunSerializer

    def load(self, pk: int, action: str) -> RunbookRun:
        rows = RunbookRun.objects.visible_to(self.actor)
        related = ("runbook__platform", "platform", "text", "holder", "started_by")
        return permitted(self.actor, action, rows.select_related(*related), pk=pk)

    def answer(self, pk: int, *, status: int = 200) -> Response:
        run = self.load(pk, VIEW)
        return row_response(run, RunSerializer(run), status=status)

    def act(self, request: Request, pk: int, do: Callable[[RunbookRun, int, datetime], object]) -> Response:
        """Do one thing under `If-Match`."""
        run = self.load(pk, RUN)
        expected = expected_version(request, run)
        do(run, expected, clock.now())
        return self.answer(pk)


class PracticeView(RunApiView):
    """A run outside incidents."""

    actions: Mapping[str, str] = {"POST": RUN}

    @extend_schema(operation_id="runbooks_practice", request=None, responses={201: RunSerializer})
    @idempotent
    def post(self, request: Request, platform: str, slug: str) -> Response:
        """Begin a run in practice."""
        del request
        runbook = runbook_addressed(self, platform, slug)
        authorize(self.actor, RUN, runbook)
        run = run_start(by=self.actor, at=clock.now(), runbook=runbook, is_practice=True)
        return self.answer(run.pk, status=201)


class RunView(RunApiView):
    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(operation_id="runbook_runs_read", responses=RunSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One run, with its ETag."""
        del request
        return self.answer(pk)


class StepView(RunApiView):
    actions: Mapping[str, str] = {"POST": RUN}

    @extend_schema(operation_id="runbook_runs_step", request=StepResultSerializer, responses=RunSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Close the present step, or have the portal carry it out; needs `If-Match`."""
        data = sent(request, StepResultSerializer)

        def do(run: RunbookRun, expected: int, at: datetime) -> None:
            step, outcome = data["step"], StepOutcome(data["outcome"])
            if outcome != StepOutcome.ASKED:
                step_finish(by=self.actor, at=at, run=run, expected=expected, step=step, outcome=outcome,
                            note=data["note"], choice=data["choice"])  # fmt: skip
                return
            present = run.text.parsed.step(run.position)
            if run.position != step:
                raise RunbookError("The run stands at another step by now; look at it again.")
            if present is not None and present.kind == StepKind.ACTION:
                raise RunbookError("An action is planned by a person, in the portal.")
            step_ask(by=self.actor, at=at, run=run, expected=expected)

        return self.act(request, pk, do)


class TakeOverView(RunApiView):
    actions: Mapping[str, str] = {"POST": RUN}

    @extend_schema(operation_id="runbook_runs_take_over", request=None, responses=RunSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Hold the run from now on; needs `If-Match`."""
        return self.act(
            request, pk, lambda run, expected, at: run_take_over(by=self.actor, at=at, run=run, expected=expected)
        )


class FinishView(RunApiView):
    actions: Mapping[str, str] = {"POST": RUN}

    @extend_schema(operation_id="runbook_runs_finish", request=FinishSerializer, responses=RunSerializer)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """End the run, or leave it before its end; needs `If-Match`."""
        data = sent(request, FinishSerializer)
        return self.act(
            request,
            pk,
            lambda run, expected, at: run_finish(by=self.actor, at=at, run=run, expected=expected, **data),
        )
