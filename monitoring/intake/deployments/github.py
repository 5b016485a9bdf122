"""GitHub's webhook `deployment_status`, signed by X-Hub-Signature-256. Other events of the same hook say nothing here.

`payload` of the deployment may hold `version`, `strategy` and `service`; a task that says rollback is one.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from monitoring.intake.alerts import line, mapping_of, object_of, table
from monitoring.intake.deployments.told import COMPLETED, FAILED, IN_PROGRESS, Told, state_of, told

EVENT: Final = "x-github-event"
SIGNATURE: Final = "x-hub-signature-256"
_STATES: Final = {
    "pending": IN_PROGRESS,
    "queued": IN_PROGRESS,
    "waiting": IN_PROGRESS,
    "in_progress": IN_PROGRESS,
    "success": COMPLETED,
    "failure": FAILED,
    "error": FAILED,
}
_REPLACED: Final = "inactive"  # a later one took its place: it tells of no outcome


def is_signed(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Whether the header is the HMAC-SHA-256 of this very body under the hook's secret."""
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), headers.get(SIGNATURE, "").encode("utf-8", "replace"))


def parse(body: bytes, headers: Mapping[str, str]) -> list[Told]:
    """Raises ParseError."""
    if headers.get(EVENT, "deployment_status") != "deployment_status":
        return []
    message = object_of(body)
    deployment = mapping_of(message.get("deployment"), "`deployment`")
    status = mapping_of(message.get("deployment_status"), "`deployment_status`")
    if status.get("state") == _REPLACED:
        return []
    more, repository = table(deployment.get("payload")), table(message.get("repository"))
    return [
        told(
            identity=("github", repository.get("full_name"), deployment.get("id")),
            label=more.get("version") or deployment.get("ref") or line(deployment.get("sha"), 12),
            state=state_of(status.get("state"), _STATES),
            at=status.get("created_at") or deployment.get("created_at"),
            strategy=more.get("strategy"),
            is_rollback="rollback" in line(deployment.get("task"), 60).lower(),
            service=more.get("service") or repository.get("name"),
            environment=deployment.get("environment"),
            detail=status.get("description") or deployment.get("description"),
            url=status.get("log_url") or status.get("target_url") or repository.get("html_url"),
        )
    ]
