"""The first text of a review, taken from the record: no guess, no AI, empty where only people know."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from incidents.choices import ClaimOutcome, ClockKind, EntryKind, OutcomeChoice, ReviewState
from incidents.models import AlarmClaim, Incident, IncidentClock, Review, ReviewSection, StatusUpdate, TimelineEntry
from incidents.selectors.evidence import budget_burnt, budget_lines, change_words, runbook_results
from incidents.selectors.links import firing_names
from incidents.selectors.plans import plan_results
from incidents.selectors.related import changes_nearby
from incidents.selectors.runbooks import runbooks_matching
from incidents.selectors.waves import Wave, wave_at, waves_of
from monitoring.models import Alarm, AlarmState, AlarmTransition
from opsportal.core.formats import duration, plural, stamp

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
# Titles of what a draft quotes from the record.
BUDGET = "Error budget used, as far as it was counted then:"
ALARMS = "What the alarms said:"
CHANGES = "What changed within two hours of its beginning:"
PLANS = "By plan:"
METRICS = "What the metrics said:"
QUOTED = frozenset({BUDGET, ALARMS, CHANGES, PLANS, METRICS})
UNWRITTEN = "not written down"
_MOST_LINES = 20  # of a kind that a draft quotes
_MOST_RECOVERED = 8  # alarms of each wave that are named as being back
_MOST_READ = 500
# Of which texts of the record a section is drafted.
RECORDED: Mapping[str, tuple[str, ...]] = {
    "impact": ("users_affected", "impact_business", "impact_technical"),
    "cause": ("cause",),
    "resolution": ("resolution",),
}


def draft_sections(incident: Incident) -> list[tuple[str, str, str]]:
    """(key, title, text) of each section in order (Phase09's template with Bookstore's lessons)."""
    clocks = list(IncidentClock.objects.filter(incident=incident).order_by("started_at", "pk"))
    waves = waves_of(incident)
    texts = {
        "impact": _impact(incident, waves) + _budget(incident),
        "cause": _cause(incident, waves),
        "resolution": _resolution(incident, waves),
        "went-well": _lines(_all_met(incident, clocks)),
        "went-wrong": _lines(
            [
                *(_missed(clock) for clock in clocks if clock.outcome == OutcomeChoice.MISSED),
                *_came_back(waves),
                *(
                    f"{name} still fired when {resolved}"
                    for resolved, at in _ends(incident, waves)
                    for name in still_firing(incident, at)
                ),
            ]
        ),
        "tools": _lines(_runbooks(incident)),
    }
    return [(key, title, texts.get(key, "")) for key, title in SECTIONS]


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def unsaid(incident: Incident, section: ReviewSection, waves: Sequence[Wave]) -> list[str]:
    """What the record says of the subject and a section that a person has edited does not, its waves among it."""
    if section.edited_at is None:
        return []
    said = " ".join(section.body.split())
    if waves and section.key in ("cause", "resolution"):
        texts = [(text, f"Wave {wave.number}{when}: {text}") for wave, when, text in _written(waves, section.key)]
    else:
        texts = [(text, text) for text in (getattr(incident, name) for name in RECORDED.get(section.key, ()))]
    lines = [_lasted(incident, waves), *(wave.words for wave in waves)] if waves and section.key == "impact" else []
    lines += _came_back(waves) if section.key == "went-wrong" else []
    texts += [(line, line) for line in lines]
    return [shown.strip() for text, shown in texts if " ".join(text.split()) not in said]


def unsaid_of(
    review: Review, incident: Incident, sections: Iterable[ReviewSection], waves: Sequence[Wave]
) -> dict[str, list[str]]:
    """The same of each section by its key; none of a review that is published, whose text stands."""
    if review.state == ReviewState.PUBLISHED:
        return {}
    return {section.key: found for section in sections if (found := unsaid(incident, section, waves))}


def _written(waves: Sequence[Wave], key: str) -> Iterator[tuple[Wave, str, str]]:
    """Wave, when it was written if it is not what stands, text: of each wave's causes or of its resolution."""
    for wave in waves:
        if text := getattr(wave, key).strip():
            yield wave, "", text
        if key == "cause":
            yield from ((wave, ", written before", earlier) for earlier in wave.causes_before)


def _titled(title: str, lines: Iterable[str]) -> str:
    """A list under its title; nothing where there is no line."""
    text = _lines(lines)
    return f"{title}\n\n{text}" if text else ""


def without_record(text: str) -> str:
    """The text without what the portal quoted from its own record: those lists with their titles."""
    kept: list[str] = []
    blocks = iter(re.split(r"\n\s*\n", text.strip()))
    for block in blocks:
        if block.strip() not in QUOTED:
            kept.append(block)
        elif not (after := next(blocks, "- ")).startswith("- "):
            kept.append(after)
    return "\n\n".join(kept)


def _lasted(incident: Incident, waves: Sequence[Wave]) -> str:
    """The quiet time between two waves counts: nobody knew that it was not over."""
    end = incident.resolved_at or incident.declared_at
    lasted = f"**{incident.title}** lasted {duration(end - incident.impact_started_at)}"
    return f"{lasted}, in {plural(len(waves), 'wave')}." if waves else f"{lasted}."


def _impact(incident: Incident, waves: Sequence[Wave]) -> str:
    texts = [incident.impact_business, incident.impact_technical]
    users = f"Users affected: {incident.users_affected}." if incident.users_affected else ""
    times = [f"{word} {stamp(at)}" for word, at in _times(incident, is_reopened=bool(waves))]
    times += [wave.words for wave in waves]
    return "\n\n".join(part for part in (_lasted(incident, waves), users, *texts, _lines(times)) if part)


def _budget(incident: Incident) -> str:
    """What was counted when this is drafted. What is counted later stands beside the text, not in it as unknown."""
    burnt = budget_burnt(incident, incident.resolved_at or incident.declared_at)
    counted = [row for row in burnt if row.share is not None]
    if burnt and not counted:
        return ""
    return "\n\n" + _titled(BUDGET, map(": ".join, budget_lines(counted)))


def _times(incident: Incident, *, is_reopened: bool) -> list[tuple[str, datetime]]:
    """Without the ends of one that was reopened: each of its waves has its own."""
    begin = (
        ("Impact began", incident.impact_started_at),
        ("Detected", incident.detected_at),
        ("Acknowledged", incident.acknowledged_at),
    )
    end = (
        ("Mitigated", incident.mitigated_at),
        ("Resolved", incident.resolved_at),
    )
    return [(word, at) for word, at in (*begin, *(() if is_reopened else end)) if at is not None]


def _cause(incident: Incident, waves: Sequence[Wave]) -> str:
    if any(wave.because for wave in waves):
        lines = []
        for wave in waves:
            lines.append(f"Wave {wave.number}: {wave.cause or UNWRITTEN}")
            lines += [f"Wave {wave.number}, written before: {text}" for text in wave.causes_before]
        return "\n\n".join(lines)
    if incident.cause:
        return incident.cause
    found = (
        _titled(ALARMS, _dated(_entries(incident, EntryKind.ALARM))),
        _titled(CHANGES, map(change_words, changes_nearby(incident))),
    )
    return "\n\n".join(text for text in found if text)


def _resolution(incident: Incident, waves: Sequence[Wave]) -> str:
    """What was written, else what was decided; then what was carried out by plans, and what came back of itself."""
    plans = [f"{row.name}, {row.words}" for row in plan_results(incident)]
    texts = (_ended(incident, waves), _titled(PLANS, plans), _titled(METRICS, _recovered(incident, waves)))
    return "\n\n".join(text for text in texts if text)


def _ended(incident: Incident, waves: Sequence[Wave]) -> str:
    """What ended it, of each wave: its text, else what was decided in it."""
    if not waves and incident.resolution:
        return incident.resolution
    decided = _entries(incident, EntryKind.DECISION)
    if not waves:
        return _lines(_dated(decided, "decided: "))
    if not decided and not any(wave.resolution for wave in waves):
        return ""
    texts = []
    for wave in waves:
        own = [entry for entry in decided if wave_at(waves, entry.occurred_at) == wave.number]
        lines = f"\n\n{_lines(_dated(own, 'decided: '))}" if own else UNWRITTEN
        texts.append(f"Wave {wave.number}: {wave.resolution or lines}")
    return "\n\n".join(texts)


def _recovered(incident: Incident, waves: Sequence[Wave]) -> list[str]:
    """What came back in each wave: of each alarm's name the last time up to the wave's end, else the first after it.

    Of many the alarm that declared it and the earliest; how many more there are is said.
    """
    rows = _entries(incident, EntryKind.METRIC, _MOST_READ)
    told = {entry.data["alarm"] for entry in rows if "alarm" in entry.data}
    names = dict(Alarm.objects.filter(pk__in=told).values_list("pk", "name"))
    its = Q(incident=incident) | Q(incident__merged_into=incident)
    opening = AlarmClaim.objects.filter(its, outcome=ClaimOutcome.OPENED).values_list("transition__alarm__name")
    declaring = {name for (name,) in opening}
    ends = {wave.number: wave.resolved_at for wave in waves} or {1: incident.resolved_at}
    kept: dict[int, dict[str, TimelineEntry]] = {number: {} for number in ends}
    for entry in rows:
        number = wave_at(waves, entry.occurred_at)
        name, end = names.get(entry.data.get("alarm"), entry.body), ends[number]
        if name not in kept[number] or end is None or entry.occurred_at <= end:
            kept[number][name] = entry
    lines = []
    for found in kept.values():
        first = sorted(found, key=lambda name: (name not in declaring, found[name].occurred_at))[:_MOST_RECOVERED]
        lines += _dated(entry for name, entry in found.items() if name in first)
        lines += [f"{plural(len(found) - len(first), 'more alarm')} came back"] if len(first) < len(found) else []
    return lines


def _entries(incident: Incident, kind: EntryKind, most: int = _MOST_LINES) -> list[TimelineEntry]:
    """The first lines of a kind, as they stand corrected."""
    rows = TimelineEntry.objects.filter(incident=incident, kind=kind, superseded_by__isnull=True)
    return list(rows.order_by("occurred_at", "number").only("body", "occurred_at", "data")[:most])


def _runbooks(incident: Incident) -> Iterator[str]:
    """What was carried out, and what would have matched."""
    results = runbook_results(incident)
    yield from (f"{row.title}, version {row.version}, {row.words}" for row in results)
    carried_out = {row.title for row in results}
    for match in runbooks_matching(incident):
        if match.runbook.is_written and match.runbook.title not in carried_out:
            yield f"{match.runbook.title} matches ({match.why}) and was not carried out"


def _dated(entries: Iterable[TimelineEntry], word: str = "") -> list[str]:
    """`word` before each: that it was decided, not that it was done."""
    rows = sorted(entries, key=lambda entry: entry.occurred_at)
    return [f"{stamp(entry.occurred_at)}: {word}{entry.body}" for entry in rows]


def _all_met(incident: Incident, clocks: list[IncidentClock]) -> Iterator[str]:
    """Each clock that was met; the updates, which come round again, as one: how many there were, how many late."""
    updates = [clock for clock in clocks if clock.kind == ClockKind.UPDATE and clock.due_at]
    in_time = sum(clock.outcome == OutcomeChoice.MET for clock in updates)
    late = sum(clock.outcome == OutcomeChoice.MISSED for clock in updates)
    if in_time:
        told = StatusUpdate.objects.filter(incident=incident).count()  # also what no clock waited for
        said = f"{late} of {plural(in_time + late, 'round')} late" if late else "none late"
        yield f"{plural(told, 'status update')}, {said} (every {updates[-1].rule_text})"
    for clock in clocks:
        if clock.outcome == OutcomeChoice.MET and clock.due_at and clock.kind != ClockKind.UPDATE:
            yield _met(incident, clock)


def _came_back(waves: Sequence[Wave]) -> Iterator[str]:
    """Each time that it was over and was not."""
    for wave in waves[1:]:
        again = f", reopened {stamp(wave.reopened_at)}" if wave.is_known_before and wave.reopened_at else ""
        yield f"It came back {stamp(wave.began_at)}{again}, after wave {wave.number - 1} was resolved: {wave.why}"


def _ends(incident: Incident, waves: Sequence[Wave]) -> list[tuple[str, datetime]]:
    """When it was resolved, each time, and how that is said."""
    ends = [(f"wave {wave.number} was resolved", wave.resolved_at) for wave in waves]
    return [(said, at) for said, at in ends or [("it was resolved", incident.resolved_at)] if at is not None]


def still_firing(incident: Incident, at: datetime) -> list[str]:
    """The names, each once, of its alarms that fired when it was resolved at `at`, as far as judged by then."""
    alarms = AlarmClaim.objects.filter(incident=incident).values("transition__alarm_id")
    rows = AlarmTransition.objects.filter(alarm_id__in=alarms, at__lte=at)
    last = rows.order_by("alarm_id", "-at", "-pk").distinct("alarm_id")
    told = last.values_list("to_state", "alarm__name", "alarm__origin", "alarm__alert_source__name", "at")
    return [found.words for found in firing_names(row[1:] for row in told if row[0] == AlarmState.ALARM)]


def _met(incident: Incident, clock: IncidentClock) -> str:
    assert clock.stopped_at is not None
    took = duration(clock.stopped_at - clock.started_at)
    text = f"{ClockKind(clock.kind).label} after {took} of {clock.rule_text}"
    # A change of severity begins a clock anew.
    return text if clock.started_at <= incident.declared_at else f"{text}, counted from {stamp(clock.started_at)}"


def _missed(clock: IncidentClock) -> str:
    label = ClockKind(clock.kind).label
    if clock.stopped_at is None or clock.due_at is None:
        return f"{label} missed ({clock.rule_text}, {clock.source_text})"
    return f"{label} {duration(clock.stopped_at - clock.due_at)} late ({clock.rule_text}, {clock.source_text})"
