"""Carrying a runbook out: by one holder at a time, step by step, every result kept."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.models import VersionConflictError
from opsportal.knowledge.models import (
    Runbook,
    RunbookRun,
    RunbookStepAnswer,
    RunbookStepRun,
    RunState,
    StepOutcome,
)
from opsportal.knowledge.runbooks.step_kinds import MAX_CELL, MAX_ROWS, StepAnswer, can_ask
from opsportal.knowledge.runbooks.text import Step, StepKind
from opsportal.knowledge.services.runbooks import RunbookError
from opsportal.knowledge.subjects import tell
from opsportal.schedule.services import run_request

MAX_OUTPUT: Final = 20_000
MAX_REASON: Final = 300  # what is longer is output: nothing is cut
_DID: Final = {StepOutcome.DONE: "did", StepOutcome.SKIPPED: "skipped", StepOutcome.FAILED: "failed at"}
ASK_TASK: Final = "knowledge.ask_step"


@transaction.atomic
def run_start(
    *,
    by: Actor,
    at: datetime,
    runbook: Runbook,
    is_practice: bool = False,
    subject: str = "",
    attach: Callable[[RunbookRun], None] | None = None,
) -> RunbookRun:
    """Begin a run of the runbook as it is now; `attach` links it to its subject before the audit's chain is locked.

    Raises RunbookError when the runbook is not written.
    """
    if runbook.current is None:
        raise RunbookError(f"{runbook.title} is not written yet: there is nothing to carry out.")
    run = RunbookRun.objects.create(
        platform_id=runbook.platform_id,
        runbook=runbook,
        text=runbook.current,
        is_practice=is_practice,
        subject=subject,
        step_since=at,
        started_by_id=by.user_id,
        started_at=at,
        holder_id=by.user_id,
    )
    if attach is not None:
        attach(run)
    _record(run, "started", by=by, at=at)
    return run


@transaction.atomic
def run_take_over(*, by: Actor, at: datetime, run: RunbookRun, expected: int) -> RunbookRun:
    """Hold the run from now on; of two at once one wins. Raises RunbookError, VersionConflictError."""
    current = _locked(run, expected=expected)
    if current.holder_id == by.user_id:
        return current
    current.update_versioned(expected=expected, holder_id=by.user_id)
    tell(current, f"took over the runbook {current.runbook.title}", by=by, at=at)
    _record(current, "taken_over", by=by, at=at)
    return current


@transaction.atomic
def step_ask(*, by: Actor, at: datetime, run: RunbookRun, expected: int) -> RunbookStepRun:
    """Have the worker carry out the present step, which asks. Asking while it waits changes nothing.

    Raises RunbookError, VersionConflictError.
    """
    current = _held(run, by=by, expected=expected)
    step = _present(current)
    if not can_ask(step):
        raise RunbookError("This step is done by hand; there is nothing to ask.")
    last = current.step_runs.filter(step=step.number).order_by("-attempt").select_related("answer").first()
    if last is not None and last.outcome == StepOutcome.ASKED and not hasattr(last, "answer"):
        return last
    asked = _step_run(current, step, StepOutcome.ASKED, by=by, at=at)
    run_request(
        key=f"runbook-step:{asked.pk}",
        task=ASK_TASK,
        at=at,
        queue="checks",
        args={"step_run": asked.pk},
        platform_id=current.platform_id,
    )
    _record(current, "step_asked", by=by, at=at, step=step.number)
    return asked


@transaction.atomic
def step_answered(*, by: Actor, at: datetime, asked: RunbookStepRun, answer: StepAnswer) -> RunbookStepAnswer:
    """Keep what was found; an answer that is there already stays."""
    run = RunbookRun.objects.select_for_update(of=("self",)).select_related("runbook", "text").get(pk=asked.run_id)
    known = RunbookStepAnswer.objects.filter(step_run=asked).first()
    if known is not None:
        return known
    kept = RunbookStepAnswer.objects.create(
        step_run=asked,
        verdict=answer.verdict,
        summary=answer.summary[:300],
        columns=[str(name)[:MAX_CELL] for name in answer.columns],
        rows=[[str(cell)[:MAX_CELL] for cell in row] for row in answer.rows[:MAX_ROWS]],
        url=answer.url[:200],
        fetched_at=answer.fetched_at,
        at=at,
    )
    step = run.text.parsed.step(asked.step)
    assert step is not None
    word = {"ok": "ok, ", "warn": "warning, ", "fail": "failed, ", "unknown": "could not check, "}
    tell(run, f"answered {_said(run, step)}: {word.get(answer.verdict, '')}{answer.summary}", by=by, at=at)
    _record(run, "step_answered", by=by, at=at, step=asked.step, verdict=answer.verdict)
    return kept


@transaction.atomic
def step_finish(
    *,
    by: Actor,
    at: datetime,
    run: RunbookRun,
    expected: int,
    step: int,
    outcome: StepOutcome,
    note: str = "",
    choice: str = "",
) -> RunbookRun:
    """Close the present step and go to the one that follows.

    `note` is pasted output, or why it was skipped or failed; `choice` the anchor chosen in a decision.
    Raises RunbookError, VersionConflictError.
    """
    current = _held(run, by=by, expected=expected)
    present = _present(current)
    if present.number != step:
        raise RunbookError("The run stands at another step by now; look at it again.")
    if outcome == StepOutcome.SKIPPED and not note.strip():
        raise RunbookError("Say why the step is skipped.")
    if len(note) > MAX_OUTPUT:
        raise RunbookError(f"Paste at most {MAX_OUTPUT:,} characters; keep the rest where it is and say where.")
    said = _chosen(present, outcome, choice)
    _step_run(current, present, outcome, by=by, at=at, note=note, choice=said)
    after = current.text.parsed.after(present.number, choice)
    current.update_versioned(expected=expected, position=after, step_since=at)
    did = f"chose “{said}” at" if said else _DID[outcome]
    tell(current, f"{did} {_said(current, present)}{_quoted(note)}", by=by, at=at)
    _record(current, "step_finished", by=by, at=at, step=step, outcome=str(outcome))
    return current


@transaction.atomic
def run_finish(
    *,
    by: Actor,
    at: datetime,
    run: RunbookRun,
    expected: int,
    needs_change: bool | None = None,
    wanted_change: str = "",
    reason: str = "",
) -> RunbookRun:
    """End the run and say whether the runbook needs a change.

    Before its last step whoever may carry it out may leave it there, with a reason: its holder may be gone. After that
    the last word is the holder's. Raises RunbookError, VersionConflictError.
    """
    current = _locked(run, expected=expected)
    if not current.is_through and not reason.strip():
        raise RunbookError("Say why the run ends before its last step.")
    if current.is_through:
        _check_holder(current, by)
        if needs_change is None:
            raise RunbookError("Say whether the runbook needs a change.")
    if needs_change and not wanted_change.strip():
        raise RunbookError("Say what should change in the runbook.")
    wanted = wanted_change.strip()[:2000] if needs_change else ""
    ended = _end(current, at=at, reason=reason, needs_change=needs_change, wanted_change=wanted)
    tell(current, ended + (f"; it needs a change: {wanted}" if wanted else ""), by=by, at=at)
    _record(current, "finished", by=by, at=at, state=str(current.state), needs_change=needs_change)
    return current


def runs_hold(runs: QuerySet[RunbookRun]) -> list[RunbookRun]:
    """Those of the runs that still go on, locked until the caller's transaction ends."""
    going_on = runs.filter(state=RunState.RUNNING).order_by("pk").select_for_update(of=("self",))
    return list(going_on.select_related("runbook", "text"))


def runs_leave(*, by: Actor, at: datetime, runs: Iterable[RunbookRun], reason: str) -> None:
    """End these held runs, because what they were for is over.

    `runs_left` writes their audit rows, once the caller has locked all that it will.
    """
    for run in runs:
        tell(run, _end(run, at=at, reason=reason), by=by, at=at)


def runs_left(runs: Iterable[RunbookRun], *, by: Actor, at: datetime) -> None:
    """The audit rows of what `runs_leave` ended."""
    for run in runs:
        _record(run, "left", by=by, at=at, state=str(run.state))


def _end(run: RunbookRun, *, at: datetime, reason: str, **answer: Any) -> str:
    """Close the locked row; the words for it."""
    steps, reason = len(run.text.parsed.steps), " ".join(reason.split())[:MAX_REASON]
    state = RunState.FINISHED if run.is_through else RunState.STOPPED
    why = "" if run.is_through else reason
    run.update_versioned(expected=run.version, state=state, finished_at=at, end_reason=why, **answer)
    if run.is_through:
        return f"finished the runbook {run.runbook.title}"
    return f"left the runbook {run.runbook.title} at step {run.position} of {steps}: {reason}"


def _locked(run: RunbookRun, *, expected: int) -> RunbookRun:
    rows = RunbookRun.objects.select_for_update(of=("self",)).select_related("runbook", "text", "holder")
    current: RunbookRun = rows.get(pk=run.pk)
    if current.version != expected:
        raise VersionConflictError(current)
    if not current.is_running:
        raise RunbookError("This run has ended; start another one.")
    return current


def _held(run: RunbookRun, *, by: Actor, expected: int) -> RunbookRun:
    current = _locked(run, expected=expected)
    _check_holder(current, by)
    return current


def _check_holder(run: RunbookRun, by: Actor) -> None:
    if run.holder_id != by.user_id:
        name = run.holder.name if run.holder else "Nobody"
        raise RunbookError(f"{name} holds this run: take it over first.")


def _present(run: RunbookRun) -> Step:
    step = run.text.parsed.step(run.position)
    if step is None:
        raise RunbookError("Every step is done; end the run.")
    return step


def _chosen(step: Step, outcome: StepOutcome, anchor: str) -> str:
    """The words of the choice that leads to `anchor`; "" when nothing is chosen. Raises RunbookError."""
    if step.kind == StepKind.DECISION and outcome in (StepOutcome.CHOSEN, StepOutcome.DONE):
        said = next((choice.text for choice in step.choices if choice.anchor == anchor), "")
        if not said:
            raise RunbookError("Choose one of the ways.")
        return said
    if anchor or outcome == StepOutcome.CHOSEN:
        raise RunbookError("There is nothing to choose in this step.")
    return ""


def _step_run(
    run: RunbookRun, step: Step, outcome: StepOutcome, *, by: Actor, at: datetime, note: str = "", choice: str = ""
) -> RunbookStepRun:
    is_reason = outcome in (StepOutcome.SKIPPED, StepOutcome.FAILED) and len(note.strip()) <= MAX_REASON
    last = run.step_runs.filter(step=step.number).order_by("-attempt").values_list("attempt", flat=True).first()
    return RunbookStepRun.objects.create(
        run=run,
        step=step.number,
        attempt=(last or 0) + 1,
        outcome=outcome,
        output="" if is_reason else note,
        reason=note.strip() if is_reason else "",
        choice=choice[:200],
        by_user_id=by.user_id,
        started_at=run.step_since,
        at=at,
    )


def _said(run: RunbookRun, step: Step) -> str:
    return f"step {step.number} of {len(run.text.parsed.steps)} of {run.runbook.title}, {step.title}"


def _quoted(note: str) -> str:
    """The first line of what was noted."""
    line = next((row.strip() for row in note.splitlines() if row.strip()), "")
    return f": {line[:200]}" if line else ""


def _record(run: RunbookRun, done: str, *, by: Actor, at: datetime, **data: Any) -> None:
    touch(f"runbook-run:{run.pk}", run.pk)
    record(
        by=by,
        at=at,
        verb=f"knowledge.runbook_run.{done}",
        obj_kind="runbook_run",
        obj_id=run.pk,
        platform_id=run.platform_id,
        data={"runbook": run.runbook_id, "is_practice": run.is_practice, **data},
    )
