"""Reading X-Ray: each kind by itself, so that a permission that is missing leaves the others alone (M-MET-11)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from monitoring.models import AwsAccount, TraceKind, TraceReading
from monitoring.services.accounts import aws_session
from opsportal.aws import xray
from opsportal.aws.errors import AwsError, AwsUnreachableError
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.core.masking import mask_line

GRAPH_BACK: Final = timedelta(minutes=15)
ERRORS_BACK: Final = timedelta(hours=6)
MOST_ERRORS: Final = 50
MOST_EDGES: Final = 500


def _sampling(session: AwsSession, region: str, _at: datetime) -> Sequence[Any]:
    return xray.sampling_rules(session, region)


def _graph(session: AwsSession, region: str, at: datetime) -> Sequence[Any]:
    return xray.service_graph(session, region, start=at - GRAPH_BACK, end=at)[:MOST_EDGES]


def _errors(session: AwsSession, region: str, at: datetime) -> Sequence[Any]:
    return xray.error_traces(session, region, start=at - ERRORS_BACK, end=at, most=MOST_ERRORS)


READERS: Final[Mapping[str, Callable[[AwsSession, str, datetime], Sequence[Any]]]] = {
    TraceKind.SAMPLING: _sampling,
    TraceKind.GRAPH: _graph,
    TraceKind.ERRORS: _errors,
}


def read_traces(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Read every kind; returns how many could be read. Never raises for what AWS does."""
    session, read = aws_session(account), 0
    silent: AwsUnreachableError | None = None
    for kind, reader in READERS.items():
        values: dict[str, Any]
        try:
            if silent is not None:
                raise silent
            values = {"rows": [_row(item) for item in reader(session, region, at)], "fetched_at": at}
            values |= {"error": "", "permission": ""}
            read += 1
        except AwsError as error:
            silent = error if isinstance(error, AwsUnreachableError) and error.is_silence else None
            values = {"error": str(error)[:500], "permission": error.permission[:80]}
        TraceReading.objects.update_or_create(
            account=account, region=region, kind=kind, defaults=values | {"tried_at": at}
        )
    return read


def _row(item: Any) -> dict[str, Any]:
    """As it is kept: an address without its query, which may speak of a person, and what was thrown masked."""
    row: dict[str, Any] = orjson.loads(orjson.dumps(asdict(item)))
    if "url" in row:
        row["url"] = mask_line(urlsplit(row["url"])._replace(query="", fragment="").geturl())[:300]
        row["cause"] = mask_line(row["cause"])[:300]
    return row
