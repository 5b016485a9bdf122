"""GitLab's webhook *Deployment events*, known by the token in X-Gitlab-Token."""

from collections.abc import Mapping
from typing import Final

from monitoring.intake.alerts import line, object_of, table
from monitoring.intake.deployments.told import COMPLETED, FAILED, IN_PROGRESS, Told, state_of, told

TOKEN: Final = "x-gitlab-token"  # noqa: S105 - the name of a header
_STATES: Final = {
    "created": IN_PROGRESS,
    "blocked": IN_PROGRESS,
    "running": IN_PROGRESS,
    "success": COMPLETED,
    "failed": FAILED,
    "canceled": FAILED,
}


def parse(body: bytes, headers: Mapping[str, str]) -> list[Told]:
    """Raises ParseError."""
    del headers
    message = object_of(body)
    if message.get("object_kind") != "deployment":
        return []
    project = table(message.get("project"))
    return [
        told(
            identity=("gitlab", project.get("path_with_namespace"), message.get("deployment_id")),
            label=message.get("ref") or message.get("short_sha"),
            state=state_of(message.get("status"), _STATES),
            at=line(message.get("status_changed_at"), 40)
            .replace(" +", "+")
            .replace(" -", "-"),  # its own way of ISO 8601
            service=project.get("name"),
            environment=message.get("environment"),
            detail=message.get("commit_title"),
            url=message.get("deployable_url"),
        )
    ]
