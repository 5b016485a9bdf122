# ruff: noqa: E501  (a row of a table is read across)
"""Every resource and metric of the simulated AWS, as data: what a pack's selectors point at.

`python -m opsportal.local.aws --catalogue` prints it as text, with every metric that follows from it.

All five platforms live in account 123456789012, region us-east-1, and all names are fixed. A platform has
one load balancer `<platform>-alb`, one ECS cluster, one database (an Aurora cluster or a single
instance), one Redis, one certificate, one backup vault and a few services, of which the first takes
the public traffic. Names the guides give are used as they stand there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from opsportal.local.aws.shapes import Latency, Level, Shape

ACCOUNT: Final = "123456789012"
SECOND_ACCOUNT: Final = "222222222222"
REGION: Final = "us-east-1"
ZONES: Final = ("us-east-1a", "us-east-1b", "us-east-1c")
ROLE_NAME: Final = "opsportal-read"
ACT_ROLE_NAME: Final = "opsportal-act"
EXTERNAL_IDS: Final = {ACCOUNT: "opsportal-demo", SECOND_ACCOUNT: "opsportal-second"}

LINE_BYTES: Final = 180  # what a service logs of each request
LOG_STREAM: Final = "solemate-logs"  # the Firehose stream that carries SoleMate's logs on

Dimensions = tuple[tuple[str, str], ...]


def resource_id(name: str) -> str:
    """Return the 16 hex digits that AWS appends to the name of a load balancer or target group."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Service:
    """An ECS service behind the load balancer. Rates are requests a minute at the mean of the week."""

    name: str
    per_minute: float
    median_seconds: float
    sigma: float = 0.45
    error_ratio: float = 0.00015
    tasks: int = 3
    cpu: float = 34.0
    memory: float = 48.0
    path: str = "/health"


@dataclass(frozen=True, slots=True)
class Database:
    """An Aurora cluster with a writer and readers, or a single RDS instance."""

    identifier: str
    aurora: bool
    version: str
    instance_class: str
    instances: tuple[str, ...]
    connections: float
    backup_hour: int
    retention_days: int
    allocated_gib: int = 1
    free_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Custom:
    """A metric that the application itself sends."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    shape: Shape
    service: str


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform's share of the simulated AWS. `peak_hour` is the busiest UTC hour of its week days."""

    key: str
    alb: str
    cluster: str
    domain: str
    peak_hour: int
    weekend: float
    services: tuple[Service, ...]
    database: Database
    cache: str
    certificate_days: int
    certificate_imported: bool = False
    customs: tuple[Custom, ...] = field(default=())

    @property
    def alb_dimension(self) -> str:
        return f"app/{self.alb}/{resource_id(self.alb)}"

    def target_group(self, service: Service) -> str:
        """Return the name of that service's target group."""
        return f"{service.name}-tg"

    def target_group_dimension(self, service: Service) -> str:
        name = self.target_group(service)
        return f"targetgroup/{name}/{resource_id(name)}"


def level(base: float, swing: float = 0.25, noise: float = 0.06, **more: float) -> Level:
    """Return a level that follows the traffic a little and is never quite still."""
    return Level(base=base, swing=swing, noise=noise, **more)


PLATFORMS: Final[tuple[Platform, ...]] = (
    Platform(
        key="bookstore",
        alb="bookstore-alb",
        cluster="bookstore-cluster",
        domain="bookstore.example.com",
        peak_hour=15,
        weekend=1.15,
        services=(
            Service("bookstore-api", 1850.0, 0.082),
            Service("bookstore-web", 960.0, 0.035, tasks=2, cpu=22.0, memory=38.0),
            Service("inventory-service", 420.0, 0.064, tasks=2, cpu=28.0, memory=44.0),
        ),
        database=Database(
            "bookstore-production", True, "15.4", "db.r6g.large", ("bookstore-production-1", "bookstore-production-2"), 42, 3, 35
        ),
        cache="bookstore-redis",
        certificate_days=64,
        customs=(
            Custom("Bookstore/Application", "OrdersPlaced", (("Environment", "production"),), "Count", level(26, 0.6, 0.12, whole=1), "bookstore-api"),
            Custom("Bookstore/Application", "ConnectionPoolUsage", (("Service", "bookstore-api"),), "Percent", level(41, 0.3, 0.07, high=100), "bookstore-api"),
        ),
    ),
    Platform(
        key="shop-management",
        alb="shop-management-alb",
        cluster="shop-management-cluster",
        domain="shop-management.example.com",
        peak_hour=14,
        weekend=0.55,
        services=(
            Service("shop-management-api", 1240.0, 0.118),
            Service("shop-management-frontend", 880.0, 0.041, tasks=2, cpu=18.0, memory=36.0),
        ),
        database=Database(
            "shop-management-aurora",
            True,
            "15.4",
            "db.r6g.large",
            ("shop-management-aurora-0", "shop-management-aurora-1"),
            38,
            4,
            30,
        ),
        cache="shop-management-redis",
        certificate_days=131,
        customs=(
            Custom("ShopManagement/Business", "active_shops", (("Environment", "production"),), "Count", level(412, 0.05, 0.01, whole=1), "shop-management-api"),
            Custom("ShopManagement/Business", "active_users", (("Environment", "production"),), "Count", level(1630, 0.7, 0.05, whole=1), "shop-management-api"),
            Custom("ShopManagement/Business", "transactions_per_hour", (("Environment", "production"),), "Count", level(5400, 0.7, 0.06, whole=1), "shop-management-api"),
            Custom("ShopManagement/Performance", "api_response_time", (("Endpoint", "*"),), "Milliseconds", Latency(1240.0, 131.0, 0.45), "shop-management-api"),
            Custom("ShopManagement/Performance", "ResponseTime", (), "Milliseconds", Latency(1240.0, 131.0, 0.45), "shop-management-api"),
            Custom("ShopManagement/Database", "database_connections", (("Instance", "primary"),), "Count", level(38, 0.3, 0.06, whole=1), "shop-management-api"),
        ),
    ),
    Platform(
        key="solemate",
        alb="production-alb",
        cluster="production-cluster",
        domain="solemate.com",
        peak_hour=19,
        weekend=1.3,
        services=(
            Service("solemate-backend", 2100.0, 0.096),
            Service("solemate-frontend", 1500.0, 0.038, tasks=2, cpu=20.0, memory=40.0),
            Service("solemate-payment", 180.0, 0.210, tasks=2, cpu=16.0, memory=42.0),
        ),
        database=Database(
            "production-postgres", False, "15.7", "db.r6g.xlarge", ("production-postgres", "production-postgres-replica"), 46, 3, 30, 500, 268.0
        ),
        cache="production-redis",
        certificate_days=83,
        customs=(
            Custom("SoleMate/Business", "OrdersPerMinute", (("Environment", "production"),), "Count", level(34, 0.7, 0.12, whole=1), "solemate-backend"),
            Custom("SoleMate/Business", "PaymentSuccessRate", (("Environment", "production"),), "Percent", level(98.9, 0.0, 0.004, high=100), "solemate-payment"),
            Custom("SoleMate/Business", "CartAbandonment", (("Environment", "production"),), "Percent", level(61, 0.05, 0.03, high=100), "solemate-backend"),
            Custom("SoleMate/Performance", "ActiveUsers", (("Environment", "production"),), "Count", level(2250, 0.7, 0.05, whole=1), "solemate-backend"),
            Custom("SoleMate/Performance", "DatabaseQueryTime", (("Environment", "production"),), "Milliseconds", Latency(2100.0, 12.0, 0.6), "solemate-backend"),
            Custom("SoleMate/Security", "FailedLoginAttempts", (("Environment", "production"),), "Count", level(3.2, 0.6, 0.5, whole=1), "solemate-backend"),
            Custom("SoleMate/Security", "RateLimitViolations", (("Environment", "production"),), "Count", level(1.4, 0.6, 0.8, whole=1), "solemate-backend"),
        ),
    ),
    Platform(
        key="phase-09",
        alb="phase-09-alb",
        cluster="phase-09-cluster",
        domain="myapp.example.com",
        peak_hour=13,
        weekend=0.45,
        services=(
            Service("myapp", 5200.0, 0.074, tasks=6, cpu=44.0, memory=57.0),
            Service("myapp-worker", 300.0, 0.180, tasks=2, cpu=38.0, memory=52.0),
        ),
        database=Database("phase-09-postgres", False, "16.3", "db.r6g.2xlarge", ("phase-09-postgres", "phase-09-postgres-replica"), 120, 3, 30, 800, 214.0),
        cache="phase-09-redis",
        certificate_days=47,
        certificate_imported=True,
        customs=(
            Custom("Phase09/Application", "ActiveUsers", (("Environment", "production"),), "Count", level(2900, 0.6, 0.05, whole=1), "myapp"),
            Custom("Phase09/Application", "QueueDepth", (("Queue", "default"),), "Count", level(48, 0.6, 0.3, whole=1), "myapp-worker"),
            Custom("Phase09/Host", "DiskUsage", (("Environment", "production"),), "Percent", level(61, 0.0, 0.004, trend=0.06, high=92), "myapp"),
            Custom("Phase09/Host", "NetworkUsage", (("Environment", "production"),), "Percent", level(33, 0.6, 0.08, high=100), "myapp"),
            Custom("ContainerInsights", "cluster_node_count", (("ClusterName", "phase-09-eks"),), "Count", level(6, 0.0, 0.0, whole=1), "myapp"),
            Custom("ContainerInsights", "cluster_failed_node_count", (("ClusterName", "phase-09-eks"),), "Count", Level(base=0.0, whole=1), "myapp"),
            Custom("ContainerInsights", "node_cpu_utilization", (("ClusterName", "phase-09-eks"),), "Percent", level(46, 0.5, 0.06, high=100), "myapp"),
            Custom("ContainerInsights", "node_memory_utilization", (("ClusterName", "phase-09-eks"),), "Percent", level(58, 0.1, 0.03, high=100), "myapp"),
            Custom("ContainerInsights", "node_filesystem_utilization", (("ClusterName", "phase-09-eks"),), "Percent", level(41, 0.0, 0.01, high=100), "myapp"),
            Custom("ContainerInsights", "namespace_number_of_running_pods", (("ClusterName", "phase-09-eks"), ("Namespace", "production")), "Count", level(14, 0.0, 0.0, whole=1), "myapp"),
            Custom("ContainerInsights", "pod_number_of_container_restarts", (("ClusterName", "phase-09-eks"), ("Namespace", "production"), ("PodName", "myapp")), "Count", Level(base=0.0, whole=1), "myapp"),
            Custom("ContainerInsights", "pod_cpu_utilization", (("ClusterName", "phase-09-eks"), ("Namespace", "production"), ("PodName", "myapp")), "Percent", level(39, 0.5, 0.08, high=100), "myapp"),
            Custom("ContainerInsights", "pod_memory_utilization", (("ClusterName", "phase-09-eks"), ("Namespace", "production"), ("PodName", "myapp")), "Percent", level(52, 0.1, 0.03, high=100), "myapp"),
        ),
    ),
    Platform(
        key="genai-demo",
        alb="genai-demo-alb",
        cluster="genai-demo-cluster",
        domain="genai-demo.example.com",
        peak_hour=6,
        weekend=0.8,
        services=(
            Service("genai-api", 310.0, 0.640, sigma=0.5, error_ratio=0.0002),
            Service("genai-web", 240.0, 0.048, tasks=2, cpu=17.0, memory=35.0),
        ),
        database=Database("genai-demo-aurora", True, "16.4", "db.r6g.large", ("genai-demo-aurora-1", "genai-demo-aurora-2"), 24, 18, 14),
        cache="genai-demo-redis",
        certificate_days=171,
        customs=(
            Custom("GenAIDemo/Application", "TokensPerMinute", (("Environment", "production"),), "Count", level(182_000, 0.7, 0.1, whole=1), "genai-api"),
            Custom("GenAIDemo/Deployment", "DeploymentSuccessRate", (("Environment", "production"),), "Percent", level(98.0, 0.0, 0.004, high=100), "genai-api"),
            Custom("ContainerInsights", "cluster_node_count", (("ClusterName", "genai-demo-eks"),), "Count", level(3, 0.0, 0.0, whole=1), "genai-api"),
            Custom("ContainerInsights", "cluster_failed_node_count", (("ClusterName", "genai-demo-eks"),), "Count", Level(base=0.0, whole=1), "genai-api"),
            Custom("ContainerInsights", "node_cpu_utilization", (("ClusterName", "genai-demo-eks"),), "Percent", level(46, 0.5, 0.06, high=100), "genai-api"),
            Custom("ContainerInsights", "node_memory_utilization", (("ClusterName", "genai-demo-eks"),), "Percent", level(58, 0.1, 0.03, high=100), "genai-api"),
            Custom("ContainerInsights", "node_filesystem_utilization", (("ClusterName", "genai-demo-eks"),), "Percent", level(41, 0.0, 0.01, high=100), "genai-api"),
            Custom("ContainerInsights", "namespace_number_of_running_pods", (("ClusterName", "genai-demo-eks"), ("Namespace", "production")), "Count", level(8, 0.0, 0.0, whole=1), "genai-api"),
            Custom("ContainerInsights", "pod_number_of_container_restarts", (("ClusterName", "genai-demo-eks"), ("Namespace", "production"), ("PodName", "genai-api")), "Count", Level(base=0.0, whole=1), "genai-api"),
            Custom("ContainerInsights", "pod_cpu_utilization", (("ClusterName", "genai-demo-eks"), ("Namespace", "production"), ("PodName", "genai-api")), "Percent", level(39, 0.5, 0.08, high=100), "genai-api"),
            Custom("ContainerInsights", "pod_memory_utilization", (("ClusterName", "genai-demo-eks"), ("Namespace", "production"), ("PodName", "genai-api")), "Percent", level(52, 0.1, 0.03, high=100), "genai-api"),
        ),
    ),
)  # fmt: skip


def platform(key: str) -> Platform:
    """Return the platform of that key; KeyError when there is none."""
    for found in PLATFORMS:
        if found.key == key:
            return found
    raise KeyError(key)
