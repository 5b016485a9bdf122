"""What pages, the API and reports read of this room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final, Protocol, TypeVar

from django.db.models import Q, QuerySet
from django.utils.timezone import make_aware

from maintenance.models import (
    ChecklistItem,
    ChecklistRun,
    HandOver,
    ItemState,
    JobRun,
    OccurrenceState,
    OperationsLogEntry,
    RunState,
    WindowOccurrence,
)
from maintenance.month import CalendarWeek, first_of_weeks, weeks_of
from opsportal.core.actor import Actor

DUE_SHOWN: Final = 30
MISSED_SHOWN: Final = timedelta(days=1)
COMING: Final = timedelta(days=8)


class _Due(Protocol):
    """A run, or a row of one."""

    @property
    def pk(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...


class _Coming(Protocol):
    """An occurrence, or a row of one."""

    @property
    def pk(self) -> int: ...
    @property
    def starts_at(self) -> datetime: ...


Run = TypeVar("Run", bound=_Due)
Occurrence = TypeVar("Occurrence", bound=_Coming)


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive items under one heading of the guide."""

    title: str
    items: Sequence[ChecklistItem]

    @property
    def answered(self) -> int:
        return sum(item.state != ItemState.OPEN for item in self.items)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The counts above a run: answered by verdict of their evidence, out of all."""

    total: int
    answered: int
    failed: int
    warned: int
    unknown: int

    @property
    def plain(self) -> int:
        """Answered items whose evidence raised no doubt."""
        return max(0, self.answered - self.failed - self.warned - self.unknown)


def checklist_runs(actor: Actor) -> QuerySet[ChecklistRun]:
    """Runs the actor may see, with what a table row shows."""
    return ChecklistRun.objects.visible_to(actor).select_related("platform")


def due_checklist_runs(actor: Actor, at: datetime, platform_id: int | None) -> Sequence[ChecklistRun]:
    """Those missed within a day, then open runs, each by due time."""
    return missed_first(due_runs(actor, at - MISSED_SHOWN, platform_id).select_related("platform"))


def due_runs(actor: Actor, since: Any, platform_id: int | None) -> Any:
    """Open runs, and those missed since then, as many as are shown; open ones are never cut off."""
    owed = Q(state=RunState.OPEN) | Q(state=RunState.MISSED, due_at__gte=since)
    runs = ChecklistRun.objects.visible_to(actor).of_platform(platform_id).filter(owed)
    return runs.order_by("-state", "due_at", "pk")[:DUE_SHOWN]


def missed_first(runs: Iterable[Run]) -> list[Run]:
    """`due_runs` in the order in which they are shown."""
    return sorted(runs, key=lambda run: (run.state == RunState.OPEN, run.due_at, run.pk))


def open_checklists(actor: Actor) -> QuerySet[ChecklistRun]:
    """Lists that are open now: the number in the rail."""
    return ChecklistRun.objects.visible_to(actor).filter(state=RunState.OPEN)


def run_items(run: ChecklistRun) -> Sequence[ChecklistItem]:
    """Every item in order, with who answered and the newest evidence."""
    return list(run.items.select_related("answered_by", "evidence").order_by("position"))


def sections(items: Sequence[ChecklistItem]) -> Sequence[Section]:
    return [Section(title, list(group)) for title, group in groupby(items, key=lambda item: item.section)]


def run_progress(items: Sequence[ChecklistItem]) -> RunProgress:
    answered = [item for item in items if item.state != ItemState.OPEN]
    verdicts = [item.evidence.verdict for item in items if item.evidence is not None]
    return RunProgress(
        total=len(items),
        answered=len(answered),
        failed=verdicts.count("fail"),
        warned=verdicts.count("warn"),
        unknown=verdicts.count("unknown"),
    )


def recent_runs_of(run: ChecklistRun, count: int = 14) -> Sequence[ChecklistRun]:
    """The same list's last occurrences before this one, oldest first."""
    earlier = ChecklistRun.objects.filter(template_id=run.template_id, slot_at__lt=run.slot_at)
    return list(earlier.order_by("-slot_at", "-pk")[:count])[::-1]


def signed_notes(actor: Actor, platform_id: int | None) -> QuerySet[HandOver]:
    """Signed hand-over notes, the latest first."""
    notes = HandOver.objects.visible_to(actor).of_platform(platform_id).filter(signed_at__isnull=False)
    return notes.order_by("-created_at", "-pk")


def operations_log(actor: Actor) -> QuerySet[OperationsLogEntry]:
    return OperationsLogEntry.objects.visible_to(actor).select_related("author", "platform")


def window_occurrences(actor: Actor, start: Any, end: Any) -> QuerySet[WindowOccurrence]:
    """Windows and freezes that overlap [start, end)."""
    return (
        WindowOccurrence.objects.visible_to(actor)
        .filter(starts_at__lt=end, ends_at__gt=start)
        .exclude(state=OccurrenceState.CANCELLED)
        .select_related("window", "platform")
        .order_by("starts_at", "pk")
    )


def coming_windows(actor: Actor, at: datetime, platform_id: int | None) -> Sequence[WindowOccurrence]:
    """The open or next occurrence of each window within eight days, soonest first."""
    return soonest_first(next_windows(actor, at, at + COMING, platform_id))


def next_windows(actor: Actor, start: Any, end: Any, platform_id: int | None) -> Any:
    """The open or next occurrence of each window in [start, end)."""
    rows: Any = window_occurrences(actor, start, end)
    return rows.of_platform(platform_id).order_by("window_id", "starts_at", "pk").distinct("window_id")[:50]


def soonest_first(occurrences: Iterable[Occurrence]) -> list[Occurrence]:
    """`next_windows` as they are shown."""
    return sorted(occurrences, key=lambda row: (row.starts_at, row.pk))[:8]


def job_runs(actor: Actor) -> QuerySet[JobRun]:
    return JobRun.objects.visible_to(actor).select_related("job", "platform", "plan", "occurrence__window")


def month_calendar(actor: Actor, month: date, today: date, platform_id: int | None) -> Sequence[CalendarWeek]:
    """The weeks of a month in days of the reader's zone; `month` is the first of the month."""
    first, count = first_of_weeks(month)
    rows = occurrences_of_days(actor, first, first + timedelta(weeks=count), platform_id)
    return weeks_of(month, today, list(rows))


def occurrences_of_days(actor: Actor, first: date, until: date, platform_id: int | None) -> QuerySet[WindowOccurrence]:
    """Windows and freezes of the reader's days from `first` to before `until`."""
    start, end = (make_aware(datetime.combine(day, time.min)) for day in (first, until))
    rows = window_occurrences(actor, start, end)
    return rows if platform_id is None else rows.filter(platform_id=platform_id)
