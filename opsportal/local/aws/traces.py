"""X-Ray of the living shop: its sampling rules, who calls whom, and the traces that the faults leave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from opsportal.local.aws.calls import Call, page, seconds_of
from opsportal.local.aws.catalogue import PLATFORMS, Platform, Service
from opsportal.local.aws.faults import Fault

RATES: Final = {"bookstore": 0.01}  # of the guides only Bookstore's gives a rate
USUAL_RATE: Final = 0.05
_MOST: Final = 3_600
# What a fault of the front makes of its calls: the share that fails, what is thrown where.
_FAILING: Final[Mapping[str, tuple[float, str, str]]] = {
    "error-rate": (0.18, "NullPointerException", 'cannot invoke "Price.amount()" because "price" is null'),
    "service-down": (0.97, "ConnectException", "connection refused"),
    "db-connections": (0.06, "PSQLException", "remaining connection slots are reserved"),
    "latency": (0.02, "TimeoutException", "upstream timed out after 5000ms"),
}
_CALM: Final = (0.0002, "SocketException", "connection reset by peer")
_PATHS: Final = ("/orders", "/cart", "/search", "/image")


def get_sampling_rules(call: Call) -> dict[str, Any]:
    owners = PLATFORMS if call.living else ()
    rows = [
        _rule(owner.key, 1_000 + number, RATES[owner.key], 1, owner.services[0].name)
        for number, owner in enumerate(owners)
        if owner.key in RATES
    ]
    return {"SamplingRuleRecords": [*rows, _rule("Default", 10_000, USUAL_RATE, 1, "*")] if owners else []}


def _rule(name: str, priority: int, rate: float, reservoir: int, service: str) -> dict[str, Any]:
    return {
        "SamplingRule": {
            "RuleName": name, "ResourceARN": "*", "Priority": priority, "FixedRate": rate, "ReservoirSize": reservoir,
            "ServiceName": service, "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1,
        }
    }  # fmt: skip


def get_service_graph(call: Call) -> dict[str, Any]:
    start, end = _span(call)
    rows: list[dict[str, Any]] = []
    for owner in PLATFORMS if call.living else ():
        rows += _graph(call, owner, start, end, first=len(rows))
    return {"StartTime": start, "EndTime": end, "Services": rows, "ContainsOldGroupVersions": False}


def _span(call: Call) -> tuple[datetime, datetime]:
    start, end = (datetime.fromtimestamp(seconds_of(call.params[name]), UTC) for name in ("StartTime", "EndTime"))
    return start, min(end, call.now)


def _graph(call: Call, owner: Platform, start: datetime, end: datetime, *, first: int) -> list[dict[str, Any]]:
    front, minutes = owner.services[0], max(0.0, (end - start).total_seconds() / 60)
    share = _failing(call, owner, end)[0]
    sampled = front.per_minute * RATES.get(owner.key, USUAL_RATE) * minutes
    others = [(service.name, "AWS::ECS::Container", 0.3, 0.0) for service in owner.services[1:]]
    others += [
        (owner.database.identifier, "Database::SQL", 0.8, share / 2),
        (owner.cache, "AWS::ElastiCache", 0.9, 0.0),
    ]
    edges = [
        _edge(first + 2 + number, sampled * part, lost, 0.02) for number, (_n, _k, part, lost) in enumerate(others)
    ]
    ends = {"StartTime": start, "EndTime": end, "State": "active"}
    return [
        {**ends, "ReferenceId": first, "Name": owner.domain, "Type": "client", "Root": True,
         "Edges": [_edge(first + 1, sampled, share, front.median_seconds)]},
        {**ends, "ReferenceId": first + 1, "Name": front.name, "Type": "AWS::ECS::Container", "Edges": edges},
        *(
            {**ends, "ReferenceId": first + 2 + number, "Name": name, "Type": kind, "Edges": []}
            for number, (name, kind, _part, _lost) in enumerate(others)
        ),
    ]  # fmt: skip


def _edge(target: int, calls: float, failing: float, seconds: float) -> dict[str, Any]:
    total = int(calls)
    faults = int(total * failing)
    figures = {
        "OkCount": total - faults,
        "ErrorStatistics": {"ThrottleCount": 0, "OtherCount": 0, "TotalCount": 0},
        "FaultStatistics": {"OtherCount": faults, "TotalCount": faults},
        "TotalCount": total,
        "TotalResponseTime": total * seconds,
    }
    return {"ReferenceId": target, "SummaryStatistics": figures}


def _failing(call: Call, owner: Platform, at: datetime) -> tuple[float, str, str]:
    active = [fault for fault in call.world.active(at) if fault.platform == owner.key and fault.name in _FAILING]
    return _FAILING[active[0].name] if active else _CALM


def get_trace_summaries(call: Call) -> dict[str, Any]:
    start, end = _span(call)
    rows = sorted(
        (row for owner in (PLATFORMS if call.living else ()) for row in _traces(call, owner, start, end)),
        key=lambda row: row["StartTime"],
        reverse=True,
    )
    shown, token = page(rows, call.params.get("NextToken"), None, code="InvalidRequestException")
    answer = {"TraceSummaries": list(shown), "ApproximateTime": end, "TracesProcessedCount": len(rows)}
    return answer | ({"NextToken": token} if token else {})


def _traces(call: Call, owner: Platform, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """One failed request now and then, one each ten seconds while a fault of the front lasts."""
    front = owner.services[0]
    known = [fault for fault in call.world.faults() if fault.platform == owner.key and fault.name in _FAILING]
    first, last = int(start.timestamp()) // 10, int(end.timestamp()) // 10
    for step in range(max(first, last - _MOST), last):
        at = datetime.fromtimestamp(step * 10, UTC)
        drawn = hashlib.sha256(f"{front.name}/trace/{step}".encode()).digest()
        fault = next((one for one in known if one.covers(at)), None)
        if fault is not None or (drawn[0], drawn[1] % 8) == (7, 0):
            yield _trace(owner, front, at + timedelta(milliseconds=4 * drawn[2]), drawn, fault)


def _trace(owner: Platform, front: Service, at: datetime, drawn: bytes, fault: Fault | None) -> dict[str, Any]:
    _share, thrown, message = _FAILING[fault.name] if fault else _CALM
    took = 5.0 if thrown == "TimeoutException" else front.median_seconds * (1 + drawn[3] / 100)
    path = _PATHS[drawn[4] % len(_PATHS)]
    entity = {"Name": front.name, "Exceptions": [{"Name": thrown, "Message": message}], "Remote": False}
    return {
        "Id": f"1-{int(at.timestamp()):08x}-{drawn.hex()[:24]}",
        "StartTime": at,
        "Duration": took,
        "ResponseTime": took,
        "HasFault": True,
        "HasError": False,
        "HasThrottle": False,
        "Http": {"HttpURL": f"https://{owner.domain}{path}?user=u-{drawn[5]}", "HttpStatus": 500, "HttpMethod": "GET"},
        "ServiceIds": [{"Name": front.name, "Type": "AWS::ECS::Container"}],
        "FaultRootCauses": [{"Services": [{"Name": front.name, "EntityPath": [entity]}]}],
    }
