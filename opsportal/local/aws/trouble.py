"""AWS gone or lying: how the simulator can fail to answer the portal, account by account."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from opsportal.local.aws.calls import AnswerError, MetricAnswer, MetricColumn, write_token

# Each trouble in the words of who sees it.
TROUBLES: Final = {
    "throttled": "every call is refused as too many",
    "denied": "every call is refused for want of a permission",
    "slow": "every answer takes three seconds",
    "hole": "no answer comes at all",
    "half-paged": "the second page of an answer never comes",
    "clock": "datapoints bear times seven minutes ahead",
    "partial": "every second series comes cut short",
}
SLOW_SECONDS: Final = 3.0
HOLE_SECONDS: Final = 90.0  # longer than any client waits
AHEAD_SECONDS: Final = 420
_LOOK_SECONDS: Final = 0.05


class UnknownTroubleError(ValueError):
    """There is no trouble of that name."""


class Troubles:
    """Which accounts are in trouble. Nothing of it outlives the process."""

    def __init__(self) -> None:
        self._modes: dict[str, str] = {}
        self._lock = threading.Lock()

    def set(self, account: str, mode: str) -> None:
        """Put an account into trouble; "" ends it. Raises UnknownTroubleError."""
        if mode and mode not in TROUBLES:
            raise UnknownTroubleError(f"Troubles: {', '.join(TROUBLES)}; empty for none.")
        with self._lock:
            self._modes[account] = mode

    def of(self, account: str) -> str:
        with self._lock:
            return self._modes.get(account, "")

    def before(self, account: str, action: str) -> None:
        """What befalls a call before it is answered. Raises AnswerError."""
        mode = self.of(account)
        if mode == "throttled":
            raise AnswerError("Throttling", "Rate exceeded")
        if mode == "denied":
            raise AnswerError("AccessDenied", f"User is not authorized to perform: {action}")
        if mode == "slow":
            time.sleep(SLOW_SECONDS)
        ends = time.monotonic() + HOLE_SECONDS
        while self.of(account) == "hole" and time.monotonic() < ends:
            time.sleep(_LOOK_SECONDS)

    def bend(self, account: str, params: Mapping[str, Any], answer: MetricAnswer) -> MetricAnswer:
        """The datapoints as a lying CloudWatch tells them. Raises AnswerError."""
        mode = self.of(account)
        if mode == "half-paged":
            if params.get("NextToken"):
                raise AnswerError("InternalFailure", "The second page is lost.")
            half = len(answer.results) // 2
            return MetricAnswer(answer.results[:half], write_token([half, 0, 0, "lost"]))
        if mode == "clock":
            ahead = [replace(one, times=[at + AHEAD_SECONDS for at in one.times]) for one in answer.results]
            return MetricAnswer(ahead, answer.next_token)
        if mode == "partial":
            return MetricAnswer([_cut(n, one) for n, one in enumerate(answer.results)], answer.next_token)
        return answer


def _cut(number: int, column: MetricColumn) -> MetricColumn:
    if number % 2 == 0:
        return column
    half = len(column.times) // 2
    return replace(column, times=column.times[:half], values=column.values[:half], status="PartialData")
