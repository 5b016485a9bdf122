"""How quickly incidents are noticed, taken, mended, and how rarely they come. Pure: no I/O, no Django.

Every figure keeps the rows it was made from and says which it left out, and why: an average over the convenient half
of the record is worse than none. The times are MTTD impact → detected, MTTA detected → acknowledged, mitigation
impact → mitigated, MTTR detected → users served again (mitigated, or resolved where nothing came before), MTBF between
the beginnings of two incidents of one service. One that was reopened is one case up to its last wave's end, the quiet
time between its waves included: nobody knew that it was not over, and a reopening never makes a figure better.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

# After a deployment an incident on its service counts as its failure when it begins within this time.
CHANGE_WINDOW: Final = timedelta(minutes=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One incident as the figures see it."""

    number: int
    platform_id: int
    service_id: int | None
    rank: int
    impact_started_at: datetime
    detected_at: datetime
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    is_merged: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """One case's contribution to a figure."""

    number: int
    length: timedelta


@dataclass(frozen=True, slots=True)
class Figure:
    """Median and 90th percentile of some lengths; `excluded` counts by reason what has no length."""

    values: Sequence[Value] = ()
    excluded: Mapping[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def median(self) -> timedelta | None:
        return quantile([value.length for value in self.values], 0.5)

    @property
    def p90(self) -> timedelta | None:
        return within([value.length for value in self.values], 0.9)


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`; None of nothing."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None


def quantile(lengths: Iterable[timedelta], share: float) -> timedelta | None:
    """The `share` quantile between the two nearest ranks (as PostgreSQL's percentile_cont); None of nothing."""
    ordered = sorted(lengths)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def within(lengths: Iterable[timedelta], share: float) -> timedelta | None:
    """The smallest of the lengths that at least `share` of them do not exceed (nearest rank); None of nothing.

    Between two ranks there is no length that so many kept.
    """
    ordered = sorted(lengths)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


Span = tuple[datetime, datetime | None]


def _served_again(case: Case) -> datetime | None:
    """When users were served again: the mitigation, or the end where none was noted."""
    return case.mitigated_at or case.resolved_at


SPANS: Final[Mapping[str, Callable[[Case], Span]]] = {
    "mttd": lambda case: (case.impact_started_at, case.detected_at),
    "mtta": lambda case: (case.detected_at, case.acknowledged_at),
    "mitigate": lambda case: (case.impact_started_at, case.mitigated_at),
    "mttr": lambda case: (case.detected_at, _served_again(case)),
}
MISSING: Final = {
    "mttd": "no time of detection",
    "mtta": "not acknowledged",
    "mitigate": "not mitigated yet",
    "mttr": "not recovered yet",
}
MERGED: Final = "merged into another"
CONTRADICTORY: Final = "times contradict each other"
NO_START: Final = "start of the impact not known"  # who declares without one leaves both at one instant
FIRST: Final = "first of its service in this time"
NO_SERVICE: Final = "no service named"


def figure(name: str, cases: Iterable[Case]) -> Figure:
    """The figure `name` of SPANS over these cases."""
    values, excluded = [], dict[str, int]()
    for case in cases:
        start, end = SPANS[name](case)
        reason = ""
        if case.is_merged:
            reason = MERGED
        elif end is None:
            reason = MISSING[name]
        elif end < start:
            reason = CONTRADICTORY
        elif name == "mttd" and end == start:
            reason = NO_START
        else:
            values.append(Value(case.number, end - start))
        if reason:
            excluded[reason] = excluded.get(reason, 0) + 1
    return Figure(values, excluded)


def between(cases: Iterable[Case]) -> Figure:
    """MTBF: from the beginning of one incident of a service to the beginning of its next one."""
    values, excluded = [], dict[str, int]()
    last: dict[int, datetime] = {}
    for case in sorted(cases, key=lambda case: (case.impact_started_at, case.number)):
        reason = MERGED if case.is_merged else NO_SERVICE if case.service_id is None else ""
        if not reason and case.service_id is not None:
            before = last.get(case.service_id)
            last[case.service_id] = case.impact_started_at
            if before is not None:
                values.append(Value(case.number, case.impact_started_at - before))
            else:
                reason = FIRST
        if reason:
            excluded[reason] = excluded.get(reason, 0) + 1
    return Figure(values, excluded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One deployment: to a service, or to a whole platform. One that failed never ran as a whole."""

    pk: int
    platform_id: int
    service_id: int | None
    at: datetime
    is_rolled_back: bool = False
    is_failed: bool = False


def blamed(changes: Iterable[Change], cases: Iterable[Case]) -> dict[int, list[int]]:
    """By deployment, the numbers of the incidents that began within CHANGE_WINDOW of it on its service.

    An incident is charged to the latest deployment before it, so that two in a row do not both answer for it.
    """
    ordered = sorted(changes, key=lambda change: (change.at, change.pk))
    found: dict[int, list[int]] = {}
    for case in cases:
        if case.is_merged:
            continue
        before = [change for change in ordered if _may_have_caused(change, case)]
        if before:
            found.setdefault(before[-1].pk, []).append(case.number)
    return found


def _may_have_caused(change: Change, case: Case) -> bool:
    is_near = change.at <= case.impact_started_at < change.at + CHANGE_WINDOW
    return is_near and change.platform_id == case.platform_id and change.service_id in (None, case.service_id)


def change_failures(changes: Sequence[Change], cases: Iterable[Case]) -> Share:
    """Deployments that failed, were rolled back or were followed by an incident, of all (DORA's definition)."""
    found = blamed(changes, cases)
    bad = sum(change.is_failed or change.is_rolled_back or change.pk in found for change in changes)
    return Share(bad, len(changes))


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened in a stretch of time."""

    count: int
    lasted: timedelta

    @property
    def per_week(self) -> float | None:
        return self.count / (self.lasted / timedelta(weeks=1)) if self.lasted else None


def deployment_frequency(changes: Sequence[Change], since: datetime, until: datetime) -> Rate:
    """Deployments that went out in [since, until), whatever became of them (DORA's deployment frequency)."""
    return Rate(sum(since <= change.at < until for change in changes), until - since)


def rollbacks(changes: Sequence[Change]) -> Share:
    """Deployments that were rolled back, of all deployments."""
    return Share(sum(change.is_rolled_back for change in changes), len(changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a platform's guide asks of a figure: below so many minutes, or below a share."""

    platform_id: int
    figure: str
    limit: float
    rank: int | None = None
    source_text: str = ""

    @property
    def words(self) -> str:
        """`< 5 min`, `< 4 h`, `< 5 %`."""
        if self.figure in SPANS:
            whole = self.limit >= 60 and self.limit % 60 == 0
            return f"< {self.limit / 60:g} h" if whole else f"< {self.limit:g} min"
        return f"< {self.limit:g} %"

    def is_met(self, reached: timedelta | float | None) -> bool | None:
        """Whether a median or a share keeps the limit; None when nothing can be said."""
        if reached is None:
            return None
        if isinstance(reached, timedelta):
            return reached < timedelta(minutes=self.limit)
        return reached * 100 < self.limit


_TARGET_KEY: Final = re.compile(
    r"(mttd|mtta|mitigate|mttr)_minutes(?:_rank_([1-5]))?|(change_failure|rollback)_percent"
)


def targets(platform_id: int, figures: Mapping[str, object], source_text: str) -> list[Target]:
    """The targets among a policy's figures, by their keys: `mttr_minutes_rank_1`, `rollback_percent`."""
    found = []
    for key, value in figures.items():
        shape = _TARGET_KEY.fullmatch(key)
        if shape is not None and isinstance(value, int | float):
            rank = int(shape[2]) if shape[2] else None
            name = shape[1] or shape[3]
            found.append(Target(platform_id=platform_id, figure=name, limit=value, rank=rank, source_text=source_text))
    return found
