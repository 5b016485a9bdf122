"""What an incident's end takes with it: plans that wait are withdrawn, runbooks are left where they stand."""

from collections.abc import Callable
from datetime import datetime

from incidents.models import Incident
from opsportal.core.actor import Actor
from opsportal.knowledge.models import RunbookRun
from opsportal.knowledge.services.runs import runs_hold, runs_leave, runs_left
from opsportal.plans.services import plans_withdraw, plans_withdrawn


def work_end(incident: Incident, how: str, *, by: Actor, at: datetime) -> Callable[[], None]:
    """End what was asked for and begun on an incident that is over, each with a line; `how` it ended, such as closed.

    Inside the caller's transaction, which holds the incident and its review, before it writes to the timeline: who
    finishes a step or publishes holds their row while they wait for the timeline, so it is locked after all of them.
    Returns what writes the audit rows, for when the caller has locked all that it will.
    """
    runs = runs_hold(RunbookRun.objects.filter(incident_link__incident=incident))
    plans = plans_withdraw(by=by, at=at, subject=incident.reference, why=f"{incident.reference} was {how}")
    runs_leave(by=by, at=at, runs=runs, reason=f"the incident was {how}")

    def audit() -> None:
        plans_withdrawn(plans, by=by, at=at)
        runs_left(runs, by=by, at=at)

    return audit
