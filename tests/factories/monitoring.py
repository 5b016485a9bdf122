"""Accounts, series, rules and objectives with made-up points."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from monitoring import counting, store
from monitoring.models import AlarmRule, AwsAccount, MetricSource, Series, ServiceMetric, Slo
from monitoring.services.binding import series_bind
from monitoring.services.objectives import slo_put
from monitoring.services.policy import alarm_rule_put, service_metric_put
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform, Service, Severity

BY = system_actor("tests")
REGION = "us-east-1"
ALB = {"LoadBalancer": "app/shop-alb/0123456789abcdef"}


def account_of(platform: Platform, *, at: datetime, account_id: str = "111111111111") -> AwsAccount:
    """An account that carries the platform; nothing is polled."""
    account, _ = AwsAccount.objects.get_or_create(
        account_id=account_id,
        defaults={"name": "shop", "role_arn": "", "regions": [REGION], "created_at": at},
    )
    MetricSource.objects.get_or_create(platform=platform, account=account, defaults={"region": REGION})
    return account


def term(
    metric: str, *, namespace: str = "AWS/ApplicationELB", dimensions: Mapping[str, str] = ALB, **more: Any
) -> Any:
    return {"namespace": namespace, "metric": metric, "dimensions": dict(dimensions), **more}


def service_of(platform: Platform) -> Service:
    return Service.objects.get(platform=platform, key="web")


def rule_of(platform: Platform, *, at: datetime, key: str = "connections", **values: Any) -> AlarmRule:
    """Maximum of DatabaseConnections > 80, 1 of 1 × 60 s, unless said otherwise; bound to its series."""
    defaults: dict[str, Any] = {
        "name": "Database connections",
        "service": service_of(platform),
        "signal": "db-connections",
        "indicator": {
            "value": term(
                "DatabaseConnections", namespace="AWS/RDS", dimensions={"DBClusterIdentifier": f"{platform.key}-db"}
            )
        },
        "stat": "Maximum",
        "period": 60,
        "threshold": 80.0,
        "poll_every": 60,
        "opens_incident": True,
        "severity": Severity.objects.get(scheme__platform=platform, scheme__kind="alert", rank=2),
    }
    rule = alarm_rule_put(by=BY, at=at, platform=platform, key=key, values=defaults | values)
    account_of(platform, at=at)
    series_bind(by=BY, at=at, platform=platform)
    return rule


def slo_of(platform: Platform, *, at: datetime, key: str = "availability", **values: Any) -> Slo:
    """Availability 99.9 % from RequestCount and the 5XX counts; bound to its series."""
    defaults: dict[str, Any] = {
        "name": "Availability",
        "service": service_of(platform),
        "objective": 99.9,
        "window_days": 30,
        "indicator": {
            "total": [term("RequestCount"), term("HTTPCode_ELB_5XX_Count")],
            "bad": [term("HTTPCode_Target_5XX_Count"), term("HTTPCode_ELB_5XX_Count")],
        },
    }
    slo = slo_put(by=BY, at=at, platform=platform, key=key, values=defaults | values)
    account_of(platform, at=at)
    series_bind(by=BY, at=at, platform=platform)
    return slo


def metric_of(platform: Platform, *, at: datetime, key: str = "requests", name: str = "RequestCount") -> ServiceMetric:
    values = {"name": key.capitalize(), "namespace": "AWS/ApplicationELB", "metric": name, "dimensions": ALB,
              "unit": "Count", "stats": ["Sum"]}  # fmt: skip
    metric = service_metric_put(by=BY, at=at, service=service_of(platform), key=key, values=values)
    account_of(platform, at=at)
    series_bind(by=BY, at=at, platform=platform)
    metric.refresh_from_db()
    return metric


def series_named(name: str) -> Series:
    return Series.objects.get(name=name)


def write(
    series: Series, values: Sequence[float | None], *, end: datetime, period: int = 60, column: str = "max"
) -> None:
    """Points that end at `end`, one per period, covered as if polled; None leaves a hole."""
    start = end - timedelta(seconds=period * len(values))
    first = int(start.timestamp())
    known = [(first + period * n, value) for n, value in enumerate(values) if value is not None]
    block = store.PointBlock(series.pk, [at for at, _ in known], {column: [value for _, value in known]})
    with transaction.atomic():
        store.ensure_partitions(start, end)
        store.write_points(period, [block])
        store.cover([series.pk], start, end)
        Series.objects.filter(pk=series.pk).update(watermark=end)
        counting.recount(series_ids=[series.pk], start=start, end=end)
