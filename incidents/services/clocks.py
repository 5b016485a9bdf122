"""Starting, ending and firing the clocks of an incident. Arithmetic lives in `incidents.clocks`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from incidents import clocks
from incidents.choices import ClockKind, EntryKind, OutcomeChoice
from incidents.clocks import DueRule, Outcome
from incidents.models import ClockPolicy, Incident, IncidentClock
from incidents.services.timeline import append
from incidents.types import defaults
from opsportal.core.actor import system_actor
from opsportal.core.formats import duration
from opsportal.platforms.models import BusinessCalendar, PolicySource

WORKING_KINDS: Final = (
    ClockKind.ACKNOWLEDGE,
    ClockKind.RESPOND,
    ClockKind.ESCALATE,
    ClockKind.UPDATE,
    ClockKind.RESOLVE,
    ClockKind.STAKEHOLDER,
)
WAVE_KINDS: Final = (ClockKind.ESCALATE, ClockKind.UPDATE, ClockKind.RESOLVE)  # run in every wave anew
REVIEW_REQUIRED_RANK: Final = 2
CLOCK_ACTOR: Final = system_actor("incidents.clocks")


@dataclass(frozen=True, slots=True)
class Default:
    """A portal default where a platform has no policy row: whose figure it borrows stands beside it."""

    minutes: int
    source_text: str
    worst_ranks: int = 5


DEFAULTS: Final = {
    ClockKind.ACKNOWLEDGE: Default(15, "portal default, as Bookstore §7.1"),
    ClockKind.UPDATE: Default(30, "portal default, as Bookstore §7.1"),
    ClockKind.REVIEW: Default(2880, "portal default, as Phase09 §6", REVIEW_REQUIRED_RANK),
    ClockKind.BREACH: Default(4320, "GDPR art. 33"),
}


def calendar_of(row: BusinessCalendar) -> clocks.Calendar:
    """The stored calendar as the pure module reads it."""
    return clocks.Calendar(
        zone=row.zone,
        weekdays=frozenset(row.weekdays),
        opens=row.opens_at,
        closes=row.closes_at,
        holidays=frozenset(row.holidays),
    )


def policies_of(incident: Incident) -> dict[str, ClockPolicy]:
    """The policies of the incident's severity by kind: one query."""
    rows = ClockPolicy.objects.filter(severity_id=incident.severity_id).select_related("calendar")
    return {row.kind: row for row in rows}


def _new(incident: Incident, kind: str, at: datetime, policy: ClockPolicy | None) -> IncidentClock | None:
    """The next clock of a kind, not stored yet; None when the platform's policy asks for none.

    The due instant, the rule's words and version, and whether it may be paused are kept: a later edit of the policy
    changes no running clock.
    """
    clock = IncidentClock(incident=incident, kind=kind, started_at=at)
    if policy is None:
        default = DEFAULTS.get(ClockKind(kind))
        if default is None or incident.rank > default.worst_ranks:
            return None
        clock.due_at = clocks.due_at(at, default.minutes)
        clock.rule_text = clocks.words(default.minutes)
        clock.source, clock.source_text = PolicySource.PORTAL_DEFAULT, default.source_text
    elif policy.minutes is None and not policy.text and policy.due_rule == DueRule.MINUTES:
        return None
    else:
        clock.policy, clock.policy_version, clock.calendar = policy, policy.version, policy.calendar
        clock.is_pausable = policy.may_pause
        clock.due_at, clock.rule_text = _due_and_rule(policy, at)
        clock.source, clock.source_text = policy.source, policy.source_words
    clock.warn_at = _warn_at(clock)
    return clock


def _due_and_rule(policy: ClockPolicy, at: datetime) -> tuple[datetime | None, str]:
    """A calendar that never gives the time makes a clock without an end, which says so: it must stop no incident."""
    calendar = calendar_of(policy.calendar) if policy.calendar is not None else None
    try:
        if policy.due_rule == DueRule.NEXT_BUSINESS_DAY and calendar is not None:
            return clocks.next_business_day(at, calendar), policy.words
        if policy.due_rule == DueRule.NEXT_SPRINT and policy.due_on is not None:
            due = clocks.end_of(policy.due_on, calendar)
            return (due, f"{policy.words}, {policy.due_on:%d %b %Y}") if due > at else (None, policy.words)
        if policy.minutes is None:
            return None, policy.words
        return clocks.due_at(at, policy.minutes, calendar), policy.words
    except (clocks.CalendarError, OverflowError):
        return None, f"{policy.words}, {clocks.NEVER_DUE}"


def _warn_at(clock: IncidentClock) -> datetime | None:
    """When to warn; an escalation is no duty that somebody could still do in time.

    Not at all in a calendar that never opens: the end of a sprint has a date without it.
    """
    if clock.due_at is None or clock.kind == ClockKind.ESCALATE:
        return None
    share = clock.policy.warn_share if clock.policy is not None else None
    try:
        return clocks.warn_at(clock.started_at, clock.due_at, share or clocks.WARN_SHARE, calendar_for(clock))
    except clocks.CalendarError:
        return None


def calendar_for(clock: IncidentClock) -> clocks.Calendar | None:
    """The calendar a clock counts its time in; None: around the clock."""
    return calendar_of(clock.calendar) if clock.calendar is not None else None


def start(incident: Incident, kind: str, at: datetime) -> IncidentClock | None:
    """Start the next round of a clock; None when the platform's policy asks for none."""
    clock = _new(incident, kind, at, policies_of(incident).get(kind))
    if clock is not None:
        clock.round = IncidentClock.objects.filter(incident=incident, kind=kind).count() + 1
        clock.save(force_insert=True)
    return clock


def start_all(incident: Incident, at: datetime) -> None:
    """The clocks of a new incident, which run from detection."""
    policies = policies_of(incident)
    kinds = (*WORKING_KINDS, *defaults(incident.type).clocks)
    found = [_new(incident, kind, at, policies.get(kind)) for kind in kinds]
    IncidentClock.objects.bulk_create([clock for clock in found if clock is not None])


def running(incident: Incident, kind: str) -> IncidentClock | None:
    """The running clock, held: without that, a miss recorded meanwhile would look like someone else's change."""
    rows = IncidentClock.objects.select_for_update(of=("self",), no_key=True).select_related("policy", "calendar")
    return rows.filter(incident=incident, kind=kind, stopped_at__isnull=True).first()


def resumed(clock: IncidentClock, at: datetime) -> dict[str, Any]:
    """The column values that end a clock's pause: what was left of its time begins at `at`. None when not paused."""
    if clock.paused_at is None:
        return {}
    calendar, start_again = calendar_for(clock), max(at, clock.paused_at)
    rests = (clock.left, clock.warn_left)
    due, warn_again = (None if left is None else clocks.due_after(start_again, left, calendar) for left in rests)
    lasted = clock.paused_for + (start_again - clock.paused_at)
    over = {"paused_at": None, "pause_reason": "", "left": None, "warn_left": None}
    return {**over, "due_at": due, "warn_at": warn_again, "paused_for": lasted}


def done(incident: Incident, kind: str, at: datetime) -> IncidentClock | None:
    """What the clock waited for has happened: met, or missed by as much as shown."""
    clock = running(incident, kind)
    if clock is not None:
        stopped_at = max(at, clock.started_at)
        changes = resumed(clock, at)
        result = clocks.outcome(changes.get("due_at", clock.due_at), stopped_at, at)
        clock.update_versioned(expected=clock.version, **changes, stopped_at=stopped_at, outcome=result.value)
    return clock


def stop(incident: Incident, kind: str, at: datetime) -> IncidentClock | None:
    """The clock is no longer needed. One that was missed before stays missed for ever."""
    clock = running(incident, kind)
    if clock is not None:
        changes = resumed(clock, at)
        is_late = clocks.outcome(changes.get("due_at", clock.due_at), None, at) is Outcome.MISSED
        result = OutcomeChoice.MISSED if is_late else OutcomeChoice.STOPPED
        stopped_at = max(at, clock.started_at)
        clock.update_versioned(expected=clock.version, **changes, stopped_at=stopped_at, outcome=result)
    return clock


def restart_for_severity(incident: Incident, at: datetime, *, is_worse: bool) -> None:
    """Give running clocks the new severity's rules.

    Worse restarts them from now, since nobody can be late for a duty that did not exist; milder keeps their start.
    Clocks that only the new severity asks for start now, unless their duty is done: an update is owed again after each
    one, and an open incident is to be resolved, whatever an earlier round was. A pause ends with the old rule; its time
    stays uncounted.
    """
    present = IncidentClock.objects.filter(incident=incident, stopped_at__isnull=True, kind__in=WORKING_KINDS)
    started = {clock.kind: clock.started_at for clock in present}
    ended = IncidentClock.objects.filter(incident=incident, outcome__in=[OutcomeChoice.MET, OutcomeChoice.MISSED])
    over = set(ended.exclude(kind__in=WAVE_KINDS).values_list("kind", flat=True))
    over |= _MET_BY_ACKNOWLEDGING if incident.acknowledged_at else frozenset()
    over |= {ClockKind.ESCALATE} if incident.mitigated_at else frozenset()
    for kind in WORKING_KINDS:
        if kind in started:
            ended_one = stop(incident, kind, at)
            paused_for = ended_one.paused_for if ended_one is not None else timedelta(0)
            start(incident, kind, at if is_worse else started[kind] + paused_for)
        elif kind not in over:
            start(incident, kind, at)


_MET_BY_ACKNOWLEDGING: Final = frozenset({ClockKind.ACKNOWLEDGE, ClockKind.RESPOND})


def fire(clock: IncidentClock, at: datetime) -> None:
    """Record that a clock was missed: once, with a timeline entry. The caller holds the row and tells people."""
    clock.update_versioned(expected=clock.version, fired_at=at, outcome=OutcomeChoice.MISSED)
    label, rule = ClockKind(clock.kind).label, clock.rule_text
    body = f"{label} is due: {rule} have passed" if clock.kind == ClockKind.ESCALATE else f"{label} missed: {rule}"
    append(
        clock.incident,
        kind=EntryKind.CLOCK,
        body=f"{body} ({clock.source_text})",
        by=CLOCK_ACTOR,
        at=at,
        occurred_at=clock.due_at,
        data={"clock": clock.pk, "kind": clock.kind},
    )


def warn(clock: IncidentClock, at: datetime) -> None:
    """Note once that a clock is about to be missed. The caller holds the row and tells people."""
    assert clock.due_at is not None
    clock.update_versioned(expected=clock.version, warned_at=at)
    append(
        clock.incident,
        kind=EntryKind.CLOCK,
        body=f"{ClockKind(clock.kind).label} due in {duration(clock.due_at - at)}: {clock.rule_text}"
        f" ({clock.source_text})",
        by=CLOCK_ACTOR,
        at=at,
        data={"clock": clock.pk, "kind": clock.kind, "warning": True},
    )


def acknowledge_clocks(incident: Incident, at: datetime) -> str:
    """End what acknowledging ends; the text says how long it took."""
    ended = [done(incident, kind, at) for kind in (ClockKind.ACKNOWLEDGE, ClockKind.RESPOND)]
    first = next((clock for clock in ended if clock is not None), None)
    return f" after {duration(at - first.started_at)}" if first is not None else ""
