"""PutMetricData and ListMetrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opsportal.local.aws.calls import AnswerError, Call, page, seconds_of
from opsportal.local.aws.metricdata import DAY, pairs
from opsportal.local.aws.series import Summary
from opsportal.local.aws.store import Datum

_EARLIEST: Final = 14 * DAY
_LATEST: Final = 2 * 3600


def list_metrics(call: Call) -> dict[str, Any]:
    """Answer ListMetrics, 500 a page; a dimension filter without a value matches any."""
    params = call.params
    known = [key[2:] for key in call.world.store.keys(call.account, call.region)]
    if call.living:
        known += [generator.metric.key for generator in call.world.generators()]
    wanted = [(row["Name"], row.get("Value")) for row in params.get("Dimensions") or []]
    rows = [
        {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in sorted(dimensions)],
        }
        for namespace, name, dimensions in known
        if params.get("Namespace") in {None, namespace}
        and params.get("MetricName") in {None, name}
        and all(any(k == key and v in {None, value} for key, value in dimensions) for k, v in wanted)
    ]
    shown, token = page(rows, params.get("NextToken"), None, largest=500)
    return {"Metrics": shown} | ({"NextToken": token} if token else {})


def put_metric_data(call: Call) -> dict[str, Any]:
    """Keep datapoints of two weeks back to two hours ahead, as CloudWatch takes them."""
    namespace, now = str(call.params["Namespace"]), call.now.timestamp()
    if namespace.startswith("AWS/"):
        raise AnswerError("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
    for row in call.params.get("MetricData") or []:
        at = seconds_of(row["Timestamp"]) if row.get("Timestamp") else now
        if not now - _EARLIEST <= at <= now + _LATEST:
            raise AnswerError(
                "InvalidParameterValue",
                "The parameter Timestamp must specify a time within the past two weeks and up to two hours ahead.",
            )
        key = (call.account, call.region, namespace, str(row["MetricName"]), pairs(row.get("Dimensions")))
        call.world.store.put(key, _datum(at, row), str(row.get("Unit") or "None"))
    return {}


def _datum(at: float, row: Mapping[str, Any]) -> Datum:
    if row.get("StatisticValues"):
        given = row["StatisticValues"]
        count, total = float(given["SampleCount"]), float(given["Sum"])
        return Datum(at, (), Summary(count, total, float(given["Minimum"]), float(given["Maximum"])))
    values = [float(value) for value in row.get("Values") or [row.get("Value") or 0.0]]
    counts = [float(count) for count in row.get("Counts") or [1.0] * len(values)]
    both = tuple(zip(values, counts, strict=True))
    total = sum(value * count for value, count in both)
    return Datum(at, both, Summary(sum(counts), total, min(values), max(values)))
