"""The first text of a review, taken from the record: no guess, no AI, empty where only people know."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from incidents.choices import ClockKind, EntryKind, OutcomeChoice
from incidents.models import Incident, IncidentClock, TimelineEntry
from incidents.selectors.evidence import budget_burnt, budget_lines, change_words, runbook_results
from incidents.selectors.related import changes_nearby
from incidents.selectors.runbooks import runbooks_matching
from opsportal.core.formats import duration, stamp

SECTIONS = (
    ("impact", "Impact"),
    ("cause", "Cause"),
    ("resolution", "Resolution"),
    ("went-well", "Went well"),
    ("went-wrong", "Went wrong"),
    ("lucky", "Where we were lucky"),
    ("prevention", "Prevention"),
    ("lessons", "Lessons"),
    ("training", "Training"),
    ("tools", "Tools and runbooks"),
)
# Bookstore §7.2 names training and tools, not every incident asks for them: a review is whole without.
OPTIONAL = frozenset({"lucky", "training", "tools"})


def draft_sections(incident: Incident) -> list[tuple[str, str, str]]:
    """(key, title, text) of each section in order (Phase09's template with Bookstore's lessons)."""
    clocks = list(IncidentClock.objects.filter(incident=incident).order_by("started_at", "pk"))
    entries = list(
        TimelineEntry.objects.filter(incident=incident, kind__in=[EntryKind.ALARM, EntryKind.DECISION])
        .order_by("occurred_at", "number")
        .only("kind", "body", "occurred_at")[:20]
    )
    texts = {
        "impact": _impact(incident) + _budget(incident),
        "cause": _cause(incident, entries),
        "resolution": incident.resolution or _lines(_dated(entries, EntryKind.DECISION)),
        "went-well": _lines(
            _met(incident, clock) for clock in clocks if clock.outcome == OutcomeChoice.MET and clock.due_at
        ),
        "went-wrong": _lines(_missed(clock) for clock in clocks if clock.outcome == OutcomeChoice.MISSED),
        "tools": _lines(_runbooks(incident)),
    }
    return [(key, title, texts.get(key, "")) for key, title in SECTIONS]


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _impact(incident: Incident) -> str:
    end = incident.resolved_at or incident.declared_at
    first = f"**{incident.title}** lasted {duration(end - incident.impact_started_at)}."
    texts = [incident.impact_business, incident.impact_technical]
    users = f"Users affected: {incident.users_affected}." if incident.users_affected else ""
    times = _lines(f"{word} {stamp(at)}" for word, at in _times(incident))
    return "\n\n".join(part for part in (first, users, *texts, times) if part)


def _budget(incident: Incident) -> str:
    """What was counted when this is drafted. What is counted later stands beside the text, not in it as unknown."""
    burnt = budget_burnt(incident, incident.resolved_at or incident.declared_at)
    counted = [row for row in burnt if row.share is not None]
    if burnt and not counted:
        return ""
    used = _lines(": ".join(pair) for pair in budget_lines(counted))
    return f"\n\nError budget used, as far as it was counted then:\n\n{used}"


def _times(incident: Incident) -> list[tuple[str, datetime]]:
    pairs = (
        ("Impact began", incident.impact_started_at),
        ("Detected", incident.detected_at),
        ("Acknowledged", incident.acknowledged_at),
        ("Mitigated", incident.mitigated_at),
        ("Resolved", incident.resolved_at),
    )
    return [(word, at) for word, at in pairs if at is not None]


def _cause(incident: Incident, entries: list[TimelineEntry]) -> str:
    if incident.cause:
        return incident.cause
    found = (
        ("What the alarms said", _dated(entries, EntryKind.ALARM)),
        ("What changed within two hours of its beginning", map(change_words, changes_nearby(incident))),
    )
    texts = [(title, _lines(lines)) for title, lines in found]
    return "\n\n".join(f"{title}:\n\n{text}" for title, text in texts if text)


def _runbooks(incident: Incident) -> Iterator[str]:
    """What was carried out, and what would have matched."""
    results = runbook_results(incident)
    yield from (f"{row.title}, version {row.version}, {row.words}" for row in results)
    carried_out = {row.title for row in results}
    for match in runbooks_matching(incident):
        if match.runbook.is_written and match.runbook.title not in carried_out:
            yield f"{match.runbook.title} matches ({match.why}) and was not carried out"


def _dated(entries: list[TimelineEntry], kind: EntryKind) -> list[str]:
    return [f"{stamp(entry.occurred_at)}: {entry.body}" for entry in entries if entry.kind == kind]


def _met(incident: Incident, clock: IncidentClock) -> str:
    assert clock.stopped_at is not None
    took = duration(clock.stopped_at - clock.started_at)
    text = f"{ClockKind(clock.kind).label} after {took} of {clock.rule_text}"
    # A change of severity begins a clock anew, and each update the next one.
    return text if clock.started_at <= incident.declared_at else f"{text}, counted from {stamp(clock.started_at)}"


def _missed(clock: IncidentClock) -> str:
    label = ClockKind(clock.kind).label
    if clock.stopped_at is None or clock.due_at is None:
        return f"{label} missed ({clock.rule_text}, {clock.source_text})"
    return f"{label} {duration(clock.stopped_at - clock.due_at)} late ({clock.rule_text}, {clock.source_text})"
