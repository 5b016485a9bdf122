"""Starting, ending and firing the clocks of an incident. Arithmetic lives in `incidents.clocks`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incidents import clocks
from incidents.choices import ClockKind, EntryKind, OutcomeChoice
from incidents.clocks import Outcome
from incidents.models import ClockPolicy, Incident, IncidentClock
from incidents.services.timeline import append
from opsportal.core.actor import system_actor
from opsportal.core.formats import duration
from opsportal.platforms.models import BusinessCalendar, PolicySource

WORKING_KINDS: Final = (
    ClockKind.ACKNOWLEDGE,
    ClockKind.RESPOND,
    ClockKind.ESCALATE,
    ClockKind.UPDATE,
    ClockKind.RESOLVE,
)
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


def policy_for(incident: Incident, kind: str) -> ClockPolicy | None:
    return ClockPolicy.objects.filter(severity_id=incident.severity_id, kind=kind).select_related("calendar").first()


def start(incident: Incident, kind: str, at: datetime) -> IncidentClock | None:
    """Start the next round of a clock; None when the platform's policy asks for none.

    The due instant, the rule's words and version are stored now: a later edit of the policy moves no running clock.
    """
    policy = policy_for(incident, kind)
    if policy is None:
        default = DEFAULTS.get(ClockKind(kind))
        if default is None or incident.rank > default.worst_ranks:
            return None
        due: datetime | None = clocks.due_at(at, default.minutes)
        rule = clocks.words(default.minutes)
        source, source_text = PolicySource.PORTAL_DEFAULT.value, default.source_text
    elif policy.minutes is None and not policy.text:
        return None
    else:
        due, rule = _due_and_rule(policy, at)
        source, source_text = policy.source, policy.source_words
    rounds = IncidentClock.objects.filter(incident=incident, kind=kind).count()
    return IncidentClock.objects.create(
        incident=incident,
        kind=kind,
        round=rounds + 1,
        policy=policy,
        policy_version=policy.version if policy else None,
        rule_text=rule,
        source=source,
        source_text=source_text,
        started_at=at,
        due_at=due,
    )


def _due_and_rule(policy: ClockPolicy, at: datetime) -> tuple[datetime | None, str]:
    """A calendar that never gives the time makes a clock without an end, which says so: it must stop no incident."""
    if policy.minutes is None:
        return None, policy.words
    try:
        calendar = calendar_of(policy.calendar) if policy.calendar is not None else None
        return clocks.due_at(at, policy.minutes, calendar), policy.words
    except clocks.CalendarError:
        return None, f"{policy.words}, {clocks.NEVER_DUE}"


def start_all(incident: Incident, at: datetime) -> None:
    """The clocks that run from detection."""
    for kind in WORKING_KINDS:
        start(incident, kind, at)


def _running(incident: Incident, kind: str) -> IncidentClock | None:
    """The running clock, held: without that, a miss recorded meanwhile would look like someone else's change."""
    rows = IncidentClock.objects.select_for_update(of=("self",), no_key=True)
    return rows.filter(incident=incident, kind=kind, stopped_at__isnull=True).first()


def done(incident: Incident, kind: str, at: datetime) -> IncidentClock | None:
    """What the clock waited for has happened: met, or missed by as much as shown."""
    clock = _running(incident, kind)
    if clock is not None:
        stopped_at = max(at, clock.started_at)
        result = clocks.outcome(clock.due_at, stopped_at, at)
        clock.update_versioned(expected=clock.version, stopped_at=stopped_at, outcome=result.value)
    return clock


def stop(incident: Incident, kind: str, at: datetime) -> IncidentClock | None:
    """The clock is no longer needed. One that was missed before stays missed for ever."""
    clock = _running(incident, kind)
    if clock is not None:
        is_late = clocks.outcome(clock.due_at, None, at) is Outcome.MISSED
        result = OutcomeChoice.MISSED if is_late else OutcomeChoice.STOPPED
        clock.update_versioned(expected=clock.version, stopped_at=max(at, clock.started_at), outcome=result)
    return clock


def restart_for_severity(incident: Incident, at: datetime, *, is_worse: bool) -> None:
    """Give running clocks the new severity's rules.

    Worse restarts them from now, since nobody can be late for a duty that did not exist; milder keeps their start.
    Clocks that only the new severity asks for start now.
    """
    running = IncidentClock.objects.filter(incident=incident, stopped_at__isnull=True, kind__in=WORKING_KINDS)
    started = {clock.kind: clock.started_at for clock in running}
    ended = set(
        IncidentClock.objects.filter(incident=incident, outcome__in=[OutcomeChoice.MET, OutcomeChoice.MISSED])
        .exclude(kind__in=started)
        .values_list("kind", flat=True)
    )
    for kind in WORKING_KINDS:
        if kind in started:
            stop(incident, kind, at)
            start(incident, kind, at if is_worse else started[kind])
        elif kind not in ended and not (kind in _MET_BY_ACKNOWLEDGING and incident.acknowledged_at):
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


def acknowledge_clocks(incident: Incident, at: datetime) -> str:
    """End what acknowledging ends; the text says how long it took."""
    ended = [done(incident, kind, at) for kind in (ClockKind.ACKNOWLEDGE, ClockKind.RESPOND)]
    first = next((clock for clock in ended if clock is not None), None)
    return f" after {duration(at - first.started_at)}" if first is not None else ""
