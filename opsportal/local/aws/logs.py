"""CloudWatch Logs of the living shop: lines that follow the faults, asked in the language of Logs Insights.

A line is a function of group and minute, as a metric's value is of series and minute.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from opsportal.local.aws import insights
from opsportal.local.aws.calls import AnswerError, Call
from opsportal.local.aws.catalogue import LINE_BYTES, PLATFORMS, Platform, Service
from opsportal.local.aws.services import log_group

_MINUTE: Final = 60
_LONGEST: Final = 24 * 60  # minutes that one question reads
_FAULTY: Final[dict[str, Sequence[str]]] = {
    "db-connections": (
        "ERROR FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "ERROR HikariPool-1 - Connection is not available, request timed out after 30000ms",
    ),
    "error-rate": (
        'ERROR 500 POST /orders NullPointerException: cannot invoke "Price.amount()" because "price" is null',
        "ERROR 500 GET /cart unhandled exception in request",
    ),
    "latency": (
        "ERROR 504 GET /search upstream timed out after 5000ms",
        "WARN  GC pause 1840ms, heap 96%",
    ),
    "service-down": (
        "FATAL could not bind port 8080, shutting down",
        "ERROR container health check failed, exit code 1",
    ),
}  # fmt: skip
_CALM: Final = (
    "INFO  200 GET /health 2ms",
    "INFO  200 GET / 38ms",
    "WARN  retrying request to a dependency, attempt 2",
    "ERROR 502 GET /image connection reset by peer",
)
_SLOW: Final = ("db-connections", "latency")
_ACTIONS: Final = ("browse", "browse", "login", "purchase", "logout")
_STATEMENTS: Final = (
    "SELECT * FROM orders WHERE customer_id = $1 ORDER BY created_at",
    "UPDATE carts SET updated_at = now() WHERE id = $1",
    "SELECT count(*) FROM products WHERE name ILIKE $1",
)


def start_query(call: Call) -> dict[str, Any]:
    names = [str(name) for name in call.params.get("logGroupNames") or [call.params.get("logGroupName")]]
    known = _groups(call)
    missing = [name for name in names if name not in known]
    if missing:
        raise AnswerError("ResourceNotFoundException", f"Log group '{missing[0]}' does not exist.")
    try:
        insights.check(str(call.params["queryString"]))
    except insights.MalformedError as error:
        raise AnswerError("MalformedQueryException", str(error)) from error
    identity = str(uuid4())
    call.world.remember_query(identity, dict(call.params) | {"logGroupNames": names})
    return {"queryId": identity}


def get_query_results(call: Call) -> dict[str, Any]:
    asked = call.world.query(str(call.params["queryId"]))
    if asked is None:
        raise AnswerError("ResourceNotFoundException", "Query does not exist.")
    groups = _groups(call)
    end = min(int(asked["endTime"]), int(call.now.timestamp()))
    lines = [
        _row(name, at, message, fields)
        for name in asked["logGroupNames"]
        for at, message, fields in _lines(call, *groups[name], first=int(asked["startTime"]), end=end)
    ]
    # The lines here are a sample of those a service writes, one a request.
    span = max(0, end - int(asked["startTime"])) / _MINUTE
    scanned = [int(groups[name][1].per_minute * min(span, _LONGEST)) for name in asked["logGroupNames"]]
    found, matched = insights.evaluate(str(asked["queryString"]), lines, int(asked.get("limit") or 1_000))
    return {
        "results": [[{"field": name, "value": value} for name, value in row.items()] for row in found],
        "statistics": {
            "recordsMatched": float(matched),
            "recordsScanned": float(sum(scanned)),
            "bytesScanned": float(sum(scanned) * LINE_BYTES),
        },
        "status": "Complete",
    }


def _row(group: str, at: int, message: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    stream = f"ecs/{group.rpartition('/')[2]}"
    return {**fields, "at": at, "@timestamp": insights.stamp(at), "@message": message, "@logStream": stream}


def stop_query(call: Call) -> dict[str, Any]:
    """Say that it stopped: every question is answered at the first look, so there is nothing to end."""
    if call.world.query(str(call.params["queryId"])) is None:
        raise AnswerError("ResourceNotFoundException", "Query does not exist.")
    return {"success": True}


def _groups(call: Call) -> dict[str, tuple[Platform, Service]]:
    owners = PLATFORMS if call.living else ()
    return {log_group(service.name): (owner, service) for owner in owners for service in owner.services}


def _lines(
    call: Call, owner: Platform, service: Service, *, first: int, end: int
) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """(epoch second, line, its fields) of one group: a few calm ones a minute, one in ten seconds under a fault."""
    is_front = service == owner.services[0]
    faults = [f for f in call.world.faults() if is_front and f.platform == owner.key and f.name in _FAULTY]
    silent = [f for f in call.world.faults() if is_front and (f.platform, f.name) == (owner.key, "log-silence")]
    begin = max(first, end - _LONGEST * _MINUTE)
    for minute in range(begin // _MINUTE, end // _MINUTE + 1):
        drawn = hashlib.sha256(f"{service.name}/{minute}".encode()).digest()
        found = [(minute * _MINUTE + drawn[0] % _MINUTE, _CALM[0]), (minute * _MINUTE + drawn[1] % _MINUTE, _CALM[1])]
        if drawn[2] < 16:
            found.append((minute * _MINUTE + drawn[3] % _MINUTE, _CALM[2 + drawn[4] % 2]))
        if any(f.covers(datetime.fromtimestamp(minute * _MINUTE, UTC)) for f in silent):
            continue
        active = [f for f in faults if f.covers(datetime.fromtimestamp(minute * _MINUTE + _MINUTE - 1, UTC))]
        for fault in active:
            said = _FAULTY[fault.name]
            seconds = range(drawn[5] % 10, _MINUTE, 10)
            found += [(minute * _MINUTE + at, said[(at + drawn[6]) % len(said)]) for at in seconds]
        for at, message in found:
            if begin <= at < end:
                yield at, message, {}
        for at, fields in _structured(service, minute, drawn, is_slow=any(f.name in _SLOW for f in active)):
            if begin <= at < end:
                yield at, json.dumps(fields), fields


def _structured(
    service: Service, minute: int, drawn: bytes, *, is_slow: bool
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Lines in JSON, whose fields Logs Insights finds by itself: requests, who did what, slow statements, sign-ins."""
    start, person = minute * _MINUTE, f"u-{1000 + drawn[7] % 40}"
    took = round(service.median_seconds * 1000 * (0.6 + drawn[8] / 160) * (6 if is_slow else 1))
    action = _ACTIONS[drawn[9] % len(_ACTIONS)]
    yield start + drawn[10] % _MINUTE, {"level": "INFO", "action": action, "user_id": person, "response_time": took}
    if drawn[11] < (120 if is_slow else 10):
        yield start + drawn[12] % _MINUTE, {
            "level": "WARN", "query_duration": 1000 + 9 * drawn[13],
            "statement": _STATEMENTS[drawn[14] % len(_STATEMENTS)],
        }  # fmt: skip
    if drawn[15] < 12:
        address = f"203.0.113.{drawn[16]}"
        yield start + drawn[17] % _MINUTE, {
            "category": "SECURITY", "event": "AUTH_FAILED", "client_ip": address, "user_id": person,
        }  # fmt: skip
