"""Saved questions to the logs, and their runs."""

from datetime import datetime, timedelta
from typing import Any

from monitoring.models import LogAnswer, LogQuery, LogRun, ServiceMetric
from monitoring.services.binding import series_bind
from monitoring.services.log_queries import log_query_add
from monitoring.services.policy import service_metric_put
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform
from tests.factories.monitoring import account_of, service_of

BY = system_actor("tests")
TEXT = "fields @timestamp, @message\n| filter @message like /ERROR/\n| sort @timestamp desc"


def query_of(platform: Platform, *, at: datetime, key: str = "errors", **values: Any) -> LogQuery:
    """Errors of the service `web`."""
    plain = {"name": f"Question {key}", "service": service_of(platform), "text": TEXT, "minutes": 60}
    return log_query_add(by=BY, at=at, platform=platform, key=key, values=plain | values)


def run_of(query: LogQuery, *, at: datetime, lines: int | None = None, **values: Any) -> LogRun:
    """A run of the hour before `at`; with `lines` it has ended and found so many."""
    plain: dict[str, Any] = {"text": query.text, "starts_at": at - timedelta(hours=1), "ends_at": at, "asked_at": at}
    if lines is not None:
        plain |= {"state": "done", "finished_at": at, "records_matched": lines, "bytes_scanned": 36_000_000}
    run = LogRun.objects.create(query=query, platform=query.platform, asked_by_name="Ada", **plain | values)
    if lines is not None:
        rows = [["2026-03-10 08:59:00.000", f"ERROR {number}"] for number in range(lines)]
        LogAnswer.objects.create(run=run, columns=["@timestamp", "@message"], rows=rows, digest="0" * 64, fetched_at=at)
    return run


def log_group_of(
    platform: Platform, *, at: datetime, name: str = "/web", metric: str = "IncomingLogEvents"
) -> ServiceMetric:
    """The lines (or bytes) that a log group of the service `web` takes in, read every 5 minutes."""
    account_of(platform, at=at, account_id=f"{platform.pk:012}")
    values = {
        "name": "Log lines taken in", "namespace": "AWS/Logs", "metric": metric, "unit": "Count",
        "dimensions": {"LogGroupName": name}, "stats": ["Sum"], "poll_every": 300,
    }  # fmt: skip
    key = f"log-{metric.lower()}-{name.strip('/').replace('/', '-')}"
    found = service_metric_put(by=BY, at=at, service=service_of(platform), key=key, values=values)
    series_bind(by=BY, at=at, platform=platform)
    found.refresh_from_db()
    return found
