"""ECS: services, how many tasks they want and have, and their deployments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ServiceTypeDef

SERVICES_PER_REQUEST: Final = 10


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a service.

    `status` is PRIMARY, ACTIVE or INACTIVE; `rollout` is COMPLETED, IN_PROGRESS or FAILED.
    """

    identifier: str
    status: str
    rollout: str
    rollout_reason: str
    task_definition: str
    desired: int
    running: int
    failed: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One line of the service's own log in ECS."""

    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class EcsService:
    """A service of a cluster; the counts are tasks."""

    cluster: str
    name: str
    arn: str
    status: str
    task_definition: str
    desired: int
    running: int
    pending: int
    deployments: tuple[Deployment, ...]
    events: tuple[ServiceEvent, ...]


def services(account: AwsAccount, region: str) -> list[EcsService]:
    """Return every service of every cluster of the region, by cluster and name."""
    ecs = client(account, "ecs", region)
    found: list[EcsService] = []
    with guard(account, region, "ecs:ListClusters"):
        clusters = [arn for page in ecs.get_paginator("list_clusters").paginate() for arn in page["clusterArns"]]
    for cluster in clusters:
        with guard(account, region, "ecs:ListServices"):
            pages = ecs.get_paginator("list_services").paginate(cluster=cluster)
            arns = [arn for page in pages for arn in page["serviceArns"]]
        for first in range(0, len(arns), SERVICES_PER_REQUEST):
            with guard(account, region, "ecs:DescribeServices"):
                answer = ecs.describe_services(cluster=cluster, services=arns[first : first + SERVICES_PER_REQUEST])
            found.extend(_service(item) for item in answer["services"])
    return sorted(found, key=lambda service: (service.cluster, service.name))


def service(account: AwsAccount, region: str, *, cluster: str, name: str) -> EcsService | None:
    """Return one service; None when the cluster has none of that name."""
    with guard(account, region, "ecs:DescribeServices"):
        answer = client(account, "ecs", region).describe_services(cluster=cluster, services=[name])
    return next((_service(item) for item in answer["services"]), None)


def log_groups(account: AwsAccount, region: str, task_definition: str) -> list[str]:
    """Return the CloudWatch log groups that the containers of a task definition write to."""
    with guard(account, region, "ecs:DescribeTaskDefinition"):
        answer = client(account, "ecs", region).describe_task_definition(taskDefinition=task_definition)
    found = [
        container.get("logConfiguration", {}).get("options", {}).get("awslogs-group", "")
        for container in answer["taskDefinition"].get("containerDefinitions", [])
    ]
    return sorted({name for name in found if name})


def _service(item: ServiceTypeDef) -> EcsService:
    return EcsService(
        cluster=item.get("clusterArn", "").rpartition("/")[2],
        name=item["serviceName"],
        arn=item["serviceArn"],
        status=item.get("status", ""),
        task_definition=item.get("taskDefinition", ""),
        desired=item.get("desiredCount", 0),
        running=item.get("runningCount", 0),
        pending=item.get("pendingCount", 0),
        deployments=tuple(
            Deployment(
                identifier=deployment["id"],
                status=deployment.get("status", ""),
                rollout=deployment.get("rolloutState", ""),
                rollout_reason=deployment.get("rolloutStateReason", ""),
                task_definition=deployment.get("taskDefinition", ""),
                desired=deployment.get("desiredCount", 0),
                running=deployment.get("runningCount", 0),
                failed=deployment.get("failedTasks", 0),
                created_at=deployment["createdAt"],
                updated_at=deployment["updatedAt"],
            )
            for deployment in item.get("deployments", [])
        ),
        events=tuple(ServiceEvent(at=event["createdAt"], message=event["message"]) for event in item.get("events", [])),
    )
