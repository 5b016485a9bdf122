"""What pages read of plans."""

from datetime import datetime
from typing import Any, NamedTuple

from opsportal.core.actor import Actor
from opsportal.core.gate import allows
from opsportal.core.prepared import Read
from opsportal.plans.models import Plan, PlanQuerySet, PlanState


def plans(actor: Actor) -> PlanQuerySet:
    """What this person or token may know of, with the names to show."""
    return Plan.objects.visible_to(actor).select_related("platform", "requested_by")


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
