"""X-Ray: how requests are sampled, who calls whom, and the traces that ended in an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client

FAILED: Final = "error = true OR fault = true OR throttle = true"
MOST_PAGES: Final = 20  # of failed requests: in a storm there are thousands, of which the newest few are kept


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """Which requests are traced: the first `reservoir` a second, then the share `rate` (0 to 1) of the rest."""

    name: str
    priority: int
    rate: float
    reservoir: int
    service: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class TraceEdge:
    """Calls of one service to another, as far as they were sampled. `seconds` is the sum of their response times."""

    source: str
    target: str
    kind: str
    calls: int
    errors: int
    faults: int
    throttles: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ErrorTrace:
    """One request that failed. `fault` is a 5xx, `error` a 4xx; `cause` what the failing service threw."""

    identifier: str
    at: datetime
    seconds: float
    method: str
    url: str
    status: int
    kind: str
    services: tuple[str, ...]
    cause: str


def sampling_rules(account: AwsAccount, region: str) -> list[SamplingRule]:
    """Return the rules in the order in which they are tried."""
    with guard(account, region, "xray:GetSamplingRules"):
        pages = client(account, "xray", region).get_paginator("get_sampling_rules").paginate()
        rows = [record["SamplingRule"] for page in pages for record in page.get("SamplingRuleRecords", [])]
    found = [
        SamplingRule(
            name=row.get("RuleName", ""),
            priority=int(row["Priority"]),
            rate=float(row["FixedRate"]),
            reservoir=int(row["ReservoirSize"]),
            service=row["ServiceName"],
            method=row["HTTPMethod"],
            path=row["URLPath"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda rule: (rule.priority, rule.name))


def service_graph(account: AwsAccount, region: str, *, start: datetime, end: datetime) -> list[TraceEdge]:
    """Return who called whom between start and end, six hours at most; callers outside AWS are `client`."""
    with guard(account, region, "xray:GetServiceGraph"):
        pages = (
            client(account, "xray", region).get_paginator("get_service_graph").paginate(StartTime=start, EndTime=end)
        )
        rows = [row for page in pages for row in page.get("Services", [])]
    by_id = {row["ReferenceId"]: row for row in rows}
    found = [
        _edge(row, by_id[edge["ReferenceId"]], edge.get("SummaryStatistics", {}))
        for row in rows
        for edge in row.get("Edges", [])
        if edge.get("ReferenceId") in by_id
    ]
    return sorted(found, key=lambda edge: (edge.source, edge.target))


def _edge(source: Mapping[str, Any], target: Mapping[str, Any], figures: Mapping[str, Any]) -> TraceEdge:
    errors = figures.get("ErrorStatistics", {})
    return TraceEdge(
        source="client" if source.get("Type") == "client" else source.get("Name", ""),
        target=target.get("Name", ""),
        kind=target.get("Type", ""),
        calls=int(figures.get("TotalCount", 0)),
        errors=int(errors.get("OtherCount", 0)),
        faults=int(figures.get("FaultStatistics", {}).get("TotalCount", 0)),
        throttles=int(errors.get("ThrottleCount", 0)),
        seconds=float(figures.get("TotalResponseTime", 0.0)),
    )


def error_traces(account: AwsAccount, region: str, *, start: datetime, end: datetime, most: int) -> list[ErrorTrace]:
    """Return at most `most` traces that failed between start and end, 24 hours at most, newest first.

    X-Ray gives them in no order, so they are cut after they were sorted: the newest of the first `MOST_PAGES` pages.
    """
    with guard(account, region, "xray:GetTraceSummaries"):
        pages = client(account, "xray", region).get_paginator("get_trace_summaries")
        asked = pages.paginate(StartTime=start, EndTime=end, FilterExpression=FAILED, Sampling=False)
        rows = [row for page in islice(asked, MOST_PAGES) for row in page.get("TraceSummaries", [])]
    found = [_trace(row, start) for row in rows]
    return sorted(found, key=lambda trace: (trace.at, trace.identifier), reverse=True)[:most]


def _trace(row: Mapping[str, Any], start: datetime) -> ErrorTrace:
    asked = row.get("Http", {})
    kind = "fault" if row.get("HasFault") else "throttle" if row.get("HasThrottle") else "error"
    return ErrorTrace(
        identifier=row["Id"],
        at=row.get("StartTime", start),
        seconds=float(row.get("ResponseTime", row.get("Duration", 0.0))),
        method=asked.get("HttpMethod", ""),
        url=asked.get("HttpURL", ""),
        status=int(asked.get("HttpStatus", 0)),
        kind=kind,
        services=tuple(one["Name"] for one in row.get("ServiceIds", []) if one.get("Name")),
        cause=_cause([*row.get("FaultRootCauses", []), *row.get("ErrorRootCauses", [])]),
    )


def _cause(causes: list[Mapping[str, Any]]) -> str:
    """The last service on the way and what it threw: `payment: TimeoutException no answer in 5 s`."""
    for cause in causes:
        for service in reversed(cause.get("Services", [])):
            for entity in reversed(service.get("EntityPath", [])):
                for thrown in entity.get("Exceptions", []):
                    return f"{service.get('Name', '')}: {thrown.get('Name', '')} {thrown.get('Message', '')}".strip()
    return ""
