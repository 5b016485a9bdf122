"""Pages of logs and traces."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from monitoring.models import TraceReading
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.logs import log_group_of, query_of, run_of
from tests.factories.monitoring import account_of, service_of

EDGE_FIGURES: Final = ("calls", "faults", "errors", "throttles", "seconds")


def _log_queries(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        run_of(query_of(platform, at=at, key=f"q{number}"), at=at, lines=1)
    return "/monitoring/logs/"


def _log_query(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    query = query_of(platform, at=at)
    for number in range(count):
        run_of(query, at=at + timedelta(minutes=number), lines=1)
    return f"/monitoring/logs/{query.pk}/"


def _log_cap(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    query = query_of(platform, at=at)
    for _ in range(count):
        run_of(query, at=at, lines=1)
    return f"/monitoring/logs/month/{platform.key}/"


def _log_pipeline(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        log_group_of(platform, at=at, name=f"/{platform.key}/{number}")
    return "/monitoring/log-pipeline/"


def _traces(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    account, edge = account_of(platform, at=at, account_id=f"{platform.pk:012}"), dict.fromkeys(EDGE_FIGURES, 1)
    service = service_of(platform)
    service.selectors = {"ecs_service": "web"}
    service.save()
    rows = [{"source": "web", "target": f"db-{number}", "kind": "", **edge} for number in range(count)]
    TraceReading.objects.create(
        account=account, region="us-east-1", kind="graph", rows=rows, tried_at=at, fetched_at=at
    )
    return "/monitoring/traces/"


def _log_run(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    return f"/monitoring/logs/runs/{run_of(query_of(platform, at=at), at=at, lines=count).pk}/"


LOG_PAGES: Final[dict[str, Callable[[Platform, Actor, datetime, int], str]]] = {
    "log-queries": _log_queries,
    "log-query": _log_query,
    "log-run": _log_run,
    "log-cap": _log_cap,
    "log-pipeline": _log_pipeline,
    "traces": _traces,
}
