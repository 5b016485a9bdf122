"""AWS CodePipeline's *Pipeline Execution State Change*, as EventBridge hands it on."""

from collections.abc import Mapping
from typing import Final

from monitoring.intake.alerts import line, table
from monitoring.intake.deployments.codedeploy import event_of
from monitoring.intake.deployments.told import COMPLETED, FAILED, IN_PROGRESS, OVERTAKEN, Told, state_of, told

_KIND: Final = "CodePipeline Pipeline Execution State Change"
_SUPERSEDED: Final = "SUPERSEDED"  # a newer execution overtook it: it never went out
_STATES: Final = {
    "started": IN_PROGRESS,
    "resumed": IN_PROGRESS,
    "stopping": IN_PROGRESS,
    "succeeded": COMPLETED,
    "failed": FAILED,
    "stopped": FAILED,
    "superseded": OVERTAKEN,
}


def parse(body: bytes, headers: Mapping[str, str]) -> list[Told]:
    """Raises ParseError."""
    del headers
    event, detail = event_of(body, _KIND)
    trigger, mode = table(detail.get("execution-trigger")), line(detail.get("execution-type"), 20).upper()
    is_superseded = detail.get("state") == _SUPERSEDED
    return [
        told(
            identity=("codepipeline", event.get("region"), detail.get("execution-id")),
            label=f"{line(detail.get('pipeline'), 100)} {line(detail.get('execution-id'), 8)}",
            state=state_of(detail.get("state"), _STATES),
            at=event.get("time"),
            is_rollback=mode == "ROLLBACK",
            service=detail.get("pipeline"),
            detail="A newer execution overtook it." if is_superseded else trigger.get("trigger-detail"),
        )
    ]
