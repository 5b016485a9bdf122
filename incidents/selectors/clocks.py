"""All clocks of a person's platforms: what is due next, what was missed, how often they are met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, Q

from incidents.choices import ClockKind, OutcomeChoice, StateChoice
from incidents.figures.periods import Period
from incidents.models import IncidentClock
from opsportal.core.actor import Actor
from opsportal.core.pagination import Page, keyset_page
from opsportal.platforms.models import PolicySource

ROW: Final = (
    "pk", "kind", "round", "outcome", "rule_text", "source", "source_text", "started_at", "due_at", "stopped_at",
    "paused_at", "pause_reason", "left", "incident__number", "incident__title", "incident__rank",
    "incident__severity__label", "incident__platform__key", "incident__commander__name",
)  # fmt: skip
RUNNING: Final = Q(stopped_at__isnull=True, outcome=OutcomeChoice.RUNNING)
OVER: Final = Q(outcome__in=[OutcomeChoice.MET, OutcomeChoice.MISSED])
# Which clocks a list shows, and in which order. Those without a number can be neither met nor missed.
LISTS: Final[Mapping[str, tuple[str, Q, tuple[str, ...]]]] = {
    "running": ("Running", Q(stopped_at__isnull=True, due_at__isnull=False), ("due_at", "pk")),  # late ones too
    "paused": ("Paused", RUNNING & Q(paused_at__isnull=False), ("started_at", "pk")),
    "unnumbered": ("Without a number", RUNNING & Q(due_at=None, paused_at=None), ("started_at", "pk")),
    "missed": ("Missed", Q(outcome=OutcomeChoice.MISSED, due_at__isnull=False), ("-due_at", "-pk")),
    "due": ("Met or missed", OVER & Q(due_at__isnull=False), ("-due_at", "-pk")),
    "met": ("Met", Q(outcome=OutcomeChoice.MET, due_at__isnull=False), ("-due_at", "-pk")),
}
PAST: Final = ("missed", "met", "due")
WORKING: Final = "working"  # every kind but reviews: what the incident report counts as clocks
SHOWN: Final = 50


class ClockRow(NamedTuple):
    """One clock of one incident."""

    pk: int
    kind: str
    round: int
    outcome: str
    rule_text: str
    source: str
    source_text: str
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    paused_at: datetime | None
    pause_reason: str
    left: timedelta | None
    number: int
    title: str
    rank: int
    label: str
    platform_key: str
    commander_name: str | None

    @property
    def kind_label(self) -> str:
        return ClockKind(self.kind).label

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/"

    @property
    def rule(self) -> str:
        source = self.source_text or PolicySource(self.source).label
        return f"{self.rule_text} · {source}" if self.rule_text else source

    def late(self, now: datetime) -> timedelta | None:
        """By how much it was missed, so far where it still stands."""
        return (self.stopped_at or now) - self.due_at if self.due_at is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFilter:
    """What the board is narrowed to. `period` narrows what is over; what runs is always shown."""

    platform_id: int | None = None
    kind: str = ""
    period: Period


@dataclass(frozen=True, slots=True)
class MetRate:
    """How one kind of clock was kept on one platform."""

    platform_id: int
    platform_key: str
    kind: str
    met: int
    missed: int

    @property
    def kind_label(self) -> str:
        return ClockKind(self.kind).label

    @property
    def share(self) -> float:
        return self.met / (self.met + self.missed)


def _asked(actor: Actor, asked: ClockFilter) -> Any:
    rows = IncidentClock.objects.visible_to(actor).of_platform(asked.platform_id)
    if asked.kind == WORKING:
        return rows.exclude(kind=ClockKind.REVIEW)
    return rows.filter(kind=asked.kind) if asked.kind else rows


def _of_list(actor: Actor, name: str, asked: ClockFilter) -> Any:
    rows = _asked(actor, asked).filter(LISTS[name][1])
    return rows.filter(due_at__gte=asked.period.since, due_at__lt=asked.period.until) if name in PAST else rows


def clock_page(actor: Actor, name: str, asked: ClockFilter, cursor: str | None, size: int = SHOWN) -> Page[Any]:
    """One page of a list of LISTS."""
    rows = _of_list(actor, name, asked).values_list(*ROW, named=True)
    page = keyset_page(rows, order=LISTS[name][2], cursor=cursor, size=size)
    return Page([ClockRow(*row) for row in page.rows], page.next_cursor, page.previous_cursor)


def clock_rows(actor: Actor, name: str, asked: ClockFilter) -> Any:
    """Every clock of a list, for the export."""
    rows = _of_list(actor, name, asked).order_by(*LISTS[name][2])
    return (ClockRow(*row) for row in rows.values_list(*ROW).iterator(chunk_size=500))


def clock_counts(actor: Actor, asked: ClockFilter) -> dict[str, int]:
    """How many clocks each list has: one query for what runs, one for what is over."""
    rows = _asked(actor, asked)
    running = rows.filter(stopped_at__isnull=True).aggregate(
        **{name: Count("pk", filter=LISTS[name][1]) for name in LISTS if name not in PAST}
    )
    over = rows.filter(due_at__gte=asked.period.since, due_at__lt=asked.period.until).aggregate(
        **{name: Count("pk", filter=LISTS[name][1]) for name in PAST}
    )
    return {**running, **over}


def met_rates(actor: Actor, asked: ClockFilter) -> Sequence[MetRate]:
    """Met and missed by platform and kind among clocks that were due in the period, the worst kept first."""
    rows = _asked(actor, asked).filter(due_at__gte=asked.period.since, due_at__lt=asked.period.until)
    kept = rows.filter(OVER).order_by()
    found = kept.values_list("incident__platform_id", "incident__platform__key", "kind").annotate(
        met=Count("pk", filter=Q(outcome=OutcomeChoice.MET)), missed=Count("pk", filter=Q(outcome=OutcomeChoice.MISSED))
    )
    rates = [MetRate(*row) for row in found]
    return sorted(rates, key=lambda rate: (rate.share, rate.platform_key, rate.kind))


def reviews_to_come(actor: Actor) -> list[ClockRow]:
    """Reviews that are not published, next due first: for a calendar."""
    rows = IncidentClock.objects.visible_to(actor).filter(
        kind=ClockKind.REVIEW, stopped_at__isnull=True, due_at__isnull=False
    )
    rows = rows.filter(incident__state__in=[StateChoice.RESOLVED, StateChoice.CLOSED])
    return [ClockRow(*row) for row in rows.order_by("due_at", "pk").values_list(*ROW)[:500]]
