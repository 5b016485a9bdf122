"""ECS, load balancers, targets and certificates of the living shop. All of them follow the faults."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from opsportal.local.aws.acts import ROLLOUT_TAKES, TASKS_START, Act
from opsportal.local.aws.calls import AnswerError, Call, page
from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION, ZONES, Platform, Service, resource_id
from opsportal.local.aws.faults import CERTIFICATE_DAYS_LEFT

_PORT: Final = 8080
_RENEWS_BEFORE: Final = 60
_VALID_DAYS: Final = 395
_RESTART_RELIEVES: Final = ("error-rate", "latency")


def _owners(call: Call) -> Sequence[Platform]:
    return PLATFORMS if call.living else ()


def _down(call: Call, owner: Platform, service: Service) -> bool:
    """Whether this service has no task left: the fault takes the platform's first one."""
    active = call.world.active(call.now)
    return service == owner.services[0] and any(f.name == "service-down" and f.platform == owner.key for f in active)


def cluster_arn(owner: Platform) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{owner.cluster}"


def service_arn(owner: Platform, service: Service) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{owner.cluster}/{service.name}"


def list_clusters(call: Call) -> dict[str, Any]:
    return _json_page(call, "clusterArns", [cluster_arn(owner) for owner in _owners(call)])


def list_services(call: Call) -> dict[str, Any]:
    owner = _cluster(call)
    return _json_page(call, "serviceArns", [service_arn(owner, service) for service in owner.services])


def _json_page(call: Call, name: str, rows: Sequence[Any]) -> dict[str, Any]:
    params = call.params
    shown, token = page(rows, params.get("nextToken"), params.get("maxResults"), code="InvalidParameterException")
    return {name: shown} | ({"nextToken": token} if token else {})


def _cluster(call: Call) -> Platform:
    wanted = str(call.params.get("cluster") or "default").rpartition("/")[2]
    for owner in _owners(call):
        if owner.cluster == wanted:
            return owner
    raise AnswerError("ClusterNotFoundException", "Cluster not found.")


def describe_services(call: Call) -> dict[str, Any]:
    owner = _cluster(call)
    known = {service.name: service for service in owner.services}
    found, failures = [], []
    for wanted in call.params["services"]:
        name = str(wanted).rpartition("/")[2]
        if name in known:
            found.append(_service(call, owner, known[name]))
        else:
            failures.append({"arn": str(wanted), "reason": "MISSING"})
    return {"services": found, "failures": failures}


def deployment_id(service: str, at: datetime) -> str:
    """What ECS calls the deployment of that service at that time."""
    return f"ecs-svc/{int(resource_id(service + str(at)), 16) % 10**19:019}"


def task_revision(nth: int) -> int:
    """The revision of the task definition that the nth deployment of the past brought; some are older than it."""
    return nth + 40


def _tasks(call: Call, service: Service) -> tuple[int, int]:
    """Return how many tasks are wanted, and how many of them run when nothing is wrong."""
    scaled = [act for act in call.world.acts("scale", service.name) if act.at <= call.now]
    counts = [service.tasks, *(int(act.value["tasks"]) for act in scaled)]
    is_starting = bool(scaled) and call.now < scaled[-1].at + TASKS_START
    return counts[-1], counts[-2] if is_starting else counts[-1]


def _service(call: Call, owner: Platform, service: Service) -> dict[str, Any]:
    down = _down(call, owner, service)
    wanted, up = _tasks(call, service)
    running = 0 if down else up
    deployed = [d for d in call.world.past.deployments if d.service == service.name and d.at <= call.now]
    at = deployed[-1].at if deployed else call.now - timedelta(days=90)
    definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{service.name}:{task_revision(len(deployed))}"
    forced = [act for act in call.world.acts("restart", service.name) if at < act.at <= call.now]
    said = f"ECS deployment of {deployed[-1].version} completed." if deployed else ""
    if forced:
        at, said = forced[-1].at, "A new deployment was forced."
    is_rolling = bool(forced) and call.now < at + ROLLOUT_TAKES
    steady = f"(service {service.name}) has reached a steady state."
    events = [{"id": resource_id(service.name + str(at)), "createdAt": at + timedelta(minutes=4), "message": steady}]
    if down:
        since = next(
            f.starts_at for f in call.world.active(call.now) if f.name == "service-down" and f.platform == owner.key
        )
        message = f"(service {service.name}) tasks failed container health checks and were stopped."
        events.insert(0, {"id": resource_id(service.name + "down"), "createdAt": since, "message": message})
    return {
        "serviceName": service.name,
        "serviceArn": service_arn(owner, service),
        "clusterArn": cluster_arn(owner),
        "status": "ACTIVE",
        "launchType": "FARGATE",
        "taskDefinition": definition,
        "desiredCount": wanted,
        "runningCount": running,
        "pendingCount": max(0, wanted - running),
        "createdAt": at - timedelta(days=400),
        "deployments": [
            {
                "id": deployment_id(service.name, at),
                "status": "PRIMARY",
                "rolloutState": "IN_PROGRESS" if is_rolling else "COMPLETED",
                "rolloutStateReason": said,
                "taskDefinition": definition,
                "desiredCount": wanted,
                "runningCount": running,
                "pendingCount": max(0, wanted - running),
                "failedTasks": wanted if down else 0,
                "createdAt": at,
                "updatedAt": call.now if is_rolling else at + (ROLLOUT_TAKES if forced else timedelta(minutes=4)),
            }
        ],
        "events": events,
    }


def update_service(call: Call) -> dict[str, Any]:
    """Scale, or begin a rolling restart; a restart of the front ends what a fresh process is free of."""
    owner = _cluster(call)
    name = str(call.params["service"]).rpartition("/")[2]
    service = next((row for row in owner.services if row.name == name), None)
    if service is None:
        raise AnswerError("ServiceNotFoundException", "Service not found.")
    if call.params.get("desiredCount") is not None:
        tasks = int(call.params["desiredCount"])
        call.world.act(Act("scale", name, call.now, {"tasks": tasks}), after=TASKS_START)
    if call.params.get("forceNewDeployment"):
        ends = _RESTART_RELIEVES if service == owner.services[0] else ()
        act = Act("restart", name, call.now, {})
        call.world.act(act, relieves=ends, platform=owner.key, after=ROLLOUT_TAKES)
    return {"service": _service(call, owner, service)}


def describe_task_definition(call: Call) -> dict[str, Any]:
    asked = str(call.params["taskDefinition"]).rpartition("/")[2]
    name, _, revision = asked.partition(":")
    known = {service.name for owner in _owners(call) for service in owner.services}
    if name not in known:
        raise AnswerError("ClientException", "Unable to describe task definition.")
    options = {"awslogs-group": log_group(name), "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}
    return {
        "taskDefinition": {
            "taskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{asked}",
            "family": name,
            "revision": int(revision or 1),
            "status": "ACTIVE",
            "containerDefinitions": [
                {"name": name, "logConfiguration": {"logDriver": "awslogs", "options": options}},
            ],
        }
    }


def log_group(service: str) -> str:
    """The log group that the service's containers write to."""
    return f"/ecs/{service}"


def balancer_arn(owner: Platform) -> str:
    return f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/{owner.alb_dimension}"


def target_group_arn(owner: Platform, service: Service) -> str:
    return f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:{owner.target_group_dimension(service)}"


def describe_load_balancers(call: Call) -> dict[str, Any]:
    rows = [
        {
            "LoadBalancerName": owner.alb,
            "LoadBalancerArn": balancer_arn(owner),
            "DNSName": f"{owner.alb}.{REGION}.elb.amazonaws.com",
            "Type": "application",
            "Scheme": "internet-facing",
            "State": {"Code": "active"},
            "AvailabilityZones": [{"ZoneName": zone} for zone in ZONES],
        }
        for owner in _owners(call)
    ]
    return _marker_page(call, "LoadBalancers", rows)


def describe_target_groups(call: Call) -> dict[str, Any]:
    rows = [
        {
            "TargetGroupName": owner.target_group(service),
            "TargetGroupArn": target_group_arn(owner, service),
            "Protocol": "HTTP",
            "Port": _PORT,
            "TargetType": "ip",
            "HealthCheckPath": service.path,
            "LoadBalancerArns": [balancer_arn(owner)],
        }
        for owner in _owners(call)
        for service in owner.services
    ]
    return _marker_page(call, "TargetGroups", rows)


def _marker_page(call: Call, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    params = call.params
    shown, marker = page(rows, params.get("Marker"), params.get("PageSize"), code="ValidationError", largest=400)
    return {name: shown} | ({"NextMarker": marker} if marker else {})


def describe_target_health(call: Call) -> dict[str, Any]:
    wanted = call.params["TargetGroupArn"]
    for number, owner in enumerate(_owners(call)):
        for place, service in enumerate(owner.services):
            if target_group_arn(owner, service) == wanted:
                down = _down(call, owner, service)
                rows = [_target(number, place, task, down=down) for task in range(_tasks(call, service)[1])]
                return {"TargetHealthDescriptions": rows}
    raise AnswerError("TargetGroupNotFound", "One or more target groups not found")


def _target(owner: int, service: int, task: int, *, down: bool) -> dict[str, Any]:
    health = {"State": "healthy"}
    if down:
        reason = "Request timed out"
        health = {"State": "unhealthy", "Reason": "Target.Timeout", "Description": reason}
    address = f"10.{owner}.{service * 16 + task % 3}.{20 + task}"
    return {
        "Target": {"Id": address, "Port": _PORT, "AvailabilityZone": ZONES[task % 3]},
        "HealthCheckPort": str(_PORT),
        "TargetHealth": health,
    }


def certificate_arn(owner: Platform) -> str:
    name = hashlib.sha256(owner.domain.encode()).hexdigest()[:32]
    return f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{UUID(name)}"


def not_after(call: Call, owner: Platform) -> datetime:
    """Return when the certificate ends: so many days after the first start, sooner under the fault."""
    for fault in call.world.active(call.now):
        if fault.name == "certificate-expiry" and fault.platform == owner.key:
            return fault.starts_at + timedelta(days=CERTIFICATE_DAYS_LEFT)
    first = datetime.combine(call.world.today, datetime.min.time(), UTC)
    ends_at = first + timedelta(days=owner.certificate_days, hours=12)
    while not owner.certificate_imported and ends_at - call.now < timedelta(days=_RENEWS_BEFORE):
        ends_at += timedelta(days=_VALID_DAYS - _RENEWS_BEFORE)
    return ends_at


def list_certificates(call: Call) -> dict[str, Any]:
    rows = [
        {
            "CertificateArn": certificate_arn(owner),
            "DomainName": owner.domain,
            "Status": "ISSUED",
            "Type": _certificate_kind(owner),
            "NotAfter": not_after(call, owner),
            "InUse": True,
        }
        for owner in _owners(call)
    ]
    params = call.params
    shown, token = page(rows, params.get("NextToken"), params.get("MaxItems"), code="InvalidArgsException")
    return {"CertificateSummaryList": shown} | ({"NextToken": token} if token else {})


def _certificate_kind(owner: Platform) -> str:
    return "IMPORTED" if owner.certificate_imported else "AMAZON_ISSUED"


def describe_certificate(call: Call) -> dict[str, Any]:
    for owner in _owners(call):
        if certificate_arn(owner) == call.params["CertificateArn"]:
            ends_at = not_after(call, owner)
            found: dict[str, Any] = {
                "CertificateArn": certificate_arn(owner),
                "DomainName": owner.domain,
                "SubjectAlternativeNames": [owner.domain, f"*.{owner.domain}"],
                "Status": "ISSUED",
                "Type": _certificate_kind(owner),
                "NotBefore": ends_at - timedelta(days=_VALID_DAYS),
                "NotAfter": ends_at,
                "InUseBy": [balancer_arn(owner)],
                "RenewalEligibility": "INELIGIBLE" if owner.certificate_imported else "ELIGIBLE",
            }
            return {"Certificate": found}
    raise AnswerError("ResourceNotFoundException", "Could not find that certificate.")
