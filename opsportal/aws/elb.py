"""Load balancers, their target groups, and whether the targets are healthy."""

from __future__ import annotations

from dataclasses import dataclass

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A load balancer. `dimension` is what CloudWatch calls it: app/<name>/<id>."""

    name: str
    arn: str
    dimension: str
    dns_name: str
    state: str
    kind: str


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group. `dimension` is what CloudWatch calls it: targetgroup/<name>/<id>."""

    name: str
    arn: str
    dimension: str
    health_path: str
    load_balancer_arns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target. `state` is healthy, unhealthy, initial, draining, unused or unavailable."""

    target: str
    port: int
    zone: str
    state: str
    reason: str
    description: str


def load_balancers(account: AwsAccount, region: str) -> list[LoadBalancer]:
    """Return every load balancer of the region, by name."""
    found: list[LoadBalancer] = []
    with guard(account, region, "elasticloadbalancing:DescribeLoadBalancers"):
        for page in client(account, "elbv2", region).get_paginator("describe_load_balancers").paginate():
            found.extend(
                LoadBalancer(
                    name=item["LoadBalancerName"],
                    arn=item["LoadBalancerArn"],
                    dimension=item["LoadBalancerArn"].partition(":loadbalancer/")[2],
                    dns_name=item.get("DNSName", ""),
                    state=item.get("State", {}).get("Code", ""),
                    kind=item.get("Type", ""),
                )
                for item in page["LoadBalancers"]
            )
    return sorted(found, key=lambda balancer: balancer.name)


def target_groups(account: AwsAccount, region: str) -> list[TargetGroup]:
    """Return every target group of the region, by name."""
    found: list[TargetGroup] = []
    with guard(account, region, "elasticloadbalancing:DescribeTargetGroups"):
        for page in client(account, "elbv2", region).get_paginator("describe_target_groups").paginate():
            found.extend(
                TargetGroup(
                    name=item["TargetGroupName"],
                    arn=item["TargetGroupArn"],
                    dimension=item["TargetGroupArn"].rpartition(":")[2],
                    health_path=item.get("HealthCheckPath", ""),
                    load_balancer_arns=tuple(item.get("LoadBalancerArns", [])),
                )
                for item in page["TargetGroups"]
            )
    return sorted(found, key=lambda group: group.name)


def target_health(account: AwsAccount, region: str, target_group_arn: str) -> list[TargetHealth]:
    """Return the health of each target of one group, by target."""
    with guard(account, region, "elasticloadbalancing:DescribeTargetHealth"):
        answer = client(account, "elbv2", region).describe_target_health(TargetGroupArn=target_group_arn)
    found = [
        TargetHealth(
            target=item["Target"]["Id"],
            port=item["Target"].get("Port", 0),
            zone=item["Target"].get("AvailabilityZone", ""),
            state=item["TargetHealth"].get("State", ""),
            reason=item["TargetHealth"].get("Reason", ""),
            description=item["TargetHealth"].get("Description", ""),
        )
        for item in answer["TargetHealthDescriptions"]
    ]
    return sorted(found, key=lambda health: (health.target, health.port))
