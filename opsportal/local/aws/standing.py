"""The alarms that stand in the living shop, two of them as the shop-management guide creates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION, Dimensions, Platform


@dataclass(frozen=True, slots=True)
class Standing:
    """One alarm; `wanted` of `periods` datapoints must breach."""

    name: str
    text: str
    namespace: str
    metric: str
    dimensions: Dimensions
    period: int
    periods: int
    threshold: float
    stat: str = "Average"
    wanted: int | None = None
    compare: str = "GreaterThanThreshold"
    missing: str = "missing"

    def definition(self) -> dict[str, Any]:
        """Return the alarm as PutMetricAlarm takes it."""
        return {
            "AlarmName": self.name,
            "AlarmDescription": self.text,
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Statistic": self.stat,
            "Period": self.period,
            "EvaluationPeriods": self.periods,
            "DatapointsToAlarm": self.wanted or self.periods,
            "Threshold": self.threshold,
            "ComparisonOperator": self.compare,
            "TreatMissingData": self.missing,
            "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"],
        }


def standing_alarms() -> list[dict[str, Any]]:
    """Return the definitions of all standing alarms."""
    slow = Standing(
        "API-High-Response-Time",
        "API response time above 2 seconds",
        "ShopManagement/Performance",
        "ResponseTime",
        (),
        period=300,
        periods=2,
        threshold=2000.0,
    )
    crowded = Standing(
        "Database-High-Connections",
        "Database connections above 80%",
        "AWS/RDS",
        "DatabaseConnections",
        (("DBClusterIdentifier", "shop-management-aurora"),),
        period=300,
        periods=2,
        threshold=80.0,
    )
    alarms = [slow, crowded, *(alarm for owner in PLATFORMS for alarm in _of_platform(owner))]
    return [alarm.definition() for alarm in alarms]


def _of_platform(owner: Platform) -> list[Standing]:
    balancer: Dimensions = (("LoadBalancer", owner.alb_dimension),)
    front = owner.services[0]
    group = (*balancer, ("TargetGroup", owner.target_group_dimension(front)))
    tasks: Dimensions = (("ClusterName", owner.cluster), ("ServiceName", front.name))
    elb, quiet = "AWS/ApplicationELB", "notBreaching"
    return [
        Standing(
            f"{owner.key}-elb-5xx", "The load balancer answers 5xx itself", elb, "HTTPCode_ELB_5XX_Count", balancer,
            period=60, periods=3, threshold=50.0, stat="Sum", missing=quiet,
        ),
        Standing(
            f"{owner.key}-target-5xx", "The service answers 5xx", elb, "HTTPCode_Target_5XX_Count", balancer,
            period=60, periods=5, wanted=3, threshold=25.0, stat="Sum", missing=quiet,
        ),
        Standing(
            f"{owner.key}-cpu-high", "CPU above 80 %", "AWS/ECS", "CPUUtilization", tasks,
            period=300, periods=2, threshold=80.0,
        ),
        Standing(
            f"{owner.key}-no-healthy-target", "No target is healthy", elb, "HealthyHostCount", group,
            period=60, periods=2, threshold=1.0, stat="Minimum", compare="LessThanThreshold", missing="breaching",
        ),
    ]  # fmt: skip
