"""What pages read of plans."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.gate import allows
from opsportal.core.prepared import Read
from opsportal.knowledge.runbooks.step_kinds import Followed
from opsportal.plans.models import Approval, Plan, PlanQuerySet, PlanState


def plans(actor: Actor) -> PlanQuerySet:
    """What this person or token may know of, with the names to show."""
    return Plan.objects.visible_to(actor).select_related("platform", "requested_by")


_KINDS: Final = {
    PlanState.DONE: "ok",
    PlanState.FAILED: "fail",
    PlanState.REJECTED: "warn",
    PlanState.EXPIRED: "warn",
    PlanState.WITHDRAWN: "warn",
    PlanState.UNKNOWN: "unknown",
}
_CAME_TO_NOTHING: Final = (PlanState.REJECTED, PlanState.EXPIRED, PlanState.WITHDRAWN, PlanState.FAILED)


def plans_followed(urls: Collection[str]) -> dict[str, Followed]:
    """What became of the plans at these addresses, for a runbook's steps that asked for them; one query."""
    known = {url.strip("/").rpartition("/")[2]: url for url in urls if url.startswith(reverse("plans:plans"))}
    said = Approval.objects.filter(plan=OuterRef("pk")).order_by("-at", "-pk")
    rows = Plan.objects.filter(pk__in=[int(pk) for pk in known if pk.isascii() and pk.isdigit()])
    return {
        known[str(plan.pk)]: _followed(plan) for plan in rows.annotate(by=Subquery(said.values("by_user__name")[:1]))
    }


def _followed(plan: Any) -> Followed:
    """`Restart the tasks of shop-api: plan 969fff56 done 2026-11-18 07:37:12 UTC, approved by Ada`."""
    state = PlanState(plan.state)
    words = f"{plan.title}: plan {plan.short_hash} {state.label.lower()}"
    if state == PlanState.AWAITING:
        words = (
            f"{plan.title}: plan {plan.short_hash} waits until {stamp(plan.expires_at)} for another person's approval"
        )
    elif at := plan.finished_at or plan.started_at:
        words += f" {'since ' if plan.finished_at is None else ''}{stamp(at)}"
    if plan.by and state != PlanState.EXPIRED:
        words += f", by {plan.by}" if state == PlanState.REJECTED else f", approved by {plan.by}"
    words += f": {plan.error}" if plan.error else ""
    return Followed(_KINDS.get(state, "run"), words, may_ask=state in _CAME_TO_NOTHING)


class WaitingPlan(NamedTuple):
    """A plan that waits for a decision."""

    pk: int
    title: str
    expires_at: datetime


def awaiting_read(actor: Actor, at: datetime, platform_id: int | None) -> Read:
    """Plans this person may and could still decide on, of one platform or of all: rows of WaitingPlan."""
    decided = [pk for pk in actor.platform_ids if allows(actor, "plans.plan_decide", Plan(platform_id=pk))]
    return Read(_awaiting, {"at": at, "decided": decided, "platform_id": platform_id})


def _awaiting(actor: Actor, at: Any, decided: Any, platform_id: int | None) -> Any:
    """Not their own, not expired."""
    waiting = Plan.objects.visible_to(actor).of_platform(platform_id).filter(state=PlanState.AWAITING)
    waiting = waiting.filter(expires_at__gt=at, platform_id__in=decided).exclude(requested_by_id=actor.user_id)
    return waiting.order_by("expires_at", "pk").values_list(*WaitingPlan._fields)[:20]
