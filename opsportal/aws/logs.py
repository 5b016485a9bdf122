"""CloudWatch Logs Insights: a question put, looked at, stopped; or asked and waited for. It reads and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opsportal.aws.errors import AwsError, AwsUnreachableError, guard
from opsportal.aws.session import AwsAccount, client

PAUSE_SECONDS: Final = 0.5
ERRORS: Final = (
    "fields @timestamp, @message | filter @message like /(?i)(error|exception|fatal)/ | sort @timestamp desc"
)
ENDED: Final = frozenset({"Complete", "Failed", "Cancelled", "Timeout", "Unknown"})


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What a question found so far: one mapping of field to text per line, and how much was read for it.

    `status` is AWS's own word; only Complete is the whole answer.
    """

    rows: tuple[dict[str, str], ...]
    bytes_scanned: float
    status: str = "Complete"
    records_matched: float = 0.0


def begin(
    account: AwsAccount, region: str, *, groups: Sequence[str], text: str, start: datetime, end: datetime, limit: int
) -> str:
    """Put a question to log groups; returns the id by which it is looked at. Raises AwsError."""
    with guard(account, region, "logs:StartQuery"):
        begun = client(account, "logs", region).start_query(
            logGroupNames=list(groups),
            startTime=int(start.timestamp()),
            endTime=int(end.timestamp()),
            queryString=text,
            limit=limit,
        )
    return str(begun["queryId"])


def look(account: AwsAccount, region: str, query_id: str) -> LogAnswer:
    """What it found until now. Raises AwsError."""
    with guard(account, region, "logs:GetQueryResults"):
        answer = client(account, "logs", region).get_query_results(queryId=query_id)
    rows = tuple({cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in answer["results"])
    figures = answer.get("statistics", {})
    return LogAnswer(
        rows,
        float(figures.get("bytesScanned", 0.0)),
        str(answer["status"]),
        float(figures.get("recordsMatched", 0.0)),
    )


def query(
    account: AwsAccount,
    region: str,
    *,
    groups: Sequence[str],
    text: str,
    start: datetime,
    end: datetime,
    limit: int = 50,
    seconds: float = 20.0,
) -> LogAnswer:
    """Ask the log groups and wait up to `seconds` for the whole answer. Raises AwsError, also when it takes longer.

    A question that is given up is stopped.
    """
    begun = begin(account, region, groups=groups, text=text, start=start, end=end, limit=limit)
    until, status = time.monotonic() + seconds, ""
    try:
        while True:
            answer = look(account, region, begun)
            status = answer.status
            if status in ENDED or time.monotonic() > until:
                break
            time.sleep(PAUSE_SECONDS)
    finally:
        # Whatever ended the waiting, the task's time limit too: nobody will read what goes on being scanned and paid.
        if status not in ENDED:
            with suppress(AwsError):
                stop(account, region, begun)
    if status != "Complete":
        raise AwsUnreachableError(
            what=f"logs:GetQueryResults in {region} of account {account.account_id}",
            permission="logs:GetQueryResults",
            code=status,
            detail=f"The question was {status.lower()} after {seconds:g} s: ask about less time.",
        )
    return answer


def stop(account: AwsAccount, region: str, query_id: str) -> bool:
    """End a question that still runs; whether it did. Raises AwsError, also when it has ended by itself."""
    with guard(account, region, "logs:StopQuery"):
        return bool(client(account, "logs", region).stop_query(queryId=query_id)["success"])
