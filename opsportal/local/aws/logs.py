"""CloudWatch Logs Insights of the living shop: lines that follow the faults, and the small part of its language asked.

A line is a function of group and minute, as a metric's value is of series and minute.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from opsportal.local.aws.calls import AnswerError, Call
from opsportal.local.aws.catalogue import PLATFORMS, Platform, Service
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
_LIKE: Final = re.compile(r"@message\s+(?:like|=~)\s+/((?:[^/\\]|\\.)*)/")
_LIMIT: Final = re.compile(r"\blimit\s+(\d+)")


def start_query(call: Call) -> dict[str, Any]:
    names = [str(name) for name in call.params.get("logGroupNames") or [call.params.get("logGroupName")]]
    known = _groups(call)
    missing = [name for name in names if name not in known]
    if missing:
        raise AnswerError("ResourceNotFoundException", f"Log group '{missing[0]}' does not exist.")
    identity = str(uuid4())
    call.world.remember_query(identity, dict(call.params) | {"logGroupNames": names})
    return {"queryId": identity}


def get_query_results(call: Call) -> dict[str, Any]:
    asked = call.world.query(str(call.params["queryId"]))
    if asked is None:
        raise AnswerError("ResourceNotFoundException", "Query does not exist.")
    text, groups = str(asked["queryString"]), _groups(call)
    like, limit = _LIKE.search(text), _LIMIT.search(text)
    wanted = re.compile(like[1]) if like else None
    end = min(int(asked["endTime"]), int(call.now.timestamp()))
    lines = sorted(
        (
            row
            for name in asked["logGroupNames"]
            for row in _lines(call, *groups[name], first=int(asked["startTime"]), end=end)
        ),
        reverse=True,
    )
    found = [row for row in lines if wanted is None or wanted.search(row[1])]
    size = min(int(limit[1]) if limit else 10_000, int(asked.get("limit") or 1_000))
    return {
        "results": [
            [
                {"field": "@timestamp", "value": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}.000"},
                {"field": "@message", "value": message},
            ]
            for at, message in found[:size]
        ],
        "statistics": {
            "recordsMatched": float(len(found)),
            "recordsScanned": float(len(lines)),
            "bytesScanned": float(sum(len(message) for _, message in lines)),
        },
        "status": "Complete",
    }


def stop_query(call: Call) -> dict[str, Any]:
    """Say that it stopped: every question is answered at the first look, so there is nothing to end."""
    if call.world.query(str(call.params["queryId"])) is None:
        raise AnswerError("ResourceNotFoundException", "Query does not exist.")
    return {"success": True}


def _groups(call: Call) -> dict[str, tuple[Platform, Service]]:
    owners = PLATFORMS if call.living else ()
    return {log_group(service.name): (owner, service) for owner in owners for service in owner.services}


def _lines(call: Call, owner: Platform, service: Service, *, first: int, end: int) -> Iterator[tuple[int, str]]:
    """(epoch second, line) of one group: a few calm ones a minute, one in ten seconds under a fault of its front."""
    is_front = service == owner.services[0]
    faults = [f for f in call.world.faults() if is_front and f.platform == owner.key and f.name in _FAULTY]
    begin = max(first, end - _LONGEST * _MINUTE)
    for minute in range(begin // _MINUTE, end // _MINUTE + 1):
        drawn = hashlib.sha256(f"{service.name}/{minute}".encode()).digest()
        found = [(minute * _MINUTE + drawn[0] % _MINUTE, _CALM[0]), (minute * _MINUTE + drawn[1] % _MINUTE, _CALM[1])]
        if drawn[2] < 16:
            found.append((minute * _MINUTE + drawn[3] % _MINUTE, _CALM[2 + drawn[4] % 2]))
        for fault in faults:
            if fault.covers(datetime.fromtimestamp(minute * _MINUTE + _MINUTE - 1, UTC)):
                said = _FAULTY[fault.name]
                seconds = range(drawn[5] % 10, _MINUTE, 10)
                found += [(minute * _MINUTE + at, said[(at + drawn[6]) % len(said)]) for at in seconds]
        yield from (row for row in found if begin <= row[0] < end)
