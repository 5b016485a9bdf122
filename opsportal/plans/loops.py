"""Plans nobody decided on in time lapse."""

from datetime import datetime

from opsportal.core.actor import system_actor
from opsportal.core.models import VersionConflictError
from opsportal.plans.models import Plan, PlanState
from opsportal.plans.services import plan_expire
from opsportal.schedule.loops import loop


@loop(name="plans.expiry", every=10)
def expiry(now: datetime) -> int:
    """Expire plans past their time that never ran."""
    late = Plan.objects.filter(state__in=[PlanState.AWAITING, PlanState.APPROVED], expires_at__lte=now)
    done = 0
    for plan in late.order_by("expires_at", "pk")[:50]:
        try:
            plan_expire(by=system_actor("plans.expiry"), at=now, plan=plan)
            done += 1
        except VersionConflictError:
            continue  # decided or expired by someone else in this moment
    return done
