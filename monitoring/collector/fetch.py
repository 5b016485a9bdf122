"""One batched question to CloudWatch: which statistics of which series, and the answer as blocks of points."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Final

from monitoring.models import Series
from monitoring.store import STAT_COLUMNS, PointBlock
from opsportal.aws.cloudwatch import DATAPOINTS_PER_REQUEST, QUERIES_PER_REQUEST, MetricQuery, MetricResult, metric_data
from opsportal.aws.errors import AwsError, AwsRejectedError, AwsThrottledError
from opsportal.aws.session import AwsAccount as AwsSession

PERCENTILES: Final = frozenset({"p50", "p95", "p99"})
COARSE: Final = (3600, 86400)  # periods at which percentiles alone are fetched: they cannot be rolled up
POINTS_PER_BATCH: Final = 400_000  # of one answer held in memory
STATS_PER_METRIC: Final = 5  # AWS bills up to five statistics of a metric as one
REJECTED: Final = "rejected: "
BAD_QUERY: Final = frozenset({"InvalidParameterCombination", "InvalidParameterValue", "ValidationError"})
TIME_OVER: Final = "Time was over before every series was asked; the others are asked by the next pass."
STRAY: Final = "CloudWatch answered for times that were not asked about: its clock or ours is wrong."

Wanted = tuple[Series, Sequence[str]]
Pace = Callable[[int], None]


@dataclass(slots=True)
class Fetched:
    """What came back: points, the series answered completely, and what went wrong with the others.

    `refused` counts datapoints outside the time asked about, or that are no number. `stopped` says that AWS gave no
    answer, or that the time was over: nothing more is asked in this pass. `status` holds every series that was asked.
    """

    blocks: list[PointBlock] = field(default_factory=list)
    complete: list[int] = field(default_factory=list)
    status: dict[int, str] = field(default_factory=dict)
    metrics_billed: int = 0
    throttles: int = 0
    refused: int = 0
    error: str = ""
    stopped: bool = False

    @property
    def points(self) -> int:
        return sum(len(block.times) for block in self.blocks)

    def add(self, other: "Fetched") -> None:
        self.blocks += other.blocks
        self.complete += other.complete
        self.status |= other.status
        self.metrics_billed += other.metrics_billed
        self.throttles += other.throttles
        self.refused += other.refused
        self.error = self.error or other.error
        self.stopped = self.stopped or other.stopped


@dataclass(frozen=True, slots=True)
class Question:
    """Whom and for when to ask. `pace` is called with a request's points before each request, and may wait.

    `until` is the moment (of time.monotonic) after which no new batch is begun.
    """

    session: AwsSession
    region: str
    period: int
    start: datetime
    end: datetime
    pace: Pace
    until: float

    @property
    def periods(self) -> range:
        """The starts of the periods asked about, in epoch seconds."""
        return range(int(self.start.timestamp()), int(self.end.timestamp()), self.period)


def stats_for(series: Series, period: int) -> list[str]:
    """What to ask of a series at a period: everything at its own pace, percentiles at longer periods too.

    A percentile of 5 minutes cannot be had from five of a minute, so it is fetched; sums are rolled up.
    """
    if period < 300 or (period == 300 and series.poll_every >= 300):
        return sorted(series.stats)
    return sorted(PERCENTILES.intersection(series.stats))


def billed(stats: Collection[str]) -> int:
    """As how many metrics AWS bills these statistics of one metric in one request."""
    return -(-len(stats) // STATS_PER_METRIC)


def fetch(question: Question, wanted: Sequence[Wanted]) -> Fetched:
    """Ask in batches of at most 500 queries; a series is never split over two batches.

    A failed batch leaves its series uncovered, to be asked again from their watermark. When AWS gives no answer the
    pass ends. Series that AWS refused before are asked by themselves, so that they cannot spoil the others' answer.
    """
    found = Fetched()
    suspect = [one for one in wanted if one[0].last_status.startswith(REJECTED)]
    sound = [one for one in wanted if not one[0].last_status.startswith(REJECTED)]
    for group in (sound, suspect):
        for batch in _batches(group, len(question.periods)):
            if found.stopped or _is_over(question, found):
                return found
            found.add(_fetch_batch(question, batch))
    return found


def _is_over(question: Question, found: Fetched) -> bool:
    """Note that the time of the pass is over: what was not asked by then is no series without points."""
    if time.monotonic() <= question.until:
        return False
    found.stopped, found.error = True, found.error or TIME_OVER
    return True


def _batches(wanted: Sequence[Wanted], points_each: int) -> Iterable[list[Wanted]]:
    limit = max(8, min(QUERIES_PER_REQUEST, POINTS_PER_BATCH // max(points_each, 1)))
    batch: list[Wanted] = []
    size = 0
    for series, stats in wanted:
        if not stats:
            continue
        if batch and size + len(stats) > limit:
            yield batch
            batch, size = [], 0
        batch.append((series, stats))
        size += len(stats)
    if batch:
        yield batch


def _fetch_batch(question: Question, batch: Sequence[Wanted]) -> Fetched:
    queries = [_query(series, stat, question.period) for series, stats in batch for stat in stats]
    left = len(queries) * len(question.periods)

    def before_page() -> None:
        nonlocal left
        question.pace(max(0, min(left, DATAPOINTS_PER_REQUEST)))
        left -= DATAPOINTS_PER_REQUEST

    try:
        results = metric_data(
            question.session, question.region, queries, start=question.start, end=question.end, before_page=before_page
        )
    except AwsError as error:
        if isinstance(error, AwsRejectedError) and error.code in BAD_QUERY:
            return _halves(question, batch, error)
        status = {series.pk: error.code for series, _ in batch}
        return Fetched(
            status=status, error=str(error), throttles=int(isinstance(error, AwsThrottledError)), stopped=True
        )
    found = Fetched(metrics_billed=sum(billed(stats) for _, stats in batch))
    _read(question.periods, batch, results, found)
    return found


def _halves(question: Question, batch: Sequence[Wanted], error: AwsRejectedError) -> Fetched:
    """One query that AWS refuses spoils its whole request: ask by halves until it stands alone."""
    if len(batch) == 1:
        return Fetched(status={batch[0][0].pk: f"{REJECTED}{error.code}"}, error=str(error))
    found, middle = Fetched(), len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        if not found.stopped and not _is_over(question, found):
            found.add(_fetch_batch(question, half))
    return found


def _query(series: Series, stat: str, period: int) -> MetricQuery:
    return MetricQuery(
        key=stat,
        namespace=series.namespace,
        name=series.name,
        dimensions=tuple(sorted(series.dimensions.items())),
        stat=f"TC(:{series.count_below:g})" if stat == "TC" else stat,
        period=period,
    )


def _read(periods: range, batch: Sequence[Wanted], results: Sequence[MetricResult], found: Fetched) -> None:
    """Sort the answer by series. When most answer for other times than asked, a clock is wrong: nothing is kept."""
    answers, answered, strayed = iter(results), 0, 0
    for series, stats in batch:
        columns: list[tuple[str, list[int], list[float]]] = []
        status, before, has_points = "Complete", found.refused, False
        for stat, result in zip(stats, answers, strict=False):
            times, values, refused = _sound(periods, result)
            found.refused += refused
            has_points = has_points or bool(result.times)
            if times:
                columns.append((STAT_COLUMNS[stat], times, values))
            if not result.complete:
                status = "; ".join((result.status, *result.messages))
        answered += has_points
        strayed += found.refused > before
        found.blocks += blocks_of(series.pk, columns)
        found.status[series.pk] = status[:40]
        if status == "Complete":
            found.complete.append(series.pk)
    incomplete = {pk: word for pk, word in found.status.items() if word != "Complete"}
    if incomplete:
        found.error = f"{len(incomplete)} metrics were not answered completely: {next(iter(incomplete.values()))}."
    if 2 * strayed > answered:
        found.blocks, found.complete, found.error = [], [], STRAY
        found.status = dict.fromkeys(found.status, "wrong time")
    elif found.refused:
        found.error = found.error or f"{found.refused} datapoints outside the time asked about were refused."


def _sound(periods: range, result: MetricResult) -> tuple[list[int], list[float], int]:
    """The points of periods that were asked about and whose value is a number; and how many were not."""
    if all(map(periods.__contains__, result.times)) and all(map(isfinite, result.values)):
        return result.times, result.values, 0
    pairs = [
        (at, value) for at, value in zip(result.times, result.values, strict=True) if at in periods and isfinite(value)
    ]
    return [at for at, _ in pairs], [value for _, value in pairs], len(result.times) - len(pairs)


def blocks_of(series_id: int, columns: Sequence[tuple[str, list[int], list[float]]]) -> list[PointBlock]:
    """The statistics of a series side by side: (column, times, values) each, in any order, the last word counting."""
    if not columns:
        return []
    times = columns[0][1]
    if all(other == times for _, other, _ in columns) and len(set(times)) == len(times):
        return [PointBlock(series_id, times, {name: values for name, _, values in columns})]
    rows: dict[int, dict[str, float]] = defaultdict(dict)
    for name, own, values in columns:
        for at, value in zip(own, values, strict=True):
            rows[at][name] = value
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, row in rows.items():
        groups[tuple(sorted(row))].append(at)
    return [
        PointBlock(series_id, group, {name: [rows[at][name] for at in group] for name in names})
        for names, group in groups.items()
    ]
