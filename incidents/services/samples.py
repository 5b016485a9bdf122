"""What is read from elsewhere for an incident: the newest error lines of its service."""

from datetime import datetime
from typing import Final

from incidents.models import Incident
from monitoring.evidence.logs import CHECK
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.notifications.services import is_muted
from opsportal.schedule.services import run_request

TASK: Final = "monitoring.run_check"
MINUTES: Final = 30


def log_sample_run(incident: Incident, at: datetime) -> bool:
    """Ask the worker for the lines; twice in a minute is once. False without a service, or while history is played."""
    if incident.service is None or is_muted():
        return False
    params = {"service": incident.service.key, "minutes": MINUTES}
    run_request(
        key=f"log-sample:{incident.pk}",
        task=TASK,
        queue="checks",
        at=at.replace(second=0, microsecond=0),
        args={"check": CHECK, "params": params, "topic": f"incident:{incident.pk}"},
        platform_id=incident.platform_id,
        max_attempts=2,
    )
    return True


def log_sample_request(*, by: Actor, at: datetime, incident: Incident) -> bool:
    """The same, asked for by a person."""
    is_asked = log_sample_run(incident, at)
    if is_asked:
        record(
            by=by,
            at=at,
            verb="incidents.log_sample.requested",
            obj_kind="incident",
            obj_id=incident.pk,
            platform_id=incident.platform_id,
        )
    return is_asked
