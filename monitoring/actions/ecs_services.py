"""Scale an ECS service, or restart its tasks one after the other."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from monitoring.actions.base import (
    Action,
    ActionForm,
    AwsCall,
    Drafted,
    Place,
    ResourceField,
    State,
    Wanted,
    place_of,
    read,
    register_call,
)
from monitoring.models import Resource, ResourceKind
from opsportal.aws import ecs
from opsportal.aws.errors import AwsRejectedError
from opsportal.core.formats import plural
from opsportal.plans.models import RiskClass
from opsportal.plans.services import PlanRefusedError

MOST_TASKS: Final = 100
MOST_AT_ONCE: Final = 4  # times as many as now: a slip of the finger is no plan


def _service(place: Place, request: Mapping[str, Any]) -> ecs.EcsService:
    found = ecs.service(place.reading, place.region, cluster=request["cluster"], name=request["service"])
    if found is None:
        raise AwsRejectedError(
            what=f"ecs:DescribeServices of {request['service']}",
            permission="ecs:DescribeServices",
            code="MISSING",
            detail="there is no such service",
        )
    return found


def _primary(service: ecs.EcsService) -> str:
    return next((row.identifier for row in service.deployments if row.status == "PRIMARY"), "")


def _tasks(place: Place, request: Mapping[str, Any]) -> State:
    found = _service(place, request)
    return {"status": found.status, "tasks wanted": found.desired}


def _deployment(place: Place, request: Mapping[str, Any]) -> State:
    found = _service(place, request)
    return {"status": found.status, "deployment": _primary(found)}


def _is_another(state: State, params: Mapping[str, Any]) -> bool:
    return bool(state["deployment"]) and state["deployment"] != params["expects"]["deployment"]


SCALE: Final = register_call(
    AwsCall(operation="ecs.scale", action="ecs:UpdateService", risk=RiskClass.ABSOLUTE, look=_tasks)
)
# Each force begins another rolling restart: AWS has no token that would make two of them one.
RESTART: Final = register_call(
    AwsCall(
        operation="ecs.restart",
        action="ecs:UpdateService",
        risk=RiskClass.ONE_SHOT,
        look=_deployment,
        reached=_is_another,
    )
)


class ServiceForm(ActionForm):
    """Which service."""

    target = ResourceField(ResourceKind.ECS_SERVICE, label="Service")


class ScaleForm(ServiceForm):
    """Which service, and how many tasks it shall have."""

    tasks = forms.IntegerField(min_value=1, max_value=MOST_TASKS, label="Tasks it shall have")


def _asked(resource: Resource) -> tuple[Place, dict[str, str], ecs.EcsService]:
    place = place_of(resource)
    cluster, _, name = resource.identifier.partition("/")
    request = {"cluster": cluster, "service": name}
    found: ecs.EcsService = read(place, lambda: _service(place, request), resource.identifier)
    if found.status != "ACTIVE":
        raise PlanRefusedError(f"{resource.identifier} is {found.status.lower()}, not active. Nothing was stored.")
    return place, request, found


def _scale(wanted: Wanted) -> Drafted:
    place, request, found = _asked(wanted.values["target"])
    tasks, now = int(wanted.values["tasks"]), found.desired
    if tasks == now:
        raise PlanRefusedError(f"{found.name} wants {plural(now, 'task')} already. Nothing was stored.")
    if tasks > max(MOST_AT_ONCE * now, MOST_AT_ONCE):
        most = max(MOST_AT_ONCE * now, MOST_AT_ONCE)
        raise PlanRefusedError(
            f"From {now} at most to {most} in one plan; {tasks} looks like a slip. Nothing was stored."
        )
    more = tasks - now
    cost = (
        f"{plural(more, 'task')} more are billed while they run"
        if more > 0
        else f"{plural(-more, 'task')} less are billed"
    )
    call = SCALE.planned(
        place,
        target=f"{found.cluster}/{found.name}",
        request={**request, "desiredCount": tasks},
        state={"status": found.status, "tasks wanted": now},
        wants={"tasks wanted": tasks},
        effect=f"{now} → {tasks} tasks; {found.running} run now",
    )
    return Drafted(
        f"Scale {found.name} from {now} to {tasks} tasks",
        f"ECS starts or stops tasks until {tasks} run; no version changes. Cost: {cost}.",
        [call],
    )


def _restart(wanted: Wanted) -> Drafted:
    place, request, found = _asked(wanted.values["target"])
    rolling = [row for row in found.deployments if row.rollout == "IN_PROGRESS"]
    if rolling:
        raise PlanRefusedError(f"A deployment of {found.name} is in progress: wait for its end. Nothing was stored.")
    call = RESTART.planned(
        place,
        target=f"{found.cluster}/{found.name}",
        request={**request, "forceNewDeployment": True},
        state={"status": found.status, "deployment": _primary(found)},
        wants={"deployment": "another one"},
        effect=f"replaces {plural(found.desired, 'task')} of the same version, a few at a time",
    )
    return Drafted(
        f"Restart the tasks of {found.name}",
        f"ECS replaces {plural(found.desired, 'task')} by new ones of the same version, healthy ones first; "
        "what only their memory holds is lost. Cost: a few task-minutes, while old and new ones run side by side.",
        [call],
    )


ACTIONS: Final = (
    Action(
        key="scale-service",
        label="Scale a service",
        does="Changes how many tasks an ECS service shall have; ECS starts or stops them.",
        form=ScaleForm,
        draft=_scale,
    ),
    Action(
        key="restart-tasks",
        label="Restart tasks",
        does="Replaces every task of an ECS service by a new one of the same version, a few at a time.",
        form=ServiceForm,
        draft=_restart,
    ),
)
