"""CloudWatch alarms that are evaluated: born with insufficient data, M of N, missing data as asked, with history."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opsportal.local.aws.calls import Call
from opsportal.local.aws.metricdata import Question, pairs, points
from opsportal.local.aws.standing import standing_alarms
from opsportal.local.aws.world import World

HISTORY_SECONDS: Final = 30 * 86_400
# Period ends that are walked one by one, whatever befell the shop.
_SHORT_WALK: Final = 240


@dataclass(slots=True)
class Change:
    """One change of state."""

    at: float
    before: str
    after: str
    reason: str


@dataclass(slots=True)
class HeldAlarm:
    """An alarm with its definition as it was put, its state and its history."""

    definition: dict[str, Any]
    born: float
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    changed: float = 0.0
    seen: float = 0.0
    history: list[Change] = field(default_factory=list)

    def turn(self, at: float, state: str, reason: str) -> None:
        if state != self.state:
            self.history.append(Change(at, self.state, state, reason))
            self.state, self.reason, self.changed = state, reason, at


COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def decide(definition: Mapping[str, Any], window: list[float | None], state: str) -> str:
    """Return the state after the last N periods, oldest first; None stands for a period without data."""
    wanted = int(definition.get("DatapointsToAlarm") or definition["EvaluationPeriods"])
    treatment = definition.get("TreatMissingData") or "missing"
    if all(value is None for value in window) and treatment in {"missing", "ignore"}:
        return "INSUFFICIENT_DATA" if treatment == "missing" else state
    breaches = COMPARISONS[definition["ComparisonOperator"]]
    bad = sum(
        1
        for value in window
        if (treatment == "breaching" if value is None else breaches(value, definition["Threshold"]))
    )
    return "ALARM" if bad >= wanted else "OK"


class AlarmBook:
    """All alarms of one simulator: those of the living shop and those that a client has put."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._put: dict[tuple[str, str], dict[str, HeldAlarm]] = {}
        self._living: dict[str, HeldAlarm] = {}
        self._revision = -1

    def held(self, call: Call) -> dict[str, HeldAlarm]:
        """Return the alarms of the caller's account and region, evaluated up to now."""
        with self._lock:
            now = call.now.timestamp()
            found = dict(self._put.get((call.account, call.region), {}))
            if call.living:
                self._refresh_living(now)
                found = {**self._living, **found}
            for alarm in found.values():
                self._evaluate(alarm, call, now)
            return found

    def put(self, call: Call, definition: dict[str, Any]) -> None:
        with self._lock:
            now = call.now.timestamp()
            mine = self._put.setdefault((call.account, call.region), {})
            mine[definition["AlarmName"]] = HeldAlarm(definition, born=now, changed=now, seen=now)

    def delete(self, call: Call, names: list[str]) -> None:
        with self._lock:
            for name in names:
                self._put.get((call.account, call.region), {}).pop(name, None)

    def _refresh_living(self, now: float) -> None:
        # A fault may lie in the past; then the history is not what it was, and is walked anew.
        if self._revision != self._world.revision:
            self._revision = self._world.revision
            born = now - HISTORY_SECONDS
            self._living = {
                row["AlarmName"]: HeldAlarm(row, born=born, changed=born, seen=born) for row in standing_alarms()
            }

    def _evaluate(self, alarm: HeldAlarm, call: Call, now: float) -> None:
        definition = alarm.definition
        period, number = int(definition["Period"]), int(definition["EvaluationPeriods"])
        first, last = int(alarm.seen) // period, int(now) // period
        for start, after in self._stretches(alarm, first + 1, last + 1, period, number):
            question = Question(
                namespace=definition["Namespace"],
                name=definition["MetricName"],
                dimensions=pairs(definition.get("Dimensions")),
                stat=definition.get("Statistic") or definition["ExtendedStatistic"],
                period=period,
                start=(start - number) * period,
                end=(after - 1) * period,
                now=now,
                aged=False,
            )
            values = points(self._world, call.account, call.region, question)
            for boundary in range(start, after):
                window = [values.get(n * period) for n in range(boundary - number, boundary)]
                state = decide(definition, window, alarm.state)
                if state != alarm.state:
                    alarm.turn(boundary * period, state, _reason(definition, window, state))
        if last > first:
            alarm.seen = now

    def _stretches(self, alarm: HeldAlarm, first: int, after: int, period: int, number: int) -> list[tuple[int, int]]:
        """Return the ranges of period ends to walk. A calm shop crosses no line, so its days are skipped."""
        definition = alarm.definition
        dimensions = pairs(definition.get("Dimensions"))
        generator = self._world.generator(definition["Namespace"], definition["MetricName"], dimensions)
        if generator is None or after - first <= _SHORT_WALK:
            return [(first, after)] if after > first else []
        near = [(first, first + 1)]
        for spell in self._world.spells(generator):
            start = max(first, spell.first * 60 // period)
            end = min(after, spell.after * 60 // period + number + 2)
            if end > start:
                near.append((start, end))
        return sorted(near)


def _reason(definition: Mapping[str, Any], window: list[float | None], state: str) -> str:
    if state == "INSUFFICIENT_DATA":
        return "Insufficient Data: no datapoints were received."
    shown = ", ".join("-" if value is None else f"{value:g}" for value in reversed(window))
    verdict = "crossed" if state == "ALARM" else "did not cross"
    return (
        f"Threshold Crossed: the last {len(window)} datapoints [{shown}] {verdict} the threshold "
        f"({definition['ComparisonOperator']} {float(definition['Threshold']):g})."
    )
