"""Plans nobody decided on in time lapse."""

from datetime import datetime
from functools import partial
from typing import Final

from opsportal.core.actor import system_actor
from opsportal.plans.models import Plan, PlanState
from opsportal.plans.services import plan_expire
from opsportal.schedule.loops import loop, settle

EXPIRY: Final = system_actor("plans.expiry")


@loop(name="plans.expiry", every=10)
def expiry(now: datetime) -> int:
    """Expire plans past their time that never ran."""
    late = Plan.objects.filter(state__in=[PlanState.AWAITING, PlanState.APPROVED], expires_at__lte=now)
    rows = late.order_by("expires_at", "pk")[:50]
    return sum(settle(partial(plan_expire, by=EXPIRY, at=now, plan=plan)) for plan in rows)
