"""The faults that can befall a platform, and what each does to the values of a metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from opsportal.local.aws.catalogue import platform
from opsportal.local.aws.metrics import Metric
from opsportal.local.aws.shapes import Errors, Latency, Level, Requests

# Each fault with the platform it befalls when none is named.
FAULTS: Final[dict[str, str]] = {
    "db-connections": "shop-management",
    "error-rate": "bookstore",
    "latency": "genai-demo",
    "backup-missing": "solemate",
    "certificate-expiry": "phase-09",
    "service-down": "solemate",
    "log-silence": "bookstore",
}
DEFAULT_MINUTES: Final = 20
CONNECTIONS_REACHED: Final = 104.0
CERTIFICATE_DAYS_LEFT: Final = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one platform over a half-open interval."""

    name: str
    platform: str
    starts_at: datetime
    ends_at: datetime

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to each minute: multiplied, added to, or set. For errors `add` is a share of the requests."""

    how: Literal["multiply", "add", "set"]
    amount: float


def effect(fault: str, metric: Metric) -> Effect | None:
    """Return what that fault, befalling the metric's platform, does to this metric."""
    return _EFFECTS[fault](metric)


def _front(metric: Metric) -> bool:
    return metric.service == platform(metric.platform).services[0].name


def _writer(metric: Metric) -> bool:
    database = platform(metric.platform).database
    named = {value for name, value in metric.dimensions if name.startswith("DB")}
    return bool(named & {database.identifier, database.instances[0]})


def _db_connections(metric: Metric) -> Effect | None:
    if isinstance(metric.shape, Level):
        if metric.name == "database_connections" or (metric.name == "DatabaseConnections" and _writer(metric)):
            return Effect("add", CONNECTIONS_REACHED - metric.shape.base)
        if metric.name == "CPUUtilization" and metric.namespace == "AWS/RDS" and _writer(metric):
            return Effect("add", 28.0)
        return None
    if metric.name == "HTTPCode_Target_5XX_Count" and _front(metric):
        return Effect("add", 0.06)
    return Effect("multiply", 2.5) if isinstance(metric.shape, Latency) and _front(metric) else None


def _error_rate(metric: Metric) -> Effect | None:
    failing = metric.name == "HTTPCode_Target_5XX_Count" and _front(metric)
    return Effect("add", 0.18) if failing else None


def _latency(metric: Metric) -> Effect | None:
    if not _front(metric):
        return None
    if isinstance(metric.shape, Latency):
        return Effect("multiply", 6.0)
    busy = metric.namespace == "AWS/ECS" and metric.name == "CPUUtilization"
    return Effect("add", 25.0) if busy else None


def _service_down(metric: Metric) -> Effect | None:
    if not _front(metric):
        return None
    front = platform(metric.platform).services[0]
    if metric.name == "HealthyHostCount":
        return Effect("set", 0.0)
    if metric.name == "UnHealthyHostCount":
        return Effect("set", float(front.tasks))
    if isinstance(metric.shape, Requests):
        return Effect("multiply", 0.03)
    if isinstance(metric.shape, Errors):
        return Effect("add", 0.97) if metric.name == "HTTPCode_ELB_5XX_Count" else None
    stops = metric.namespace == "AWS/ECS" or "/Business" in metric.namespace
    return Effect("multiply", 0.04) if stops and isinstance(metric.shape, Level) else None


def _log_silence(metric: Metric) -> Effect | None:
    """Nothing arrives any more: the agent, or what carries the logs on, has stopped."""
    if metric.namespace == "AWS/Logs" and _front(metric):
        return Effect("set", 0.0)
    return Effect("add", 2_700.0) if metric.name.endswith(".DataFreshness") else None


# Backups and certificates are resources; no metric moves with them.
_EFFECTS: Final[dict[str, Callable[[Metric], Effect | None]]] = {
    "db-connections": _db_connections,
    "error-rate": _error_rate,
    "latency": _latency,
    "backup-missing": lambda _: None,
    "certificate-expiry": lambda _: None,
    "service-down": _service_down,
    "log-silence": _log_silence,
}
