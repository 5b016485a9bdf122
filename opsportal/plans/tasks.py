"""Carrying out an approved plan that waits for no window."""

from collections.abc import Mapping
from typing import Any

from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.plans.execution import plan_run
from opsportal.plans.models import Plan
from opsportal.plans.services import RUN_TASK, PlanRefusedError
from opsportal.schedule.services import RunClaim
from opsportal.schedule.tasks import PermanentTaskError, scheduled_task


def carry_out(claim: RunClaim) -> Mapping[str, Any]:
    """Run what is left of the plan; a lost worker's is gone on with."""
    plan = Plan.objects.get(pk=claim.args["plan"])
    try:
        return {"state": plan_run(by=system_actor("plans.worker"), clock=clock.now, plan=plan)}
    except PlanRefusedError as refusal:
        raise PermanentTaskError(str(refusal)) from refusal


run = scheduled_task(name=RUN_TASK, queue="jobs", time_limit=240)(carry_out)
