"""Carrying a runbook out in the browser: the run's page, and what is done in it."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse

from opsportal.core import clock
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import local_url, redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.knowledge.forms import EndForm, StepForm
from opsportal.knowledge.models import RunbookRun, StepOutcome
from opsportal.knowledge.selectors.runs import run_view
from opsportal.knowledge.services.runbooks import RunbookError
from opsportal.knowledge.services.runs import run_finish, run_start, run_take_over, step_ask, step_finish
from opsportal.knowledge.views.runbooks import RUN, VIEW, load

TEMPLATE: Final = "knowledge/runbook_run.html"
FASTER: Final = "Someone went on with this run a moment ago. It stands as shown; look, then send again."


def run_context(request: AuthorizedRequest, run: RunbookRun, *, error: str = "", note: str = "") -> dict[str, Any]:
    """What the run's part of a page needs, on its own page or inside another."""
    return {
        "view": run_view(run),
        "run": run,
        "may_run": allows(request.actor, RUN, run),
        "holds": run.holder_id == request.actor.user_id,
        "run_error": error,
        "note": note,
        # What was sent to end the run stays in the form that is shown again.
        "said": {name: clean_text(request.POST.get(name, ""))[:2000] if error else "" for name in EndForm.base_fields},
        "back": local_url(request, request.POST.get("next", ""), ""),
    }


def _load(request: AuthorizedRequest, pk: int, action: str) -> RunbookRun:
    rows = RunbookRun.objects.visible_to(request.actor)
    rows = rows.select_related("runbook__platform", "platform", "text", "holder", "started_by")
    return permitted(request.actor, action, rows, pk=pk)


@require_action(VIEW)
def runbook_run(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One run, live."""
    run = _load(request, pk, VIEW)
    return render_page(request, TEMPLATE, run_context(request, run), fragment="run")


@require_action(RUN, methods=WRITE)
@idempotent
def practice_start_action(request: AuthorizedRequest, platform: str, slug: str) -> HttpResponse:
    """Begin a run in practice, outside any incident."""
    runbook = load(request, platform, slug, RUN)
    try:
        run = run_start(by=request.actor, at=clock.now(), runbook=runbook, is_practice=True)
    except RunbookError as error:
        messages.error(request, str(error))
        return redirect_or_fragment(request, runbook.get_absolute_url())
    return redirect_or_fragment(request, run.get_absolute_url())


def _act(
    request: AuthorizedRequest, pk: int, do: Callable[[RunbookRun], RunbookRun | None], note: str = ""
) -> HttpResponse:
    """Do one thing to a run and answer with its part of the page, also when it was refused."""
    run = _load(request, pk, RUN)
    error, status = "", 200
    try:
        do(run)
    except RunbookError as refusal:
        error, status = str(refusal), 422
    except VersionConflictError:
        error, status = FASTER, 409
    fresh = _load(request, pk, VIEW)
    context = run_context(request, fresh, error=error, note=note if error else "")
    if error:
        return render_page(request, TEMPLATE, context, fragment="run", status=status)
    url = local_url(request, request.POST.get("next", ""), fresh.get_absolute_url())
    return redirect_or_fragment(request, url, template=TEMPLATE, fragment="run", context=context)


@require_action(RUN, methods=WRITE)
@idempotent
def step_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Close the present step, or have the portal carry it out."""
    form = StepForm(request.POST)

    def do(run: RunbookRun) -> RunbookRun | None:
        if not form.is_valid():
            raise RunbookError("Send the step, what became of it, and the version you looked at.")
        data = form.cleaned_data
        if data["outcome"] == StepOutcome.ASKED:
            step_ask(by=request.actor, at=clock.now(), run=run, expected=data["version"])
            return None
        return step_finish(
            by=request.actor,
            at=clock.now(),
            run=run,
            expected=data["version"],
            step=data["step"],
            outcome=StepOutcome(data["outcome"]),
            note=data["note"],
            choice=data["choice"],
        )

    return _act(request, pk, do, note=request.POST.get("note", "")[:20_000])


@require_action(RUN, methods=WRITE)
@idempotent
def run_take_over_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Hold the run from now on."""
    form = VersionedForm(request.POST)

    def do(run: RunbookRun) -> RunbookRun:
        if not form.is_valid():
            raise RunbookError("Send the version of the run you looked at.")
        return run_take_over(by=request.actor, at=clock.now(), run=run, expected=form.cleaned_data["version"])

    return _act(request, pk, do)


@require_action(RUN, methods=WRITE)
@idempotent
def run_finish_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """End the run, or leave it before its end; does the runbook need a change?"""
    form = EndForm(request.POST)

    def do(run: RunbookRun) -> RunbookRun:
        if not form.is_valid():
            raise RunbookError("Send the version of the run you looked at, and a reason of at most 300 characters.")
        data = form.cleaned_data
        return run_finish(
            by=request.actor,
            at=clock.now(),
            run=run,
            expected=data["version"],
            needs_change={"yes": True, "no": False}.get(data["needs_change"]),
            wanted_change=data["wanted_change"],
            reason=data["reason"],
        )

    return _act(request, pk, do)
