"""ArgoCD's notifications, sent as `{"app": {{toJson .app}}}`: the operation that the application's status tells of."""

from collections.abc import Mapping
from typing import Any, Final

from monitoring.intake.alerts import line, mapping_of, object_of, table
from monitoring.intake.deployments.told import COMPLETED, FAILED, IN_PROGRESS, Told, state_of, told

_STATES: Final = {
    "running": IN_PROGRESS,
    "terminating": IN_PROGRESS,
    "succeeded": COMPLETED,
    "failed": FAILED,
    "error": FAILED,
}


def parse(body: bytes, headers: Mapping[str, str]) -> list[Told]:
    """Raises ParseError."""
    del headers
    message = object_of(body)
    app = mapping_of(message.get("app", message), "`app`")
    about, status = table(app.get("metadata")), table(app.get("status"))
    operation = mapping_of(status.get("operationState"), "`status.operationState`")
    revision = table(operation.get("syncResult")).get("revision") or table(status.get("sync")).get("revision")
    revision = line(revision, 12)
    version = _version(table(status.get("summary")).get("images"))
    namespace, name = about.get("namespace") or "argocd", about.get("name")
    return [
        told(
            # One operation of an application is known by when it began.
            identity=("argocd", namespace, name, operation.get("startedAt")),
            # The same image may go out with other settings: that is another revision, and no restart.
            label=f"{version} {revision}".strip(),
            state=state_of(operation.get("phase"), _STATES),
            at=operation.get("finishedAt") or operation.get("startedAt"),
            strategy=table(about.get("labels")).get("strategy"),
            is_rollback=table(about.get("annotations")).get("rollback") == "true",
            service=name,
            # A namespace is named after the application as often as after its environment.
            environment=table(about.get("labels")).get("environment"),
            detail=operation.get("message"),
            application=f"argocd:{line(namespace, 200)}:{line(name, 200)}:" if revision else "",
        )
    ]


def _version(images: Any) -> str:
    """The tag of the first image, or nothing."""
    first = line(images[0], 200) if isinstance(images, list) and images else ""
    return first.rpartition(":")[2] if ":" in first.rpartition("/")[2] else ""
