"""GetMetricData and its neighbours, as CloudWatch answers them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opsportal.local.aws import expressions, statistics
from opsportal.local.aws.calls import (
    AnswerError,
    Call,
    MetricAnswer,
    MetricColumn,
    moment,
    read_token,
    seconds_of,
    write_token,
)
from opsportal.local.aws.catalogue import ACCOUNT, REGION
from opsportal.local.aws.series import Generator, summaries
from opsportal.local.aws.store import Datum, StoredSeries, aggregate
from opsportal.local.aws.world import World

MAX_QUERIES: Final = 500
MAX_DATAPOINTS: Final = 100_800
DAY: Final = 86_400
# CloudWatch's ladder: how long it keeps points of a period shorter than this many seconds.
_LADDER: Final = ((60, 3 * 3600), (300, 15 * DAY), (3600, 63 * DAY))
_KEPT: Final = 455 * DAY
_IDENTITY: Final = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")
_SUB_MINUTE: Final = frozenset({1, 5, 10, 20, 30})

Points = dict[int, float]


@dataclass(frozen=True, slots=True)
class Question:
    """One statistic of one metric over [start, end) in epoch seconds, as seen at `now`.

    An alarm looked at its datapoints when they were fresh, so it asks with `aged` false.
    """

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    stat: str
    period: int
    start: float
    end: float
    now: float
    aged: bool = True


def invalid(message: str) -> AnswerError:
    return AnswerError("ValidationError", message)


def points(world: World, account: str, region: str, question: Question) -> Points:
    """Return the datapoints of one question, in order of time. Raises AnswerError for one CloudWatch refuses."""
    _check_period(question.period)
    try:
        statistics.check(question.stat)
    except statistics.UnknownStatisticError as error:
        raise invalid(str(error)) from error
    start, end = _window(question)
    stored = world.store.get((account, region, question.namespace, question.name, question.dimensions))
    if stored is not None:
        return _stored(stored, question, start, end)
    if (account, region) != (ACCOUNT, REGION):
        return {}
    generator = world.generator(question.namespace, question.name, question.dimensions)
    return {} if generator is None else _generated(world, generator, question, start, end)


def _check_period(period: int) -> None:
    if period not in _SUB_MINUTE and (period < 60 or period % 60):
        raise invalid(f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60 ({period}).")


def _window(question: Question) -> tuple[int, int]:
    """Round the start down to the period, and cut off what CloudWatch no longer keeps at this period."""
    period = question.period
    oldest = question.now - next((kept for below, kept in _LADDER if period < below), _KEPT)
    start = int(question.start) // period * period
    if question.aged and start < oldest:
        start = (int(oldest) // period + 1) * period
    return start, int(question.end)


def _generated(world: World, generator: Generator, question: Question, start: int, end: int) -> Points:
    # The present minute is not there yet, and no sample is younger than its end.
    after = min(end, int(question.now)) // 60
    if after <= start // 60:
        return {}
    try:
        compute = statistics.of_summaries(question.stat, generator.shape)
        plain = statistics.plain(question.stat) is not None
        rows = summaries(generator, world.spells(generator), start // 60, after, question.period, plain=plain)
        found = ((at, compute(parts)) for at, parts in rows)
        return {at: value for at, value in found if value is not None}
    except statistics.UnknownStatisticError as error:
        raise invalid(str(error)) from error


def _stored(series: StoredSeries, question: Question, start: int, end: int) -> Points:
    buckets: dict[int, list[Datum]] = {}
    for datum in series.between(start, end):
        buckets.setdefault(int(datum.at) // question.period * question.period, []).append(datum)
    found = ((at, aggregate(question.stat, data)) for at, data in sorted(buckets.items()))
    return {at: value for at, value in found if value is not None}


class _Answer:
    """The queries of one request, computed only as far as the page goes."""

    def __init__(self, call: Call, queries: Sequence[Mapping[str, Any]], start: float, end: float, now: float) -> None:
        self._call, self._start, self._end, self._now = call, start, end, now
        self._queries = {str(query["Id"]): query for query in queries}
        self._found: dict[str, Points] = {}
        self._open: set[str] = set()

    def points(self, identity: str) -> Points:
        if identity not in self._found:
            if identity in self._open or identity not in self._queries:
                raise invalid(f"Error in expression: unknown id {identity}")
            self._open.add(identity)
            query = self._queries[identity]
            self._found[identity] = self._math(query) if query.get("Expression") else self._metric(query)
        return self._found[identity]

    def _metric(self, query: Mapping[str, Any]) -> Points:
        stat = query["MetricStat"]
        question = Question(
            namespace=stat["Metric"].get("Namespace", ""),
            name=stat["Metric"].get("MetricName", ""),
            dimensions=pairs(stat["Metric"].get("Dimensions")),
            stat=stat["Stat"],
            period=int(stat["Period"]),
            start=self._start,
            end=self._end,
            now=self._now,
        )
        return points(self._call.world, self._call.account, self._call.region, question)

    def _math(self, query: Mapping[str, Any]) -> Points:
        expression = str(query["Expression"])
        try:
            used = expressions.names(expression)
            series = {name: self.points(name) for name in used}
            periods = {self._period(name) for name in used}
            period = int(query.get("Period") or (max(periods) if periods else 60))
            moments = range(int(self._start) // period * period, int(self._end), period)
            return expressions.evaluate(expression, series, moments)
        except expressions.ExpressionError as error:
            raise invalid(str(error)) from error

    def _period(self, identity: str) -> int:
        query = self._queries[identity]
        return int(query["MetricStat"]["Period"] if query.get("MetricStat") else query.get("Period") or 60)


def pairs(dimensions: Sequence[Mapping[str, str]] | None) -> frozenset[tuple[str, str]]:
    return frozenset((row["Name"], row["Value"]) for row in dimensions or ())


def _check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    if len(queries) > MAX_QUERIES:
        raise invalid("The collection MetricDataQueries must not have a size greater than 500.")
    seen: set[str] = set()
    for query in queries:
        identity = str(query.get("Id", ""))
        if not _IDENTITY.fullmatch(identity):
            raise invalid(f"The value {identity} for parameter Id is not matching the expected pattern.")
        if identity in seen:
            raise invalid(f"The values for parameter Id in MetricDataQueries are not unique: {identity}.")
        seen.add(identity)
        if bool(query.get("Expression")) == bool(query.get("MetricStat")):
            raise invalid(f"Exactly one of Expression and MetricStat must be given for {identity}.")


def get_metric_data(call: Call) -> MetricAnswer:
    """Answer GetMetricData with at most MaxDatapoints points and a token for what is left."""
    params = call.params
    queries: Sequence[Mapping[str, Any]] = params.get("MetricDataQueries") or []
    _check_queries(queries)
    start, end = seconds_of(params["StartTime"]), seconds_of(params["EndTime"])
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    limit = int(params.get("MaxDatapoints") or MAX_DATAPOINTS)
    if not 1 <= limit <= MAX_DATAPOINTS:
        raise invalid(f"The parameter MaxDatapoints must be between 1 and {MAX_DATAPOINTS}.")
    shown = [query for query in queries if query.get("ReturnData", True) not in {False, "false"}]
    print_of_request = _fingerprint(params)
    first, skip, now = 0, 0, call.now.timestamp()
    if params.get("NextToken"):
        # The moment of the first page holds for all, or the pages would not fit together.
        first, skip, now, known = read_token(params["NextToken"], "InvalidNextToken")
        if known != print_of_request:
            raise AnswerError("InvalidNextToken", "The next token belongs to another request.")
    newest_first = (params.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
    answer = _Answer(call, queries, start, end, now)
    columns: list[MetricColumn] = []
    for number, query in enumerate(shown[first:], start=first):
        if limit <= 0:
            return MetricAnswer(columns, write_token([number, 0, now, print_of_request]))
        rows = list(answer.points(str(query["Id"])).items())
        if newest_first:
            rows.reverse()
        left = rows[skip:]
        taken = left[:limit]
        limit -= len(taken)
        columns.append(_column(query, taken, whole=len(taken) == len(left)))
        if len(taken) < len(left):
            return MetricAnswer(columns, write_token([number, skip + len(taken), now, print_of_request]))
        skip = 0
    return MetricAnswer(columns, None)


def _fingerprint(params: Mapping[str, Any]) -> str:
    text = json.dumps({k: v for k, v in params.items() if k != "NextToken"}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _column(query: Mapping[str, Any], rows: list[tuple[int, float]], *, whole: bool) -> MetricColumn:
    name = query["MetricStat"]["Metric"].get("MetricName") if query.get("MetricStat") else None
    return MetricColumn(
        identity=str(query["Id"]),
        label=str(query.get("Label") or name or query["Id"]),
        times=[at for at, _ in rows],
        values=[value for _, value in rows],
        status="Complete" if whole else "PartialData",
    )


def get_metric_statistics(call: Call) -> dict[str, Any]:
    """Answer GetMetricStatistics; each statistic asked for is computed on its own."""
    params = call.params
    plain, extended = list(params.get("Statistics") or []), list(params.get("ExtendedStatistics") or [])
    rows: dict[int, dict[str, Any]] = {}
    for stat in [*plain, *extended]:
        question = Question(
            params["Namespace"],
            params["MetricName"],
            pairs(params.get("Dimensions")),
            stat,
            int(params["Period"]),
            seconds_of(params["StartTime"]),
            seconds_of(params["EndTime"]),
            call.now.timestamp(),
        )
        for at, value in points(call.world, call.account, call.region, question).items():
            row = rows.setdefault(at, {"Timestamp": moment(at)})
            target = row if stat in plain else row.setdefault("ExtendedStatistics", {})
            target[stat] = value
    return {"Label": params["MetricName"], "Datapoints": [row for _, row in sorted(rows.items())]}
