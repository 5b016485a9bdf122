"""Write a plan down, have another person approve its exact content, or let it lapse."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import transaction

from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.models import JSON
from opsportal.plans.models import Approval, Plan, PlanCall, PlanState, RiskClass, content_hash
from opsportal.platforms.models import Platform


class PlanRefusedError(Exception):
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
    """What an approver will read. `starts_after` and `expires_at` are aware UTC."""

    kind: str
    title: str
    effect: str
    calls: Sequence[PlannedCall]
    starts_after: datetime | None
    expires_at: datetime


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
        effect=draft.effect,
        content_hash=content_hash(asdict(draft) | {"platform": platform.key, "calls": calls}),
        requested_by_id=by.user_id,
        requested_at=at,
        starts_after=draft.starts_after,
        expires_at=draft.expires_at,
    )
    PlanCall.objects.bulk_create(PlanCall(plan=plan, position=n, **call) for n, call in enumerate(calls, start=1))
    touch("today", plan.pk)
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


@transaction.atomic
def plan_decide(
    *, by: Actor, at: datetime, plan: Plan, verdict: Approval.Verdict, seen_hash: str, expected: int, reason: str = ""
) -> Approval:
    """Approve or reject the plan whose hash the person saw.

    Raises PlanRefusedError when the person asked for it themselves, showed no second factor, the plan lapsed or
    its content is not what was seen; VersionConflictError when someone decided first.
    """
    if by.kind != "user" or by.user_id is None or by.mfa_at is None:
        raise PlanRefusedError("Only a person who has shown a second factor decides on plans; nothing was changed.")
    if by.user_id == plan.requested_by_id:
        raise PlanRefusedError("Another person must decide on your plan; nothing was changed.")
    if plan.state != PlanState.AWAITING:
        raise PlanRefusedError(f"This plan is already {plan.get_state_display().lower()}; nothing was changed.")
    if at >= plan.expires_at:
        raise PlanRefusedError("This plan has expired: request it anew. Nothing was changed.")
    if seen_hash != plan.content_hash:
        raise PlanRefusedError("The plan you read is not the plan stored: reload it. Nothing was changed.")
    state = PlanState.APPROVED if verdict == Approval.Verdict.APPROVED else PlanState.REJECTED
    plan.update_versioned(expected=expected, state=state)
    approval = Approval.objects.create(
        plan=plan,
        content_hash=plan.content_hash,
        verdict=verdict,
        reason=reason,
        by_user_id=by.user_id,
        at=at,
        mfa_at=by.mfa_at,
    )
    touch(f"plan:{plan.pk}", approval.pk)
    touch("today", plan.pk)
    record(
        by=by,
        at=at,
        verb=f"plans.plan.{verdict}",
        obj_kind="plan",
        obj_id=plan.pk,
        platform_id=plan.platform_id,
        data={"hash": plan.content_hash},
    )
    return approval


@transaction.atomic
def plan_expire(*, by: Actor, at: datetime, plan: Plan) -> None:
    """Let a plan lapse whose time has passed without its run."""
    plan.update_versioned(expected=plan.version, state=PlanState.EXPIRED, finished_at=at)
    touch(f"plan:{plan.pk}", plan.pk)
    record(
        by=by, at=at, verb="plans.plan.expired", obj_kind="plan", obj_id=plan.pk, platform_id=plan.platform_id, data={}
    )


@transaction.atomic
def plan_give_up(*, by: Actor, at: datetime, plan: Plan, error: str) -> None:
    """Nobody goes on with a plan that runs: what it did is unknown until a person has looked."""
    plan.update_versioned(expected=plan.version, state=PlanState.UNKNOWN, finished_at=at, error=error)
    touch(f"plan:{plan.pk}", plan.pk)
    touch("today", plan.pk)
    record(
        by=by, at=at, verb="plans.plan.unknown", obj_kind="plan", obj_id=plan.pk, platform_id=plan.platform_id, data={}
    )
