"""Every metric that follows from the catalogue: AWS's own of each resource, and those the applications send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from opsportal.local.aws.catalogue import (
    ACCOUNT,
    LINE_BYTES,
    LOG_STREAM,
    PLATFORMS,
    REGION,
    ROLE_NAME,
    Dimensions,
    Platform,
    Service,
    level,
)
from opsportal.local.aws.shapes import Errors, Latency, Level, Requests, Shape

GIB: Final = 1024.0**3


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what CloudWatch calls it, whose it is, and the shape its values follow."""

    platform: str
    service: str
    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    shape: Shape
    peak_hour: int
    weekend: float

    @property
    def key(self) -> tuple[str, str, frozenset[tuple[str, str]]]:
        return (self.namespace, self.name, frozenset(self.dimensions))


def metrics() -> Iterator[Metric]:
    """Every metric of every platform."""
    for owner in PLATFORMS:
        rows = [*_balancer(owner), *_containers(owner), *_database(owner), *_cache(owner), *_logs(owner)]
        rows += [(c.service, c.namespace, c.name, c.dimensions, c.unit, c.shape) for c in owner.customs]
        for service, namespace, name, dimensions, unit, shape in rows:
            yield Metric(owner.key, service, namespace, name, dimensions, unit, shape, owner.peak_hour, owner.weekend)


Row = tuple[str, str, str, Dimensions, str, Shape]


def _balancer(owner: Platform) -> Iterator[Row]:
    space = "AWS/ApplicationELB"
    whole: Dimensions = (("LoadBalancer", owner.alb_dimension),)
    front = owner.services[0]
    # The public traffic of a platform is its first service's: what the others answer comes through it.
    yield front.name, space, "RequestCount", whole, "Count", Requests(front.per_minute)
    yield front.name, space, "TargetResponseTime", whole, "Seconds", _latency(front)
    yield front.name, space, "HTTPCode_Target_5XX_Count", whole, "Count", _errors(front)
    yield front.name, space, "HTTPCode_ELB_5XX_Count", whole, "Count", Errors(front.per_minute, 0.00001)
    yield front.name, space, "HTTPCode_Target_4XX_Count", whole, "Count", Errors(front.per_minute, 0.011)
    for service in owner.services:
        group: Dimensions = (
            ("LoadBalancer", owner.alb_dimension),
            ("TargetGroup", owner.target_group_dimension(service)),
        )
        yield service.name, space, "RequestCount", group, "Count", Requests(service.per_minute)
        yield service.name, space, "TargetResponseTime", group, "Seconds", _latency(service)
        yield service.name, space, "HTTPCode_Target_5XX_Count", group, "Count", _errors(service)
        yield service.name, space, "HealthyHostCount", group, "Count", Level(base=service.tasks, whole=1)
        yield service.name, space, "UnHealthyHostCount", group, "Count", Level(base=0.0, whole=1)


def _latency(service: Service) -> Latency:
    return Latency(service.per_minute, service.median_seconds, service.sigma)


def _errors(service: Service) -> Errors:
    return Errors(service.per_minute, service.error_ratio)


def _containers(owner: Platform) -> Iterator[Row]:
    for service in owner.services:
        pair: Dimensions = (("ClusterName", owner.cluster), ("ServiceName", service.name))
        yield service.name, "AWS/ECS", "CPUUtilization", pair, "Percent", level(service.cpu, 0.5, 0.08, high=100)
        yield service.name, "AWS/ECS", "MemoryUtilization", pair, "Percent", level(service.memory, 0.1, 0.03, high=100)


def _database(owner: Platform) -> Iterator[Row]:
    database, space, front = owner.database, "AWS/RDS", owner.services[0].name
    if database.aurora:
        whole: Dimensions = (("DBClusterIdentifier", database.identifier),)
        yield front, space, "DatabaseConnections", whole, "Count", level(database.connections, 0.3, whole=1)
        yield front, space, "CPUUtilization", whole, "Percent", level(36, 0.45, high=100)
        yield front, space, "VolumeBytesUsed", whole, "Bytes", Level(base=186 * GIB, noise=0.0004, trend=0.4 * GIB)
    for number, instance in enumerate(database.instances):
        one: Dimensions = (("DBInstanceIdentifier", instance),)
        share = 1.0 if number == 0 else 0.45
        yield front, space, "CPUUtilization", one, "Percent", level(36 * share, 0.45, high=100)
        yield front, space, "DatabaseConnections", one, "Count", level(database.connections * share, 0.3, whole=1)
        yield front, space, "FreeableMemory", one, "Bytes", level(6.2 * GIB, 0.08, 0.02)
        yield front, space, "ReadLatency", one, "Seconds", level(0.0011, 0.3, 0.2)
        yield front, space, "WriteLatency", one, "Seconds", level(0.0023, 0.3, 0.2)
        if database.aurora and number:
            yield front, space, "AuroraReplicaLag", one, "Milliseconds", level(18, 0.2, 0.25)
        elif not database.aurora:
            shape = Level(base=database.free_gib * GIB, noise=0.0006, trend=-0.45 * GIB, low=4 * GIB)
            yield front, space, "FreeStorageSpace", one, "Bytes", shape
            if number:
                yield front, space, "ReplicaLag", one, "Seconds", level(0.4, 0.3, 0.5)


def _cache(owner: Platform) -> Iterator[Row]:
    space, front = "AWS/ElastiCache", owner.services[0].name
    one: Dimensions = (("CacheClusterId", f"{owner.cache}-001"),)
    yield front, space, "EngineCPUUtilization", one, "Percent", level(14, 0.5, 0.1, high=100)
    yield front, space, "DatabaseMemoryUsagePercentage", one, "Percent", level(52, 0.08, 0.02, high=100)
    yield front, space, "CacheHitRate", one, "Percent", level(94.5, -0.01, 0.006, high=100)
    yield front, space, "CurrConnections", one, "Count", level(64, 0.3, 0.06, whole=1)
    yield front, space, "Evictions", one, "Count", level(0.3, 0.5, 0.9, whole=1)


def _logs(owner: Platform) -> Iterator[Row]:
    """What each service logs, a line a request; and SoleMate's way on to S3 and OpenSearch."""
    for service in owner.services:
        group: Dimensions = (("LogGroupName", f"/ecs/{service.name}"),)
        yield service.name, "AWS/Logs", "IncomingLogEvents", group, "Count", Requests(service.per_minute)
        size = level(service.per_minute * LINE_BYTES, 0.6, 0.04)
        yield service.name, "AWS/Logs", "IncomingBytes", group, "Bytes", size
    if owner.key == "solemate":
        stream: Dimensions = (("DeliveryStreamName", LOG_STREAM),)
        for target in ("S3", "AmazonOpenSearchService"):
            front, space, name = owner.services[0].name, "AWS/Firehose", f"DeliveryTo{target}"
            yield front, space, f"{name}.DataFreshness", stream, "Seconds", level(74, 0.1, 0.2)
            yield front, space, f"{name}.Success", stream, "None", Level(base=1.0, high=1.0)


def as_text() -> str:
    """Return every resource and metric as Markdown, for whoever writes selectors."""
    lines = [f"Account {ACCOUNT}, region {REGION}, role arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}.", ""]
    known = list(metrics())
    for owner in PLATFORMS:
        database = owner.database
        kind = "Aurora cluster" if database.aurora else "RDS instance"
        lines += [
            f"## {owner.key}",
            "",
            f"- load balancer {owner.alb}, dimension {owner.alb_dimension}",
            f"- ECS cluster {owner.cluster}: {', '.join(service.name for service in owner.services)}",
            f"- {kind} {database.identifier}: {', '.join(database.instances)} (the first is the writer)",
            f"- backup vault {owner.key}-vault, Redis {owner.cache}, certificate of {owner.domain}",
            "",
            "| service | namespace | metric | dimensions | unit |",
            "|---|---|---|---|---|",
        ]
        for metric in known:
            if metric.platform == owner.key:
                named = ", ".join(f"{name}={value}" for name, value in metric.dimensions) or "none"
                lines.append(f"| {metric.service} | {metric.namespace} | {metric.name} | {named} | {metric.unit} |")
        lines.append("")
    return "\n".join(lines)
