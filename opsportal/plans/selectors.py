"""What pages read of plans."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from opsportal.core.actor import Actor
from opsportal.core.gate import allows
from opsportal.plans.models import Plan, PlanState


def plans(actor: Actor) -> QuerySet[Plan]:
    return Plan.objects.visible_to(actor).select_related("platform", "requested_by")


def plans_awaiting(actor: Actor, at: datetime, platform_id: int | None = None) -> Sequence[Plan]:
    """Plans this person may and could still decide on: not their own, not expired; of one platform or of all."""
    waiting = plans(actor).filter(state=PlanState.AWAITING, expires_at__gt=at)
    if not actor.sees_all:
        decided = [pk for pk in actor.platform_ids if allows(actor, "plans.plan_decide", Plan(platform_id=pk))]
        waiting = waiting.filter(platform_id__in=decided)
    if platform_id is not None:
        waiting = waiting.filter(platform_id=platform_id)
    if actor.user_id is not None:
        waiting = waiting.exclude(requested_by_id=actor.user_id)
    return list(waiting.order_by("expires_at", "pk")[:20])
