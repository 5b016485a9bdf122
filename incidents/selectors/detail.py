"""One incident: its clocks, timeline, roles and updates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from django.db.models import Count, Min
from django.utils.timezone import get_current_timezone
from markupsafe import Markup

from incidents.choices import DONE_BY_HAND, Audience, ClockKind, EntryKind, OutcomeChoice, StateChoice
from incidents.clocks import NEVER_DUE, WARN_SHARE
from incidents.models import Incident, IncidentClock, StatusUpdate, TimelineEntry
from incidents.selectors.beside import ALL, EntryFilter
from opsportal.core.formats import plural, stopwatch
from opsportal.core.gate import roles_with
from opsportal.core.markdown import render_markdown
from opsportal.platforms.models import Membership, PolicySource

NEWEST: Final = 30  # lines: what is on the page however long the incident; earlier ones are a link away
EARLIER: Final = 100
MOST_MEMBERS: Final = 500

# Look of each kind in the list: icon, class of the line.
LOOK: Final = {
    EntryKind.LOG: ("message-square", ""),
    EntryKind.DECISION: ("flag", "dec"),
    EntryKind.ALARM: ("siren", "crit"),
    EntryKind.METRIC: ("activity", "good"),
    EntryKind.STATE: ("check", "good"),
    EntryKind.STAGE: ("arrow-right", ""),
    EntryKind.SEVERITY: ("target", ""),
    EntryKind.ROLE: ("user", ""),
    EntryKind.UPDATE: ("megaphone", "pub"),
    EntryKind.CLOCK: ("clock", "crit"),
    EntryKind.TRIAGE: ("list-checks", ""),
    EntryKind.ACCESS: ("lock", ""),
    EntryKind.REVIEW: ("file-text", ""),
    EntryKind.RUNBOOK: ("book-open", ""),
    EntryKind.PLAN: ("wrench", ""),
    EntryKind.TASK: ("list-checks", ""),
    EntryKind.GRAPH: ("activity", ""),
    EntryKind.FILE: ("download", ""),
}
# Written by the portal: the kind stands where a person's name would.
SYSTEM_WORD: Final = {EntryKind.CLOCK: "Clock", EntryKind.ALARM: "Alarm", EntryKind.METRIC: "Metric"}


class EntryView(NamedTuple):
    """One line of the timeline."""

    pk: int
    number: int
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    author_id: int | None
    author_name: str | None
    source: str
    body: str
    supersedes_id: int | None
    superseded_by: int | None
    superseded_by_id: int | None
    sent_late: bool | None
    state: str | None  # of the incident, in a line that says how it changed

    @property
    def glyph(self) -> str:
        return self._look[0]

    @property
    def cls(self) -> str:
        return self._look[1]

    @property
    def _look(self) -> tuple[str, str]:
        """That it is open, again or from the first, is no success."""
        return ("siren", "") if self.state == StateChoice.OPEN else LOOK[EntryKind(self.kind)]

    @property
    def system_word(self) -> str:
        return SYSTEM_WORD.get(EntryKind(self.kind), "Portal")

    @property
    def lead(self) -> str:
        """What stands before the text, so that a decision does not read as the deed."""
        return "Decision:" if self.kind == EntryKind.DECISION else ""

    @property
    def spoken(self) -> str:
        """The text with what leads it."""
        return f"{self.lead} {self.body}" if self.lead else self.body

    @property
    def is_written(self) -> bool:
        return self.kind in (EntryKind.LOG, EntryKind.DECISION)

    @property
    def html(self) -> Markup:
        """The text as it stands in the line: one paragraph runs on, several stand below each other."""
        text = render_markdown(self.body).strip()
        is_single = text.startswith("<p>") and text.endswith("</p>") and text.count("<p>") == 1
        return Markup(text[3:-4]) if is_single else text  # noqa: S704 - cut from safe markup

    @property
    def day(self) -> date:
        """The reader's day it happened on."""
        return self.occurred_at.astimezone(get_current_timezone()).date()

    @property
    def is_late(self) -> bool:
        """Logged well after it happened; both times are shown."""
        return self.recorded_at - self.occurred_at > timedelta(minutes=2)


ENTRY_COLUMNS: Final = (
    "pk",
    "number",
    "kind",
    "occurred_at",
    "recorded_at",
    "author_id",
    "author__name",
    "source",
    "body",
    "supersedes_id",
    "superseded_by__number",
    "superseded_by__pk",
    "data__sent_late",
    "data__state",
)


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries in the order they were recorded, and how many older ones there are; of a narrowed list at least."""

    entries: Sequence[EntryView]
    older: int
    last_number: int


def entries_page(incident: Incident, *, before: int | None = None, asked: EntryFilter = ALL) -> EntryPage:
    """The newest entries, or those before number `before`: numbers are gap-free, so older ones need no count."""
    rows, size = asked.applied(TimelineEntry.objects.filter(incident=incident)), NEWEST
    if before is not None:
        rows, size = rows.filter(number__lt=before), EARLIER
    more = int(asked.is_narrowed)  # one beyond the page says that there are older ones
    found = [EntryView(*row) for row in rows.order_by("-number").values_list(*ENTRY_COLUMNS)[: size + more]]
    older = max(len(found) - size, 0)
    found = found[:size]
    found.reverse()
    if not asked.is_narrowed:
        older = found[0].number - 1 if found else 0
    return EntryPage(found, older, found[-1].number if found else 0)


@dataclass(frozen=True, slots=True)
class FreshEntries:
    """What was recorded since an entry, and when that one occurred: the day that the new lines go on with."""

    before: datetime | None
    entries: Sequence[EntryView]
    last_number: int


def entries_after(incident: Incident, number: int, asked: EntryFilter = ALL) -> FreshEntries:
    """What was recorded since entry `number`."""
    rows = asked.applied(TimelineEntry.objects.filter(incident=incident, number__gte=number))
    found = [EntryView(*row) for row in rows.order_by("number").values_list(*ENTRY_COLUMNS)[:500]]
    before = found.pop(0).occurred_at if found and found[0].number == number else None
    return FreshEntries(before, found, found[-1].number if found else number)


def unread_by(user_id: int | None, incident: Incident, *, after: int, upto: int) -> tuple[int, int] | None:
    """The number of the first line among these that somebody else wrote, and how many there are; None without any."""
    rows = TimelineEntry.objects.filter(incident=incident, number__gt=after, number__lte=upto)
    found = rows.exclude(author_id=user_id).aggregate(first=Min("number"), count=Count("pk"))
    return (found["first"], found["count"]) if found["count"] else None


def whole_timeline(incident: Incident) -> Iterator[EntryView]:
    """Every entry in the order in which it happened, read as it goes: a long incident is not held in memory."""
    rows = TimelineEntry.objects.filter(incident=incident).order_by("occurred_at", "number")
    return (EntryView(*row) for row in rows.values_list(*ENTRY_COLUMNS).iterator(chunk_size=500))


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock as `ui.clock` shows it."""

    kind: str
    label: str
    state: str
    text: str
    small: str
    rule: str
    until: datetime | None
    left: int | None
    total: int | None
    acts: tuple[str, ...] = ()  # the names of what may be done to it
    is_past: bool = False  # of a wave before, which had a review of its own

    @property
    def result(self) -> str:
        """How it ended or stands, where there is no room for what stands below it."""
        is_told = self.kind == ClockKind.UPDATE or self.state == "stopped"
        return f"{self.text}, {self.small}" if is_told and self.small else self.text


def _rule_words(clock: IncidentClock) -> str:
    if clock.rule_text.endswith(NEVER_DUE):
        return clock.rule_text
    if clock.due_at is None and clock.left is None:
        said = f"“{clock.rule_text}”: " if clock.rule_text else ""
        return f"{said}no number in guide"
    every = "every " if clock.kind == ClockKind.UPDATE else "within "
    source = clock.source_text or PolicySource(clock.source).label
    return f"{every}{clock.rule_text} · {source}"


def _clock_view(clock: IncidentClock, now: datetime) -> ClockView:
    label, rule = ClockKind(clock.kind).label, _rule_words(clock)
    if clock.paused_at is not None:
        text = stopwatch(clock.left) if clock.left is not None else stopwatch(clock.paused_at - clock.started_at)
        said = f"paused: {clock.pause_reason} · {rule}"
        return ClockView(clock.kind, label, "run", text, "paused", said, None, None, None)
    if clock.stopped_at is not None:
        took = clock.stopped_at - clock.started_at - clock.paused_for
        if clock.outcome == OutcomeChoice.STOPPED:
            return ClockView(clock.kind, label, "stopped", stopwatch(took), "not needed", rule, None, None, None)
        if clock.outcome == OutcomeChoice.MET or clock.due_at is None:
            return ClockView(clock.kind, label, "met", stopwatch(took), "taken", rule, None, None, None)
        late = stopwatch(clock.stopped_at - clock.due_at)
        return ClockView(clock.kind, label, "missed", f"+{late}", "late", rule, None, None, None)
    if clock.due_at is None:
        return ClockView(clock.kind, label, "run", stopwatch(now - clock.started_at), "so far", rule, None, None, None)
    left, total = clock.due_at - now, clock.due_at - clock.started_at - clock.paused_for
    if left <= timedelta(0):
        return ClockView(clock.kind, label, "missed", f"+{stopwatch(-left)}", "overdue", rule, None, None, None)
    is_near = clock.warn_at <= now if clock.warn_at is not None else left < total * (1 - WARN_SHARE)
    state = "warn" if is_near else "run"
    seconds = int(left.total_seconds())
    return ClockView(
        clock.kind, label, state, stopwatch(left), "", rule, clock.due_at, seconds, int(total.total_seconds())
    )


def _acts(clock: IncidentClock) -> tuple[str, ...]:
    if clock.stopped_at is not None:
        return ()
    by_hand = ("clock-done",) if clock.kind in DONE_BY_HAND else ()
    return (*by_hand, *(("clock-resume",) if clock.paused_at else ("clock-pause",) if clock.may_pause else ()))


def clock_views(incident: Incident, now: datetime, *, with_stopped: bool = False) -> list[ClockView]:
    """The latest round of each clock, the most urgent first; how many rounds were missed before stands beside it.

    A clock that was no longer needed before it was met is there `with_stopped`, as a review tells it, and so is every
    round before: what a wave that is over owed is not what an open incident waits for. The rounds of the updates are
    one thing once they are over: how many updates there were, and how many rounds passed without one in time.
    """
    rows = IncidentClock.objects.filter(incident=incident).order_by("kind", "round")
    views: list[tuple[int, datetime, ClockView]] = []
    for kind, group in groupby(rows, key=attrgetter("kind")):
        ran = list(group)
        if with_stopped and kind != ClockKind.UPDATE:
            views += [_round_view(one, after, now) for one, after in pairwise(ran)]
            if kind == ClockKind.REVIEW and incident.is_open:
                views.append(_round_view(ran[-1], None, now))
        counted = [one for one in ran if one.outcome != OutcomeChoice.STOPPED]
        if (not counted and not with_stopped) or (kind == ClockKind.REVIEW and incident.is_open):
            continue
        *before, clock = ran if with_stopped and kind != ClockKind.UPDATE else counted or ran
        missed = sum(one.outcome == OutcomeChoice.MISSED for one in before)
        view = _clock_view(clock, now)
        if kind == ClockKind.UPDATE and counted and clock.stopped_at is not None:
            view, missed = _updates_told(view, counted), 0
        elif with_stopped:
            missed, label = 0, _round_label(view, clock) if before and clock.stopped_at is not None else view.label
            view = replace(view, label=label)
        rule = f"{view.rule} · {plural(missed, 'round')} missed before" if missed else view.rule
        views.append(
            (_urgency(clock, view), clock.due_at or clock.started_at, replace(view, rule=rule, acts=_acts(clock)))
        )
    return [view for *_order, view in sorted(views, key=itemgetter(0, 1))]


def _round_label(view: ClockView, clock: IncidentClock) -> str:
    return f"{view.label}, round {clock.round}"


def _round_view(clock: IncidentClock, after: IncidentClock | None, now: datetime) -> tuple[int, datetime, ClockView]:
    """A round that is over, with its place; one that a change of severity began anew (`after`) was still needed."""
    view = _clock_view(clock, now)
    view = replace(view, label=_round_label(view, clock), is_past=True)
    if view.state == "stopped" and after is not None and after.started_at <= (clock.stopped_at or now):
        view = replace(view, small="began anew")
    return _urgency(clock, view), clock.due_at or clock.started_at, view


def _updates_told(view: ClockView, rounds: Sequence[IncidentClock]) -> ClockView:
    """Every update, also one that no clock waited for; of a round that is late only that its time passed."""
    told = plural(StatusUpdate.objects.filter(incident_id=rounds[0].incident_id).count(), "update")
    late = sum(one.outcome == OutcomeChoice.MISSED for one in rounds)
    if late:
        return replace(view, text=told, small=f"{late} of {plural(len(rounds), 'round')} late", state="missed")
    return replace(view, text=told, small="none late", state="met")


def _urgency(clock: IncidentClock, view: ClockView) -> int:
    """Late and still open, nearly due, due, without a number, paused; then what is over, missed before met."""
    if clock.stopped_at is not None:
        return 5 if view.state == "missed" else 6
    if clock.paused_at is not None:
        return 4
    if clock.due_at is None:
        return 3
    return {"missed": 0, "warn": 1}.get(view.state, 2)


def updates_of(incident: Incident) -> list[StatusUpdate]:
    """What people were told, newest first."""
    rows = StatusUpdate.objects.filter(incident=incident).select_related("author")
    return list(rows.order_by("-published_at", "-pk")[:50])


def last_public_update(incident: Incident) -> StatusUpdate | None:
    rows = StatusUpdate.objects.filter(incident=incident, audience=Audience.PUBLIC)
    return rows.order_by("-published_at", "-pk").first()


def members_of(platform_id: int, action: str = "") -> list[tuple[int, str]]:
    """(user id, name) of the platform's active members whose role allows `action`, all without one.

    `/assign` and `/task` reach those a form has no room for.
    """
    rows = Membership.objects.filter(platform_id=platform_id, user__is_active=True)
    if action:
        rows = rows.filter(role__in=roles_with(action))
    return list(rows.order_by("user__name", "user_id").values_list("user_id", "user__name")[:MOST_MEMBERS])
