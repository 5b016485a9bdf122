"""AWS CodeDeploy's *Deployment State-change Notification*, as EventBridge hands it on."""

from collections.abc import Mapping
from typing import Any, Final

from monitoring.intake.alerts import ParseError, line, object_of, table
from monitoring.intake.deployments.told import COMPLETED, FAILED, IN_PROGRESS, Told, state_of, told

_KIND: Final = "CodeDeploy Deployment State-change Notification"
_STATES: Final = {
    "start": IN_PROGRESS,
    "ready": IN_PROGRESS,
    "success": COMPLETED,
    "failure": FAILED,
    "stop": FAILED,
}


def event_of(body: bytes, kind: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The event and its detail. Raises ParseError for an event of another kind."""
    event = object_of(body)
    if event.get("detail-type") != kind:
        raise ParseError(f"This is no event “{kind}”.")
    return event, table(event.get("detail"))


def parse(body: bytes, headers: Mapping[str, str]) -> list[Told]:
    """Raises ParseError."""
    del headers
    event, detail = event_of(body, _KIND)
    group = line(detail.get("deploymentGroup"), 60)
    return [
        told(
            identity=("codedeploy", event.get("region"), detail.get("deploymentId")),
            label=f"{line(detail.get('application'), 60)} {line(detail.get('deploymentId'), 60)}",
            state=state_of(detail.get("state"), _STATES),
            at=event.get("time"),
            strategy="blue_green" if "blue" in group.lower() else "",
            service=detail.get("application"),
            detail=f"Group {group}." if group else "",
        )
    ]
