"""Any program's own report of a deployment as JSON, one or a list under `deployments`.

{"id", "version", "outcome": "in_progress|completed|failed|overtaken|rolled_back", "at", "type", "rollback", "service",
 "environment", "detail", "url"}: `id` and `outcome` are needed.
"""

from collections.abc import Mapping
from typing import Any, Final

from monitoring.intake.alerts import mapping_of, object_of, rows_of
from monitoring.intake.deployments.told import (
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    OVERTAKEN,
    ROLLED_BACK,
    Told,
    state_of,
    told,
)

_STATES: Final = {
    "started": IN_PROGRESS,
    "running": IN_PROGRESS,
    "in_progress": IN_PROGRESS,
    "completed": COMPLETED,
    "succeeded": COMPLETED,
    "success": COMPLETED,
    "failed": FAILED,
    "failure": FAILED,
    "overtaken": OVERTAKEN,
    "rolled_back": ROLLED_BACK,
}


def parse(body: bytes, headers: Mapping[str, str]) -> list[Told]:
    """Raises ParseError."""
    del headers
    message = object_of(body)
    rows = rows_of(message["deployments"], "`deployments`") if "deployments" in message else [message]
    return [_told(mapping_of(row, "A deployment")) for row in rows]


def _told(row: Mapping[str, Any]) -> Told:
    return told(
        identity=("own", row.get("id")),
        label=row.get("version"),
        state=state_of(row.get("outcome"), _STATES),
        at=row.get("at"),
        strategy=row.get("type"),
        is_rollback=row.get("rollback") is True,
        service=row.get("service"),
        environment=row.get("environment"),
        detail=row.get("detail"),
        url=row.get("url"),
    )
