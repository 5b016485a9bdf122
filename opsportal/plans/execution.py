"""Run an approved plan, one call after the other, each step committed before the next begins.

A crash between two commits leaves a call *running*. A call that may be repeated is then run again. A one-shot call is
never repeated: what is there now may prove that it was done; else its outcome is *unknown* until a person has looked.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from opsportal.audit.services import record
from opsportal.aws.acting import plan_acting
from opsportal.core.actor import Actor
from opsportal.core.faults import failpoint
from opsportal.core.live import touch
from opsportal.core.models import JSON
from opsportal.plans.models import CallState, Plan, PlanCall, PlanState, RiskClass
from opsportal.plans.services import PlanRefusedError
from opsportal.plans.subjects import tell
from opsportal.targets.database import plan_execution

Executor = Callable[[PlanCall], Mapping[str, JSON]]
# What is there now, if it proves that the call was made; None when it proves nothing.
ReadBack = Callable[[PlanCall], Mapping[str, JSON] | None]
_ENDED: Final = {
    PlanState.DONE: "carried out",
    PlanState.FAILED: "failed in",
    PlanState.UNKNOWN: "could not tell what became of",
}
_executors: dict[str, Executor] = {}
_read_backs: dict[str, ReadBack] = {}


class CallFailedError(Exception):
    """The call was refused or failed; the message is shown on the plan's page."""


class CallUnknownError(Exception):
    """The call was sent and nothing proves what became of it; the message is shown on the plan's page."""


def register_executor(operation: str, executor: Executor, read_back: ReadBack | None = None) -> None:
    """Say how an operation is carried out; the executor returns before and after values."""
    _executors[operation] = executor
    if read_back is not None:
        _read_backs[operation] = read_back


def plan_start(*, by: Actor, at: datetime, plan: Plan) -> None:
    """Move an approved plan to running. Raises PlanRefusedError outside its time or without approval."""
    if plan.state == PlanState.RUNNING:
        return  # resumed after a lost worker
    if plan.state != PlanState.APPROVED:
        raise PlanRefusedError(f"A plan that is {plan.get_state_display().lower()} does not run.")
    if plan.starts_after is not None and at < plan.starts_after:
        raise PlanRefusedError("The plan's window has not opened yet.")
    if at >= plan.expires_at:
        raise PlanRefusedError("The plan has expired.")
    with transaction.atomic():
        plan.update_versioned(expected=plan.version, state=PlanState.RUNNING, started_at=at)
        touch(f"plan:{plan.pk}", plan.pk)
        tell(plan, f"began plan {plan.short_hash}, {plan.title}", by=by, at=at)
        record(
            by=by,
            at=at,
            verb="plans.plan.started",
            obj_kind="plan",
            obj_id=plan.pk,
            platform_id=plan.platform_id,
            data={"hash": plan.content_hash},
        )


def plan_run(*, by: Actor, clock: Callable[[], datetime], plan: Plan) -> PlanState:
    """Start or resume the plan and run what is left of it; returns the state it ended in.

    `clock` is read per call, since a call may take minutes.
    """
    plan_start(by=by, at=clock(), plan=plan)
    for call in plan.calls.select_related("plan").order_by("position"):
        if call.state in (CallState.DONE, CallState.SKIPPED):
            continue
        if call.state == CallState.RUNNING and call.risk == RiskClass.ONE_SHOT:
            proof = _proof(call)
            if proof is not None:
                _finish_call(call, at=clock(), state=CallState.DONE, result={**proof, "proven": "read back"})
                continue
            why = f"{call.operation} was begun; the worker was lost before it was known to have ended."
            return _break_off(call, by=by, at=clock(), ends=(CallState.UNKNOWN, PlanState.UNKNOWN), why=why)
        try:
            _run_call(call, clock=clock)
        except CallFailedError as error:
            return _break_off(call, by=by, at=clock(), ends=(CallState.FAILED, PlanState.FAILED), why=str(error))
        except CallUnknownError as error:
            return _break_off(call, by=by, at=clock(), ends=(CallState.UNKNOWN, PlanState.UNKNOWN), why=str(error))
    return _finish_plan(plan, by=by, at=clock(), state=PlanState.DONE, error="")


def _found(plan: Plan) -> str:
    """What the calls of a plan that was carried out read back, for its line."""
    said = [call.read_back for call in plan.calls.order_by("position")]
    return "; ".join(words for words in said if words)[:400]


def _proof(call: PlanCall) -> Mapping[str, JSON] | None:
    read_back = _read_backs.get(call.operation)
    return read_back(call) if read_back is not None else None


@transaction.atomic
def _break_off(call: PlanCall, *, by: Actor, at: datetime, ends: tuple[CallState, PlanState], why: str) -> PlanState:
    """End call and plan together: a crash between the two would let the call run again."""
    _finish_call(call, at=at, state=ends[0], result={"error": why})
    return _finish_plan(call.plan, by=by, at=at, state=ends[1], error=why)


def _run_call(call: PlanCall, *, clock: Callable[[], datetime]) -> None:
    executor = _executors.get(call.operation)
    if executor is None:
        raise CallFailedError(f"This portal has no way to run {call.operation}.")
    if call.state == CallState.PENDING:
        call.update_versioned(expected=call.version, state=CallState.RUNNING, started_at=clock())
        touch(f"plan:{call.plan_id}", call.pk)
    else:
        call.was_begun = True
    failpoint("plans.before_call")
    with plan_execution(), plan_acting():
        result = dict(executor(call))
    failpoint("plans.after_call")
    _finish_call(call, at=clock(), state=CallState.DONE, result=result)


@transaction.atomic
def _finish_call(call: PlanCall, *, at: datetime, state: CallState, result: dict[str, JSON]) -> None:
    call.update_versioned(expected=call.version, state=state, finished_at=at, result=result)
    touch(f"plan:{call.plan_id}", call.pk)


@transaction.atomic
def _finish_plan(plan: Plan, *, by: Actor, at: datetime, state: PlanState, error: str) -> PlanState:
    plan.update_versioned(expected=plan.version, state=state, finished_at=at, error=error)
    touch(f"plan:{plan.pk}", plan.pk)
    touch("today", plan.pk)
    said = error or (_found(plan) if state == PlanState.DONE else "")
    tell(plan, f"{_ENDED[state]} plan {plan.short_hash}, {plan.title}{f': {said}' if said else ''}", by=by, at=at)
    record(
        by=by,
        at=at,
        verb=f"plans.plan.{state}",
        obj_kind="plan",
        obj_id=plan.pk,
        platform_id=plan.platform_id,
        data={"hash": plan.content_hash},
    )
    return state
