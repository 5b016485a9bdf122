"""One call that reached the simulator, the errors AWS would answer, and pages of a long answer."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from opsportal.core import clock
from opsportal.local.aws.catalogue import ACCOUNT, REGION
from opsportal.local.aws.world import World


class AnswerError(Exception):
    """An error answer of AWS: its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, where, and with which parameters, named as in the service model."""

    world: World
    account: str
    region: str
    params: Mapping[str, Any]
    now: datetime

    @property
    def living(self) -> bool:
        """Whether the living shop is in this account and region; elsewhere there is nothing."""
        return self.account == ACCOUNT and self.region == REGION


@dataclass(frozen=True, slots=True)
class MetricAnswer:
    """The answer of GetMetricData, kept as plain columns so that it can be encoded quickly."""

    results: list[MetricColumn]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """One series of an answer; times are epoch seconds."""

    identity: str
    label: str
    times: list[int]
    values: list[float]
    status: str


Handler = Callable[[Call], Mapping[str, Any] | MetricAnswer]


def make_call(world: World, account: str, region: str, params: Mapping[str, Any]) -> Call:
    """Return the call as of the shop's own clock."""
    return Call(world, account, region, params, clock.now())


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(value: Any) -> float:
    """Return epoch seconds of what a protocol's parser made of a time."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float):
        return float(value)
    parsed = datetime.fromisoformat(str(value))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def write_token(state: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def read_token(token: str, code: str) -> list[Any]:
    """Return what `write_token` was given. Raises AnswerError with that code for anything else."""
    try:
        state = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error) as error:
        raise AnswerError(code, "The next token is not valid.") from error
    if not isinstance(state, list):
        raise AnswerError(code, "The next token is not valid.")
    return state


_DEFAULT_PAGE: Final = 100


def page(
    rows: Sequence[Any], token: Any, size: Any, *, code: str = "InvalidNextToken", largest: int = _DEFAULT_PAGE
) -> tuple[Sequence[Any], str | None]:
    """Return one page of rows and the token of the next."""
    first = int(read_token(str(token), code)[0]) if token else 0
    after = first + min(int(size or largest), largest)
    return rows[first:after], write_token([after]) if after < len(rows) else None
