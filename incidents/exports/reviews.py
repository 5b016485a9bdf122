"""Reviews outside the portal: as Markdown, as data, as the public may read one, and what the last ones teach."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from incidents.choices import ActionKind
from incidents.exports.redaction import redact, words_of
from incidents.models import Incident, Review, ReviewEdition, ReviewSection
from incidents.selectors.drafting import unsaid_of, without_record
from incidents.selectors.evidence import Evidence, Graph, change_words
from incidents.selectors.learning import CauseLine, LessonPage, cause_lines
from incidents.selectors.signed import Record, Since
from monitoring.selectors.names import alarm_names, inventory_names
from opsportal.accounts.models import User
from opsportal.core.formats import duration, stamp
from opsportal.core.markdown import html_as_text

UNKEPT: Final = "Title, roles, changes, graphs and incidents like it were not kept with this version: they are of today"
# What a public text may hold: who did what when stays inside.
PUBLIC_SECTIONS: Final = ("impact", "cause", "resolution", "prevention", "lessons")


@dataclass(frozen=True, slots=True)
class ReviewParts:
    """Everything that a review is made of, read once."""

    review: Review
    sections: Sequence[ReviewSection]
    causes: Sequence[CauseLine]
    record: Record
    editions: Sequence[ReviewEdition]
    notes: Mapping[datetime, str]  # said on publishing, by the instant


def as_markdown(parts: ReviewParts) -> str:
    """The review with clock results and key moments; the whole timeline is a file of its own. Raw HTML is text."""
    return html_as_text("\n".join(_markdown(parts)) + "\n")


def _markdown(parts: ReviewParts) -> Iterator[str]:
    incident = parts.record.incident
    unsaid = unsaid_of(parts.review, incident, parts.sections, parts.record.waves)
    yield from _head_lines(parts)
    for section in parts.sections:
        yield f"## {section.title}\n\n{section.body.strip() or '*Nothing written.*'}\n"
        if section.key == "cause" and parts.causes:
            yield from (*cause_lines(parts.causes), "")
        if texts := unsaid.get(section.key):
            yield "**The record says as well**\n"
            yield from (f"{text}\n" for text in texts)
    if parts.record.waves:
        yield from _list("Waves", [f"{wave.words} {wave.because}" for wave in parts.record.waves], "")
    yield from _evidence_lines(incident, parts.record.evidence)
    yield "## Clocks\n"
    yield from (f"- {clock.label} ({clock.rule}): {clock.result}" for clock in parts.record.clocks)
    yield "\n## Key moments\n"
    for entry in parts.record.entries:
        yield f"- {entry.occurred_at:%Y-%m-%d %H:%MZ} **{entry.author_name or entry.system_word}** {entry.spoken}"
    if parts.record.entries_cut:
        yield f"\n{_cut(incident, len(parts.record.entries), parts.record.entries_cut)}"
    yield "\n## Actions\n"
    for item in parts.record.items:
        owner = item.owner.name if item.owner else "no owner"
        due = f", by {item.due_date:%Y-%m-%d}" if item.due_date else ""
        yield f"- {item.reference} {item.title} ({ActionKind(item.kind).label.lower()}, {owner}{due}): {item.state}"
    if parts.record.since:
        yield ""
        since = parts.record.since
        yield from _list("Since it was published", list(_since_lines(since)), "")
        if since.entries_cut:
            yield _cut(incident, len(since.entries), since.entries_cut)


def _cut(incident: Incident, shown: int, more: int) -> str:
    """How many of how many key moments stand here."""
    whole = f"{settings.PUBLIC_URL}{incident.url}timeline.md"
    return f"{shown} of {shown + more} key moments; all are on the [whole timeline]({whole})"


def _head_lines(parts: ReviewParts) -> Iterator[str]:
    """What it is about, who signed it and when."""
    incident = parts.record.incident
    yield f"# Review of {incident.reference}: {incident.title}\n"
    yield f"- State: {parts.review.get_state_display().lower()}, version {parts.review.version}"
    if parts.review.published_by and parts.review.published_at:
        yield f"- Signed: {_signed(parts.review.published_by, parts.review.published_at, parts.notes)}"
    for edition in parts.editions:
        said = _signed(edition.published_by, edition.published_at, parts.notes)
        yield f"- Version {edition.version} was {said}; then the incident was reopened"
    yield f"- Severity: {incident.severity.label}"
    until = f"to {stamp(incident.resolved_at)}" if incident.resolved_at else "on, open again"
    yield f"- Impact: {stamp(incident.impact_started_at)} {until}"
    if incident.resolved_at:
        yield f"- Duration: {duration(incident.resolved_at - incident.impact_started_at)}"
    yield f"- Commander: {incident.commander.name if incident.commander else 'nobody'}"
    yield f"- Author: {parts.review.author.name if parts.review.author else 'the record'}"
    if not parts.record.is_whole:
        yield f"- {UNKEPT}"
    yield ""


def _since_lines(since: Since) -> Iterator[str]:
    for entry in since.entries:
        yield f"{stamp(entry.occurred_at)} {entry.author_name or entry.system_word} {entry.spoken}"
    yield from (f"{row.name}: {row.words}" if row.words else row.name for row in since.rows)


def _signed(by: User, at: datetime, notes: Mapping[datetime, str]) -> str:
    """`published by Ada 2026-11-22 10:49:00 UTC, although Lessons is empty: the team decides on Monday`."""
    note = " ".join(notes.get(at, "").split())
    return f"published by {by.name} {stamp(at)}" + (f", {note}" if note else "")


def _graph_address(incident: Incident, graph: Graph) -> str:
    return f"{settings.PUBLIC_URL}{incident.url}log/{graph.number}/graph.svg"


def _evidence_lines(incident: Incident, evidence: Evidence) -> Iterator[str]:
    yield from _list("Roles", [f"{row.who}, {row.span}" for row in evidence.roles], "Nobody had a role.")
    runbooks = [f"{row.title}, version {row.version}, {row.words}" for row in evidence.runbooks]
    yield from _list("Runbooks", runbooks, "None was carried out.")
    plans = [f"{row.name}: {row.words}" for row in evidence.plans]
    yield from _list("Plans", plans, "None was asked for.")
    yield from _list("Error budget", [f"{name}: {words}" for name, words in evidence.budget], "")
    changes = [change_words(row) for row in evidence.changes]
    yield from _list("Changed within two hours", changes, "No deployment, no plan, no window, no other mark.")
    graphs = [f"{row.name}, {stamp(row.at)}: {_graph_address(incident, row)}" for row in evidence.graphs]
    yield from _list("Graphs kept", graphs, "None was kept.")
    then = evidence.then
    known = [f"{title}: {'; '.join(lines)}" for title, lines in then.groups] if then else []
    heading = f"Known when it was declared, {stamp(then.at)}" if then else "Known when it was declared"
    yield from _list(heading, known, "Unknown: it was not kept then.")
    similar = [f"{row.name}: {row.remedy or 'no remedy written'}" for row in evidence.similar]
    yield from _list("Similar incidents", similar, "No earlier incident reads like this one.")


def _list(title: str, lines: Sequence[str], nothing: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield from ([f"- {' '.join(line.split())}" for line in lines] or [nothing])
    yield ""


def as_data(parts: ReviewParts) -> dict[str, Any]:
    """The same for programs."""
    review, incident, since = parts.review, parts.record.incident, parts.record.since
    unsaid = unsaid_of(review, incident, parts.sections, parts.record.waves)
    return {
        "incident": incident.reference,
        "title": incident.title,
        "severity": incident.severity.label,
        "state": review.state,
        "version": review.version,
        "author": review.author.name if review.author else None,
        "published_by": review.published_by.name if review.published_by else None,
        "published_at": review.published_at,
        "published_note": parts.notes.get(review.published_at) if review.published_at else None,
        "impact_started_at": incident.impact_started_at,
        "resolved_at": incident.resolved_at,
        **_history_data(parts),
        "sections": [
            {"key": row.key, "title": row.title, "body": row.body, "record_says_as_well": unsaid.get(row.key, [])}
            for row in parts.sections
        ],
        "causes": [
            {"id": line.cause.pk, "parent": line.cause.parent_id, "kind": line.cause.kind, "text": line.cause.text}
            for line in parts.causes
        ],
        **_evidence_data(incident, parts.record.evidence),
        "clocks": [
            {"kind": row.kind, "label": row.label, "rule": row.rule, "result": row.result}
            for row in parts.record.clocks
        ],
        "key_moments": [
            {"number": row.number, "kind": row.kind, "at": row.occurred_at, "author": row.author_name, "body": row.body}
            for row in parts.record.entries
        ],
        "key_moments_cut": parts.record.entries_cut,
        "actions": [
            {
                "reference": item.reference,
                "title": item.title,
                "kind": item.kind,
                "owner": item.owner.name if item.owner else None,
                "due_date": item.due_date,
                "state": item.state,
            }
            for item in parts.record.items
        ],
        "since_published": list(_since_lines(since)) if since is not None else None,
        "since_published_cut": since.entries_cut if since is not None else None,
    }


def _history_data(parts: ReviewParts) -> dict[str, Any]:
    """What was published before the incident was reopened, and when each wave of it was over."""
    return {
        "published_before": [
            {
                "version": row.version,
                "published_at": row.published_at,
                "published_by": row.published_by.name,
                "published_note": parts.notes.get(row.published_at),
                "sections": row.sections,
                "causes": row.causes,
            }
            for row in parts.editions
        ],
        "waves": [
            {
                "number": row.number,
                "began_at": row.began_at,
                "reopened_at": row.reopened_at,
                "mitigated_at": row.mitigated_at,
                "resolved_at": row.resolved_at,
                "cause": row.cause,
                "causes_before": list(row.causes_before),
                "resolution": row.resolution,
                "reopened_because": row.why or None,
            }
            for row in parts.record.waves
        ],
    }


def _evidence_data(incident: Incident, evidence: Evidence) -> dict[str, Any]:
    """What is unknown is null."""
    then = evidence.then
    return {
        "roles": [
            {"role": row.role, "person": row.name, "assumed_at": row.assumed_at, "renounced_at": row.renounced_at}
            for row in evidence.roles
        ],
        "runbooks": [
            {
                "title": row.title, "version": row.version, "state": row.state, "steps": row.steps, "done": row.done,
                "skipped": row.skipped, "failed": row.failed, "holder": row.holder, "started_at": row.started_at,
                "seconds": row.lasted.total_seconds() if row.lasted is not None else None,
                "needs_change": row.needs_change, "wanted_change": row.wanted_change,
            }
            for row in evidence.runbooks
        ],
        "plans": [
            {
                "title": row.title, "hash": row.content_hash, "state": row.state, "requested_by": row.requested_by,
                "requested_at": row.requested_at, "started_at": row.started_at, "finished_at": row.finished_at,
                "error": row.error,
                "decisions": [
                    {"person": said.name, "verdict": said.verdict, "reason": said.reason, "break_glass": said.is_alone,
                     "at": said.at}
                    for said in row.decisions
                ],
            }
            for row in evidence.plans
        ],
        "error_budget": [
            {"objective": row.name, "share_of_30_days": row.share, "minutes": row.minutes} for row in evidence.burnt
        ] or None,
        "changes": [{"kind": row.kind, "title": row.title, "at": row.at} for row in evidence.changes],
        "known_when_declared": {"at": then.at, **then.data} if then is not None else None,
        "similar": [f"INC-{row.number}" for row in evidence.similar],
        "graphs": [
            {"name": row.name, "at": row.at, "url": _graph_address(incident, row)} for row in evidence.graphs
        ],
    }  # fmt: skip


def digest_markdown(page: LessonPage, since: datetime, until: datetime) -> str:
    """What the reviews published in a span of days teach, for the retrospective or a mail."""
    lines = [f"# Incident learnings, {since:%d %b} to {until:%d %b %Y}\n"]
    for lesson in page.lessons:
        lines.append(f"## {lesson.reference} {lesson.title} ({lesson.platform_key}, {lesson.label})\n")
        lines += [f"**{title}**\n\n{text.strip()}\n" for title, text in lesson.texts]
    if not page.lessons:
        lines.append("No review was published in these days.\n")
    if page.next_cursor:
        lines.append(f"Older ones than these {len(page.lessons)} stand on the learnings page.\n")
    return html_as_text("\n".join(lines))


@dataclass(frozen=True, slots=True)
class PublicText:
    """What the public would read, and how much of what kind was left out."""

    markdown: str
    removed: Mapping[str, int]


def for_the_public(
    incident: Incident, sections: Sequence[ReviewSection], chosen: Collection[str], *, with_record: bool = False
) -> PublicText:
    """The chosen sections of those that may leave, without people, addresses, accounts, hosts and resources.

    What the draft quoted of the record (budget, alarms, plans) goes along only `with_record`.
    """
    leaving = [row for row in sections if row.key in PUBLIC_SECTIONS and row.key in chosen]
    texts = [(row.title, row.body.strip() if with_record else without_record(row.body)) for row in leaving]
    people = list(User.objects.values_list("name", flat=True))  # also of those who left since
    words = set().union(*(words_of(text) for text in (incident.title, *(text for _title, text in texts))))
    names = inventory_names(incident.platform, words)
    alarms = alarm_names(incident.platform)
    name = _public_name(incident, alarms)
    texts = [(title, text.replace(f"**{incident.title}**", f"**{name}**")) for title, text in texts]
    removed: Counter[str] = Counter()

    def clean(text: str) -> str:
        found = redact(text, people, names, alarms)
        removed.update(found.removed)
        return found.text

    lines = [f"# {clean(name)}\n", f"{stamp(incident.impact_started_at)}"]
    if incident.resolved_at:
        lines[1] += f", resolved after {duration(incident.resolved_at - incident.impact_started_at)}."
    lines[1] += "\n"
    lines += [f"## {title}\n\n{clean(text)}\n" for title, text in texts if text]
    return PublicText(html_as_text("\n".join(lines)), dict(removed))


def _public_name(incident: Incident, alarms: Iterable[str]) -> str:
    """Its title, unless that is an alarm's name, which stays inside: then what it is about."""
    if incident.title.strip().casefold() not in {name.casefold() for name in alarms}:
        return incident.title
    return f"Incident of {incident.service.name}" if incident.service else "An incident"
