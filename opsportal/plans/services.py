"""Write a plan down, have another person approve its exact content, or let it lapse."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from django.db import transaction

from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.live import touch
from opsportal.core.models import JSON
from opsportal.core.refusals import RefusedError
from opsportal.plans.models import Approval, Plan, PlanCall, PlanState, RiskClass, content_hash
from opsportal.plans.subjects import alone_refusal, find_subject, tell, tell_asked, tell_broken
from opsportal.platforms.models import Platform
from opsportal.schedule.services import run_request

RUN_TASK: Final = "plans.carry_out"


class PlanRefusedError(RefusedError):
    """The plan cannot take this step now; the message says why and that nothing changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCall:
    """One intended call, before it is a row."""

    operation: str
    target: str
    params: dict[str, JSON] = field(default_factory=dict)
    effect: str = ""
    risk: RiskClass = RiskClass.REPEATABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanDraft:
    """What an approver will read. `starts_after` and `expires_at` are aware UTC.

    Without `starts_after` it waits for no window: the worker begins as soon as it is approved.
    """

    kind: str
    title: str
    effect: str
    calls: Sequence[PlannedCall]
    starts_after: datetime | None
    expires_at: datetime
    subject: str = ""


@transaction.atomic
def plan_create(*, by: Actor, at: datetime, platform: Platform, draft: PlanDraft) -> Plan:
    """Store the plan with its hash, waiting for approval. Raises PlanRefusedError for a plan without calls."""
    if not draft.calls:
        raise PlanRefusedError("A plan needs at least one call; nothing was stored.")
    calls = [asdict(call) for call in draft.calls]
    plan = Plan.objects.create(
        platform=platform,
        kind=draft.kind,
        title=draft.title,
        subject=draft.subject,
        effect=draft.effect,
        content_hash=content_hash(asdict(draft) | {"platform": platform.key, "calls": calls}),
        requested_by_id=by.user_id,
        requested_at=at,
        starts_after=draft.starts_after,
        expires_at=draft.expires_at,
    )
    PlanCall.objects.bulk_create(PlanCall(plan=plan, position=n, **call) for n, call in enumerate(calls, start=1))
    touch("today", plan.pk)
    waits = f"another person must approve it until {stamp(plan.expires_at)}"
    tell(plan, f"requested {_said(plan)}; {waits}. {plan.effect}", by=by, at=at)
    tell_asked(plan, by=by, at=at)
    record(
        by=by,
        at=at,
        verb="plans.plan.requested",
        obj_kind="plan",
        obj_id=plan.pk,
        platform_id=platform.pk,
        data={"hash": plan.content_hash, "calls": len(calls)},
    )
    return plan


def _said(plan: Plan) -> str:
    return f"plan {plan.short_hash}, {plan.title}"


@transaction.atomic
def plan_decide(
    *, by: Actor, at: datetime, plan: Plan, verdict: Approval.Verdict, seen_hash: str, expected: int, reason: str = ""
) -> Approval:
    """Approve or reject the plan whose hash the person saw.

    Raises PlanRefusedError when the person asked for it themselves, showed no second factor, the plan lapsed, what it
    is for has ended or its content is not what was seen; VersionConflictError when someone decided first.
    """
    user_id = _person(by)
    if user_id == plan.requested_by_id:
        raise PlanRefusedError("Another person must decide on your plan; nothing was changed.")
    approval = _decide(plan, user_id, by, at, seen_hash=seen_hash, expected=expected, verdict=verdict, reason=reason)
    word = f"{verdict} {_said(plan)}" + (f": {reason}" if reason else "")
    tell(plan, word, by=by, at=at)
    _decided(plan, by=by, at=at, done=str(verdict))
    return approval


@transaction.atomic
def plan_break_glass(*, by: Actor, at: datetime, plan: Plan, seen_hash: str, expected: int, reason: str) -> Approval:
    """Approve one's own plan alone, because nobody else is there and waiting does harm; reviewed within 72 h.

    Raises PlanRefusedError unless the person commands an open incident of the highest severity, says why, and asked
    for the plan; VersionConflictError when someone decided first.
    """
    user_id = _person(by)
    if user_id != plan.requested_by_id:
        raise PlanRefusedError("This plan is another person's: approve it as usual. Nothing was changed.")
    if not reason.strip():
        raise PlanRefusedError("Say why nobody else can approve it in time; nothing was changed.")
    refusal = alone_refusal(by, plan)
    if refusal:
        raise PlanRefusedError(f"{refusal} Nothing was changed.")
    approved = Approval.Verdict.APPROVED
    approval = _decide(
        plan, user_id, by, at, seen_hash=seen_hash, expected=expected, verdict=approved, reason=reason, alone=True
    )
    tell_broken(plan, reason.strip(), by=by, at=at)
    _decided(plan, by=by, at=at, done="broke_glass", approval=approval.pk)
    return approval


def _person(by: Actor) -> int:
    """Who decides. Raises PlanRefusedError."""
    if by.kind != "user" or by.user_id is None or by.mfa_at is None:
        raise PlanRefusedError("Only a person who has shown a second factor decides on plans; nothing was changed.")
    return by.user_id


def _decide(  # noqa: PLR0913 - one row, its fields by name
    plan: Plan,
    user_id: int,
    by: Actor,
    at: datetime,
    *,
    seen_hash: str,
    expected: int,
    verdict: Approval.Verdict,
    reason: str,
    alone: bool = False,
) -> Approval:
    """Store the word on the plan; one that waits for no window is handed to the worker in the same transaction."""
    assert by.mfa_at is not None
    if plan.state != PlanState.AWAITING:
        raise PlanRefusedError(f"This plan is already {plan.get_state_display().lower()}; nothing was changed.")
    if at >= plan.expires_at:
        raise PlanRefusedError("This plan has expired: request it anew. Nothing was changed.")
    if seen_hash != plan.content_hash:
        raise PlanRefusedError("The plan you read is not the plan stored: reload it. Nothing was changed.")
    state = PlanState.APPROVED if verdict == Approval.Verdict.APPROVED else PlanState.REJECTED
    subject = find_subject(by, plan.subject)
    if state == PlanState.APPROVED and subject is not None and not subject.is_open:
        raise PlanRefusedError(f"{subject.name} is closed: reopen it and ask for the plan anew. Nothing was changed.")
    plan.update_versioned(expected=expected, state=state)
    approval = Approval.objects.create(
        plan=plan,
        content_hash=plan.content_hash,
        verdict=verdict,
        reason=reason,
        by_user_id=user_id,
        at=at,
        mfa_at=by.mfa_at,
        is_break_glass=alone,
    )
    if state == PlanState.APPROVED and plan.starts_after is None:
        run_request(
            key=run_key(plan), task=RUN_TASK, queue="jobs", at=at, args={"plan": plan.pk}, platform_id=plan.platform_id
        )
    return approval


def run_key(plan: Plan) -> str:
    """The plan's entry in the run ledger."""
    return f"plan-run:{plan.pk}"


def _decided(plan: Plan, *, by: Actor, at: datetime, done: str, **data: JSON) -> None:
    touch(f"plan:{plan.pk}", plan.pk)
    touch("today", plan.pk)
    _record(plan, done, by=by, at=at, hash=plan.content_hash, **data)


def _record(plan: Plan, done: str, *, by: Actor, at: datetime, **data: JSON) -> None:
    record(
        by=by,
        at=at,
        verb=f"plans.plan.{done}",
        obj_kind="plan",
        obj_id=plan.pk,
        platform_id=plan.platform_id,
        data=data,
    )


@transaction.atomic
def plan_expire(*, by: Actor, at: datetime, plan: Plan) -> None:
    """Let a plan lapse whose time has passed without its run."""
    plan.update_versioned(expected=plan.version, state=PlanState.EXPIRED, finished_at=at)
    touch(f"plan:{plan.pk}", plan.pk)
    tell(plan, f"let {_said(plan)} expire: nobody approved it and began it in time. Nothing was done", by=by, at=at)
    _record(plan, "expired", by=by, at=at)


def plans_withdraw(*, by: Actor, at: datetime, subject: str, why: str) -> list[Plan]:
    """Take back what was asked for on this subject and has not begun, because what it was for is over.

    Inside the caller's transaction, which holds what else it will: this locks the plans, then writes to the timeline.
    `plans_withdrawn` writes the audit rows. A plan that runs goes on: half of it undone may do more harm.
    """
    waiting = Plan.objects.filter(subject=subject, state__in=[PlanState.AWAITING, PlanState.APPROVED]).order_by("pk")
    found = list(waiting.select_for_update(of=("self",), no_key=True))
    for plan in found:
        error = f"{why} by {by.name}"
        plan.update_versioned(expected=plan.version, state=PlanState.WITHDRAWN, finished_at=at, error=error)
        touch(f"plan:{plan.pk}", plan.pk)
        touch("today", plan.pk)
    for plan in found:
        tell(plan, f"withdrew {_said(plan)}: {why}. Nothing of it was done", by=by, at=at)
    return found


def plans_withdrawn(plans: Iterable[Plan], *, by: Actor, at: datetime) -> None:
    """The audit rows of what `plans_withdraw` took back."""
    for plan in plans:
        _record(plan, "withdrawn", by=by, at=at)


@transaction.atomic
def plan_give_up(*, by: Actor, at: datetime, plan: Plan, error: str) -> None:
    """Nobody goes on with a plan that runs: what it did is unknown until a person has looked."""
    plan.update_versioned(expected=plan.version, state=PlanState.UNKNOWN, finished_at=at, error=error)
    touch(f"plan:{plan.pk}", plan.pk)
    touch("today", plan.pk)
    tell(plan, f"could not tell what became of {_said(plan)}: {error} Look before you act again", by=by, at=at)
    _record(plan, "unknown", by=by, at=at)
