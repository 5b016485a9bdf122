"""One batched question to CloudWatch: which statistics of which series, and the answer as point rows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring.models import Series
from monitoring.store import COLUMNS, STAT_COLUMNS, PointRow
from opsportal.aws.cloudwatch import QUERIES_PER_REQUEST, MetricQuery, metric_data
from opsportal.aws.errors import AwsError, AwsThrottledError
from opsportal.aws.session import AwsAccount as AwsSession

PERCENTILES = frozenset({"p50", "p95", "p99"})
POINTS_PER_BATCH = 400_000  # of one answer held in memory


@dataclass(slots=True)
class Fetched:
    """What came back: rows, the series answered completely, and what went wrong with the others."""

    rows: list[PointRow] = field(default_factory=list)
    complete: list[int] = field(default_factory=list)
    status: dict[int, str] = field(default_factory=dict)
    requests: int = 0
    metrics_billed: int = 0
    throttles: int = 0
    error: str = ""

    def add(self, other: "Fetched") -> None:
        self.rows += other.rows
        self.complete += other.complete
        self.status |= other.status
        self.requests += other.requests
        self.metrics_billed += other.metrics_billed
        self.throttles += other.throttles
        self.error = self.error or other.error


def stats_for(series: Series, period: int) -> list[str]:
    """What to ask of a series at a period: everything at its own pace, percentiles at 5 minutes too.

    A percentile of 5 minutes cannot be had from five of a minute, so it is fetched; sums are rolled up.
    """
    if period < 300 or series.poll_every >= 300:
        return sorted(series.stats)
    return sorted(PERCENTILES.intersection(series.stats))


def _stat_name(series: Series, stat: str) -> str:
    return f"TC(:{series.count_below:g})" if stat == "TC" else stat


def fetch(
    session: AwsSession,
    region: str,
    wanted: Sequence[tuple[Series, Sequence[str]]],
    *,
    period: int,
    start: datetime,
    end: datetime,
) -> Fetched:
    """Ask for [start, end) in batches of at most 500 queries; a series is never split over two batches.

    A failed batch leaves its series uncovered, to be asked again from their watermark; a throttle ends the pass.
    """
    found = Fetched()
    for batch in _batches(wanted, (end - start) / timedelta(seconds=period)):
        if found.throttles:
            break
        found.add(_fetch_batch(session, region, batch, period=period, start=start, end=end))
    return found


def _batches(
    wanted: Sequence[tuple[Series, Sequence[str]]], points_each: float
) -> Iterable[list[tuple[Series, Sequence[str]]]]:
    limit = max(8, min(QUERIES_PER_REQUEST, int(POINTS_PER_BATCH / max(points_each, 1))))
    batch: list[tuple[Series, Sequence[str]]] = []
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


def _fetch_batch(
    session: AwsSession,
    region: str,
    batch: Sequence[tuple[Series, Sequence[str]]],
    *,
    period: int,
    start: datetime,
    end: datetime,
) -> Fetched:
    queries = [
        MetricQuery(
            key=f"{series.pk} {stat}",
            namespace=series.namespace,
            name=series.name,
            dimensions=tuple(sorted(series.dimensions.items())),
            stat=_stat_name(series, stat),
            period=period,
        )
        for series, stats in batch
        for stat in stats
    ]
    found = Fetched(requests=1, metrics_billed=sum(-(-len(stats) // 5) for _, stats in batch))
    try:
        results = metric_data(session, region, queries, start=start, end=end)
    except AwsError as error:
        found.error = str(error)
        found.throttles = int(isinstance(error, AwsThrottledError))
        found.status = {series.pk: error.code for series, _ in batch}
        return found
    values: dict[int, dict[datetime, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    incomplete: dict[int, str] = {}
    for result in results:
        series_id, _, stat = result.key.partition(" ")
        column = STAT_COLUMNS[stat]
        by_time = values[int(series_id)]
        for ts, value in result.points:
            by_time[ts][column] = value
        if not result.complete:
            incomplete[int(series_id)] = "; ".join((result.status, *result.messages))
    for pk, by_time in values.items():
        found.rows += [PointRow(pk, ts, *(cells.get(c) for c in COLUMNS)) for ts, cells in by_time.items()]
    for series, _ in batch:
        found.status[series.pk] = incomplete.get(series.pk, "Complete")[:40]
        if series.pk not in incomplete:
            found.complete.append(series.pk)
    if incomplete:
        found.error = next(iter(incomplete.values()))
    return found
