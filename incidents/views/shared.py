"""What the views of this room share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from incidents import selectors
from incidents.choices import ReviewState, StageChoice, StateChoice
from incidents.lifecycle import ORDER, Stage
from incidents.models import Incident
from incidents.selectors.beside import RoleHolder
from incidents.selectors.links import merged_into
from incidents.services.acts import acts_offered
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest
from opsportal.core.formats import hour
from opsportal.core.gate import allows, authorize

PANES: Final = {
    "situation": "Situation",
    "triage": "Triage",
    "runbook": "Runbook",
    "metrics": "Metrics",
    "changes": "Changes",
    "comms": "Comms",
    "related": "Related",
}


def load(request: AuthorizedRequest, number: int, action: str) -> Incident:
    """INC-`number` as this person may see it, for `action`. Raises HiddenError, DeniedError."""
    incident = selectors.incident_by_number(request.actor, number)
    authorize(request.actor, action, incident)
    return incident


def local_zone() -> str:
    """The person's zone, as accounts' middleware set it: times are typed and shown in it."""
    return timezone.get_current_timezone_name()


def steps(incident: Incident) -> list[dict[str, str]]:
    """The stepper: past stages with their time, the present one, those to come."""
    present = ORDER.index(Stage(incident.stage))
    shown = []
    for position, stage in enumerate(ORDER):
        entered = incident.stage_times.get(stage.value)
        at = hour(datetime.fromisoformat(entered)) if entered else ""
        # Who tells people before it is their turn has told them: its time stands there from the first update on.
        is_told = stage is Stage.COMMUNICATE and at != "" and position != present
        is_over = position < present or is_told or incident.state == StateChoice.CLOSED
        state = "current" if position == present and not is_over else "done" if is_over and at else "todo"
        notes = {"done": at, "current": f"since {at}" if at else "", "todo": "passed over" if is_over else ""}
        shown.append({"label": StageChoice(stage).label, "state": state, "note": notes[state]})
    return shown


def head_context(
    request: AuthorizedRequest, incident: Incident, now: datetime, roles: Sequence[RoleHolder] | None = None
) -> dict[str, Any]:
    """Header, stepper and clocks; `roles` when they are read already."""
    return {
        "incident": incident,
        "now": now,
        "steps": steps(incident),
        "clocks": selectors.clock_views(incident, now),
        "roles": selectors.role_holders(incident) if roles is None else roles,
        "can": acts_offered(request.actor, incident),
        "may_draft": allows(request.actor, "incidents.review_draft", incident),
        # `review` is joined by the selector: no query here.
        "has_review": hasattr(incident, "review"),
        "review_is_open": hasattr(incident, "review") and incident.review.state != ReviewState.PUBLISHED,
        "goes_on": merged_into(request.actor, incident),
        "problem": incident.problem_link.problem if hasattr(incident, "problem_link") else None,
    }


def now() -> datetime:
    """The clock, read at this edge."""
    return clock.now()
