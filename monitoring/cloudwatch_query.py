"""The question behind a chart in CloudWatch's own words: GetMetricData's JSON, and the source of a console graph.

Shapes: GetMetricData of the CloudWatch API; "Metric widget structure" of the CloudWatch dashboard body, which the
console's *Source* tab reads.
"""

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.models import Series
from monitoring.store import floor_to


def stat_name(series: Series, stat: str) -> str:
    """CloudWatch's name of one of our statistics: `TC` is the number of samples below the series' limit."""
    return f"TC(:{series.count_below:g})" if stat == "TC" else stat


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _aligned(start: datetime, end: datetime, period: int) -> tuple[datetime, datetime]:
    """Whole periods, so that the buckets are ours whatever their age."""
    last = floor_to(end, period)
    return floor_to(start, period), last if last == end else last + timedelta(seconds=period)


def request_json(series: Series, stat: str, period: int, start: datetime, end: datetime) -> str:
    """The body of GetMetricData, as `--cli-input-json` takes it."""
    first, last = _aligned(start, end, period)
    metric: dict[str, Any] = {
        "Namespace": series.namespace,
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(series.dimensions.items())],
    }
    query = {"Metric": metric, "Period": period, "Stat": stat_name(series, stat)}
    body = {
        "MetricDataQueries": [{"Id": "m0", "MetricStat": query, "ReturnData": True}],
        "StartTime": _written(first),
        "EndTime": _written(last),
        "ScanBy": "TimestampAscending",
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def console_source(series: Series, stat: str, period: int, start: datetime, end: datetime) -> str:
    """The source of a graph for the console: Metrics, Source, paste, Update."""
    first, last = _aligned(start, end, period)
    pairs = [text for name, value in sorted(series.dimensions.items()) for text in (name, value)]
    line = [series.namespace, series.name, *pairs, {"stat": stat_name(series, stat), "period": period}]
    body = {
        "view": "timeSeries",
        "stacked": False,
        "title": f"{series.namespace} {series.name}",
        "region": series.region,
        "metrics": [line],
        "start": _written(first),
        "end": _written(last),
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def shell_command(series: Series) -> str:
    """What takes the request from a file."""
    return f"aws cloudwatch get-metric-data --region {shlex.quote(series.region)} --cli-input-json file://query.json"
