"""Plans nobody decided on in time lapse; a plan that nobody goes on with is unknown."""

from datetime import datetime
from functools import partial
from typing import Final

from opsportal.core.actor import system_actor
from opsportal.plans.models import Plan, PlanState
from opsportal.plans.services import plan_expire, plan_give_up, run_key
from opsportal.schedule.loops import loop, settle
from opsportal.schedule.models import Run

EXPIRY: Final = system_actor("plans.expiry")
LOST: Final = "The worker was lost, and its tries are used up."


@loop(name="plans.expiry", every=10)
def expiry(now: datetime) -> int:
    """Expire plans past their time that never ran."""
    late = Plan.objects.filter(state__in=[PlanState.AWAITING, PlanState.APPROVED], expires_at__lte=now)
    rows = late.order_by("expires_at", "pk")[:50]
    return sum(settle(partial(plan_expire, by=EXPIRY, at=now, plan=plan)) for plan in rows)


@loop(name="plans.lost", every=10)
def lost(now: datetime) -> int:
    """Give up plans that run without a window and without anybody who goes on with them."""
    running = Plan.objects.filter(state=PlanState.RUNNING, starts_after__isnull=True).order_by("started_at", "pk")[:50]
    plans = {run_key(plan): plan for plan in running}
    held = Run.objects.filter(key__in=plans).exclude(state__in=Run.ENDED).values_list("key", flat=True)
    left = plans.keys() - set(held)
    return sum(
        settle(partial(plan_give_up, by=EXPIRY, at=now, plan=plan, error=LOST))
        for key, plan in plans.items()
        if key in left
    )
