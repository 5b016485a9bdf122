"""Saved questions to the logs, their runs, and what asking would cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from monitoring.logs import MOST_PLACES, named_groups, places_of
from monitoring.models import (
    LogAnswer,
    LogQuery,
    LogRun,
    LogRunState,
    MetricSource,
    PollCoverage,
    Series,
    ServiceMetric,
)
from monitoring.models.log_queries import look_back, scan_cost
from monitoring.selectors.points import Wanted, curves, fitting_periods
from opsportal.core.actor import Actor
from opsportal.core.pagination import Page, keyset_page

PAGE: Final = 50
LOGS_NAMESPACE: Final = "AWS/Logs"
TAKEN_IN: Final = "IncomingBytes"
LINES: Final = 100
LEAST_KNOWN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that asking would read, and their price; None where nothing says. `basis` is how that is known."""

    scanned: int | None
    usd: Decimal | None
    basis: str


def queries_of(actor: Actor, *, platform_id: int | None = None, service: str = "") -> QuerySet[LogQuery]:
    """Saved questions the actor may see."""
    rows = LogQuery.objects.visible_to(actor).of_platform(platform_id)
    if service:
        rows = rows.filter(service__key=service)
    return rows.select_related("platform", "service")


def query_page(
    actor: Actor, *, platform_id: int | None, service: str = "", cursor: str | None, size: int = PAGE
) -> Page[LogQuery]:
    """A page of saved questions by name."""
    rows = queries_of(actor, platform_id=platform_id, service=service)
    return keyset_page(rows, order=("name", "pk"), cursor=cursor, size=size)


def newest_runs(queries: Collection[LogQuery]) -> Mapping[int, LogRun]:
    """The newest run of each question, in one query."""
    rows = LogRun.objects.filter(query__in=queries).order_by("query_id", "-asked_at", "-pk").distinct("query_id")
    return {row.query_id: row for row in rows.defer("text", "parts")}


def run_page(query: LogQuery, *, cursor: str | None, size: int = 20) -> Page[LogRun]:
    """Its runs, newest first."""
    rows = LogRun.objects.filter(query=query).defer("text", "parts")
    return keyset_page(rows, order=("-asked_at", "-pk"), cursor=cursor, size=size)


def estimate(query: LogQuery, starts_at: datetime, ends_at: datetime) -> Estimate:
    """What asking about that time would read: what its log groups took in then; else as the last whole run did."""
    # Who did not answer, or was not asked, is named in `said`.
    whole = LogRun.objects.filter(query=query, state=LogRunState.DONE, said="", bytes_scanned__gt=0)
    last = whole.order_by("-asked_at", "-pk").first()
    taken = _taken_in(query, last, starts_at, ends_at)
    if taken is not None:
        return _priced(query, taken, "what its log groups took in then, by CloudWatch")
    if last is None:
        return Estimate(None, None, "not known: it was not asked before, and what its log groups take in is not read")
    per_minute = last.bytes_scanned / look_back(last.ends_at, last.starts_at)
    scanned = round(per_minute * look_back(ends_at, starts_at))
    return _priced(query, scanned, f"by its last whole run, over {look_back(last.ends_at, last.starts_at):,} min")


def _groups(query: LogQuery, last: LogRun | None) -> set[tuple[int | None, str, str]]:
    """Account, region and name of each log group it asks: its service's, else its last whole run's; none if unknown."""
    if named_groups(query.service):
        places = places_of(platform_id=query.platform_id, service=query.service.key)[:MOST_PLACES]
        return {(place.account.pk, place.region, name) for place in places for name in place.named}
    parts = last.parts if last else ()
    return {(part["account"], part["region"], name) for part in parts for name in part["groups"]}


def _taken_in(query: LogQuery, last: LogRun | None, starts_at: datetime, ends_at: datetime) -> int | None:
    """Bytes its log groups took in, where that is read of each, for half of the time at least; the rest is like it."""
    metrics = ServiceMetric.objects.filter(
        service_id=query.service_id, namespace=LOGS_NAMESPACE, metric=TAKEN_IN, series__enabled=True
    )
    read = [metric.series for metric in metrics.select_related("series__account") if metric.series is not None]
    groups = _groups(query, last) if read else set()
    by_group = {(one.account_id, one.region, one.dimensions.get("LogGroupName")): one for one in read}
    if not groups <= by_group.keys():
        return None
    series = [by_group[group] for group in groups]
    known = _known(series, starts_at, ends_at)
    if min(known, default=0.0) < LEAST_KNOWN:
        return None
    wanted = [Wanted(one, "Sum") for one in series]
    found = curves(wanted, fitting_periods(series, starts_at, ends_at), starts_at, ends_at)
    return (
        round(sum(sum(value for _at, value in curve) / share for curve, share in zip(found, known, strict=True)))
        or None
    )


def _known(series: Sequence[Series], starts_at: datetime, ends_at: datetime) -> list[float]:
    """The share of the time for which CloudWatch answered, of each; older history may still be on its way."""
    asked = PollCoverage.objects.filter(series__in=series, ends_at__gt=starts_at, starts_at__lt=ends_at)
    covered = dict.fromkeys((one.pk for one in series), timedelta())
    for series_id, begin, end in asked.values_list("series_id", "starts_at", "ends_at"):
        covered[series_id] += min(end, ends_at) - max(begin, starts_at)
    return [covered[one.pk] / (ends_at - starts_at) for one in series]


def _priced(query: LogQuery, scanned: int, basis: str) -> Estimate:
    source = MetricSource.objects.filter(platform_id=query.platform_id).select_related("account").order_by("pk").first()
    return Estimate(scanned, scan_cost(source.account, scanned) if source else None, basis)


@dataclass(frozen=True, slots=True)
class KeptLines:
    """One page of what a run found. `first` counts from 1."""

    answer: LogAnswer
    rows: Sequence[Sequence[str]]
    first: int
    total: int

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def before(self) -> int | None:
        """Where the page before this one begins."""
        return max(1, self.first - LINES) if self.first > 1 else None

    @property
    def after(self) -> int | None:
        """Where the next one begins."""
        return self.last + 1 if self.last < self.total else None


def kept_lines(run: LogRun, *, first: int = 1, size: int = LINES) -> KeptLines | None:
    """The lines a run kept, from the `first`; None while it has none."""
    answer = LogAnswer.objects.filter(run=run).first()
    if answer is None:
        return None
    first = min(max(1, first), max(1, len(answer.rows)))
    return KeptLines(answer, answer.rows[first - 1 : first - 1 + size], first, len(answer.rows))
