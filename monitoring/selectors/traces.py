"""X-Ray for pages and the API: sampling beside what the guide wants, edges of the service map, failed requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from monitoring.collector.ownership import words_of
from monitoring.collector.traces import MOST_ERRORS
from monitoring.models import TraceKind, TraceReading
from monitoring.selectors.polls import accounts_of
from opsportal.core.actor import Actor
from opsportal.platforms.declared import DeclaredPolicy, declared_policy
from opsportal.platforms.models import Service

STALE: Final = timedelta(minutes=15)
POLICY: Final = ("observability", "tracing")
FAULTY: Final = 0.05  # portal default: a call of which more than one in twenty ends in a fault is failing
Names = Mapping[str, Service]


@dataclass(frozen=True, slots=True)
class Edge:
    """Calls of one service to another in the 15 minutes before they were read."""

    source: str
    target: str
    kind: str
    service: Service | None
    calls: int
    faults: int
    errors: int
    throttles: int
    seconds: float
    is_stale: bool

    @property
    def fault_share(self) -> float | None:
        """The share of calls that ended in a 5xx; None where nothing was called."""
        return self.faults / self.calls if self.calls else None

    @property
    def average_ms(self) -> float | None:
        """The mean response time."""
        return 1000 * self.seconds / self.calls if self.calls else None

    @property
    def state(self) -> str:
        """No call is not known, never fine; nor is what was not read lately."""
        if self.is_stale:
            return "stale"
        share = self.fault_share
        return "unknown" if share is None else "fail" if share > FAULTY else "warn" if self.faults else "ok"


@dataclass(frozen=True, slots=True)
class Read:
    """One kind of an account and region: when it was read, what stood in the way."""

    reading: TraceReading
    is_stale: bool

    @property
    def trouble(self) -> str:
        """Why what is shown may be out of date; "" when it is fresh."""
        if self.reading.permission and self.reading.error:
            return f"Could not check: {self.reading.error}"
        return self.reading.error or ("It was not read lately." if self.is_stale else "")


@dataclass(frozen=True, slots=True)
class Traces:
    """All of the page."""

    reads: Sequence[Read]
    rules: Sequence[Mapping[str, Any]]
    edges: Sequence[Edge]
    errors: Sequence[Mapping[str, Any]]
    wanted: Sequence[DeclaredPolicy]

    def of(self, kind: str) -> Sequence[Read]:
        return [one for one in self.reads if one.reading.kind == kind]

    def is_known(self, kind: str) -> bool:
        """Whether a kind was read lately everywhere, so that nothing found is nothing there."""
        reads = self.of(kind)
        return bool(reads) and not any(read.trouble for read in reads)

    @property
    def are_errors_cut(self) -> bool:
        """Whether an account and region had more failed requests than are kept."""
        return any(len(read.reading.rows) >= MOST_ERRORS for read in self.of(TraceKind.ERRORS))


def traces(actor: Actor, *, at: datetime, platform_id: int | None = None, service: str = "") -> Traces:
    """What X-Ray says of the services the actor sees; what is only another platform's is left out."""
    rows = Service.objects.visible_to(actor).of_platform(platform_id).select_related("platform")
    names: dict[str, Service] = {}
    for row in (rows.filter(key=service) if service else rows).order_by("platform_id", "pk"):
        for word in words_of(row.selectors):
            names.setdefault(word, row)
    readings = TraceReading.objects.filter(account__in=accounts_of(actor)).select_related("account")
    if platform_id is not None:
        readings = readings.filter(account__sources__platform_id=platform_id)
    reads = [
        Read(row, row.fetched_at is None or at - row.fetched_at > STALE)
        for row in readings.order_by("account__account_id", "region", "kind")
    ]
    platforms = {row.platform_id for row in names.values()}
    return Traces(
        reads=reads,
        rules=_all(reads, TraceKind.SAMPLING, lambda row: row["service"] == "*" or row["service"] in names),
        edges=_edges(reads, names),
        errors=[
            {**row, "at": datetime.fromisoformat(row["at"]), "service": _first(row["services"], names)}
            for row in _all(reads, TraceKind.ERRORS, lambda row: _first(row["services"], names) is not None)
        ],
        wanted=[row for row in declared_policy(platforms, POLICY[0]) if row.key == POLICY[1]],
    )


def _all(reads: Sequence[Read], kind: str, wanted: Callable[[Mapping[str, Any]], bool]) -> list[Mapping[str, Any]]:
    return [row for read in reads if read.reading.kind == kind for row in read.reading.rows if wanted(row)]


def _first(found: Sequence[str], names: Names) -> Service | None:
    return next((names[name] for name in found if name in names), None)


def _edges(reads: Sequence[Read], names: Names) -> list[Edge]:
    found = [
        Edge(
            source=row["source"],
            target=row["target"],
            kind=row["kind"],
            service=_first([row["target"], row["source"]], names),
            calls=row["calls"],
            faults=row["faults"],
            errors=row["errors"],
            throttles=row["throttles"],
            seconds=row["seconds"],
            is_stale=read.is_stale,
        )
        for read in reads
        if read.reading.kind == TraceKind.GRAPH
        for row in read.reading.rows
        if row["source"] in names or row["target"] in names
    ]
    worst = {"fail": 0, "unknown": 1, "stale": 1, "warn": 2, "ok": 3}
    return sorted(found, key=lambda edge: (worst[edge.state], edge.source, edge.target))
