"""Cost Explorer's answer for the simulated account: a plain bill that grows a little from month to month."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from opsportal.local.aws.calls import AnswerError, Call
from opsportal.local.aws.catalogue import ACCOUNT

# USD of a whole month at the start of 2026.
_SERVICES: Final = {
    "Amazon Elastic Container Service": 612.40,
    "Amazon Relational Database Service": 948.75,
    "Amazon Elastic Load Balancing": 131.20,
    "Amazon ElastiCache": 204.10,
    "AmazonCloudWatch": 87.35,
    "Amazon Simple Storage Service": 42.60,
    "AWS Backup": 55.90,
}
_GROWTH: Final = 0.015  # a month
_SINCE: Final = 2026 * 12


def get_cost_and_usage(call: Call) -> dict[str, Any]:
    if call.params["Granularity"] != "MONTHLY":
        raise AnswerError("ValidationException", "The simulator knows months only.")
    period = call.params["TimePeriod"]
    start, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
    if not start < end:
        raise AnswerError("ValidationException", "Start date (and hour) should be before end date (and hour)")
    months = []
    while start < end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        months.append(_month(call, start, min(following, end), following))
        start = following
    return {
        "GroupDefinitions": call.params.get("GroupBy") or [],
        "ResultsByTime": months,
        "DimensionValueAttributes": [],
    }


def _month(call: Call, start: date, end: date, following: date) -> dict[str, Any]:
    first, last = (datetime(day.year, day.month, day.day, tzinfo=call.now.tzinfo) for day in (start, following))
    passed = max(0.0, min(1.0, (call.now - first) / (last - first)))
    grown = (1 + _GROWTH) ** (start.year * 12 + start.month - 1 - _SINCE)
    bills = _SERVICES.items() if call.account == ACCOUNT else ()
    return {
        "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
        "Total": {},
        "Groups": [
            {"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": f"{usd * grown * passed:.10f}", "Unit": "USD"}}}
            for name, usd in bills
        ],
        "Estimated": call.now < last,
    }
