"""What pages read of plans."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from opsportal.core.actor import Actor
from opsportal.plans.models import Plan, PlanState


def plans(actor: Actor) -> QuerySet[Plan]:
    return Plan.objects.visible_to(actor).select_related("platform", "requested_by")


def plans_awaiting(actor: Actor, at: datetime) -> Sequence[Plan]:
    """Plans this person could still decide on: not their own, not expired."""
    waiting = plans(actor).filter(state=PlanState.AWAITING, expires_at__gt=at)
    if actor.user_id is not None:
        waiting = waiting.exclude(requested_by_id=actor.user_id)
    return list(waiting.order_by("expires_at", "pk")[:20])
