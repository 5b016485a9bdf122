"""What stands beside a review's text: as it is now, or kept with an edition and told again as it was then (M-PIR)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from django.urls import reverse

from incidents.choices import ReviewState
from incidents.models import ActionItem, Incident, Review, ReviewEdition
from incidents.selectors.beside import RoleHolder
from incidents.selectors.detail import ClockView, EntryView, clock_views
from incidents.selectors.evidence import (
    Alike,
    Evidence,
    Graph,
    RunbookResult,
    alike,
    budget_lines,
    burnt_words,
    change_words,
    evidence_of,
)
from incidents.selectors.plans import Decision, PlanResult
from incidents.selectors.related import Change
from incidents.selectors.reviews import (
    action_items_of,
    edition_of,
    key_entries,
    key_entries_after,
    key_entries_cut,
)
from incidents.selectors.waves import Wave, waves_of
from monitoring.selectors.slo_incident import Burnt
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.platforms.models import Severity

TIMES: Final = ("impact_started_at", "detected_at", "declared_at", "acknowledged_at", "mitigated_at", "resolved_at")
_ITEM: Final = ("number", "title", "kind", "state", "priority", "due_date", "ends_at")
T = TypeVar("T")


class Later(NamedTuple):
    """One thing beside the text, and how it stands."""

    name: str
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Since:
    """What came after a review was published, and is no part of what was signed."""

    entries: Sequence[EntryView]
    entries_cut: int  # key moments that are not among them
    rows: Sequence[Later]

    def __bool__(self) -> bool:
        return bool(self.entries or self.rows)


@dataclass(frozen=True, slots=True)
class Record:
    """The record beside a review's text, as of `at`."""

    at: datetime
    incident: Incident  # with title, severity, commander and times as of then: never to be saved
    clocks: Sequence[ClockView]
    waves: Sequence[Wave]
    entries: Sequence[EntryView]
    entries_cut: int  # moments that are not among them
    items: Sequence[ActionItem]
    evidence: Evidence
    is_whole: bool = True  # else it is of an edition that kept less: the rest is as it is today
    since: Since | None = None  # it was signed; what came after it


def record_of(actor: Actor, review: Review, at: datetime) -> Record:
    """The record of a draft as it is now, of what is published as it was then."""
    edition = _signed(review)
    signed = edition_record(actor, edition, at) if edition is not None else None
    return signed or record_now(actor, review.incident, at)


def _signed(review: Review) -> ReviewEdition | None:
    """What was signed of it and stands."""
    return edition_of(review, review.version) if review.state == ReviewState.PUBLISHED else None


def record_now(actor: Actor, incident: Incident, at: datetime) -> Record:
    """As it stands, as far as this actor may know it."""
    waves = waves_of(incident)
    entries = key_entries(incident, waves)
    return Record(
        at=at,
        incident=incident,
        clocks=clock_views(incident, at, with_stopped=True),
        waves=waves,
        entries=entries,
        entries_cut=key_entries_cut(incident, entries),
        items=action_items_of(incident),
        evidence=evidence_of(actor, incident, at),
    )


def waves_signed(review: Review) -> list[Wave]:
    """The waves as they are, of a published review as they were."""
    edition = _signed(review)
    kept = edition.record.get("waves") if edition is not None else None
    return waves_of(review.incident) if kept is None else _rows(Wave, _again(kept))


def freeze(record: Record, *, last_number: int) -> dict[str, Any]:
    """The record as JSON; `last_number` of its timeline."""
    incident, evidence = record.incident, record.evidence
    items = [
        {name: getattr(item, name) for name in _ITEM} | {"owner": item.owner.name if item.owner else None}
        for item in record.items
    ]
    found: dict[str, Any] = {
        "title": incident.title,
        "severity": incident.severity.label,
        "rank": incident.rank,
        "commander": incident.commander.name if incident.commander else "",
        "times": {name: getattr(incident, name) for name in TIMES},
        "clocks": [asdict(replace(clock, acts=())) for clock in record.clocks],
        "waves": record.waves,
        "entries": record.entries,
        "entries_cut": record.entries_cut,
        "plans": evidence.plans,
        "runbooks": evidence.runbooks,
        "burnt": [asdict(row) for row in evidence.burnt],
        "roles": evidence.roles,
        "changes": evidence.changes,
        "graphs": evidence.graphs,
        "similar": evidence.similar,
        "items": items,
        "last_number": last_number,
    }
    return {name: _plain(value) for name, value in found.items()}


def edition_record(actor: Actor, edition: ReviewEdition, at: datetime) -> Record | None:
    """What the edition stood on, and what came since; None of one that was published before this was kept.

    Of earlier incidents it names, those that this actor may know.
    """
    if not edition.record:
        return None
    kept = _again(edition.record)
    incident = _then(edition.review.incident, kept)
    now = evidence_of(actor, incident, at)  # of the times and the title that were signed
    burnt = _rows(Burnt, kept["burnt"])
    plans = [{**row, "decisions": _rows(Decision, row["decisions"])} for row in kept["plans"]]
    evidence = replace(
        now,
        plans=_rows(PlanResult, plans),
        runbooks=_rows(RunbookResult, kept["runbooks"]),
        burnt=burnt,
        budget=budget_lines(burnt),
    )
    if "roles" in kept:
        similar = _rows(Alike, kept["similar"])
        seen = Incident.objects.visible_to(actor).filter(number__in=[row.number for row in similar])
        known = set(seen.values_list("number", flat=True)) if similar else ()
        evidence = replace(
            evidence,
            roles=_rows(RoleHolder, kept["roles"]),
            changes=_rows(Change, kept["changes"]),
            graphs=_rows(Graph, kept["graphs"]),
            similar=[row for row in similar if row.number in known],
        )
    signed = Record(
        at=edition.published_at,
        incident=incident,
        clocks=_rows(ClockView, kept["clocks"]),
        waves=_rows(Wave, kept["waves"]),
        entries=_rows(EntryView, kept["entries"]),
        entries_cut=kept["entries_cut"],
        items=[_item(row) for row in kept["items"]],
        evidence=evidence,
        is_whole="roles" in kept,
    )
    return replace(signed, since=_since(actor, signed, now, kept["last_number"]))


def _then(incident: Incident, kept: Mapping[str, Any]) -> Incident:
    """The incident as it was."""
    then = copy(incident)
    for name, at in kept["times"].items():
        setattr(then, name, at)
    then.title = kept.get("title", incident.title)
    then.rank, then.severity = kept["rank"], Severity(label=kept["severity"], rank=kept["rank"])
    then.commander = User(name=kept["commander"]) if kept["commander"] else None
    return then


def _since(actor: Actor, signed: Record, now: Evidence, last_number: int) -> Since:
    """What of the record as it stands now is new or went on since."""
    before = set(_lines(signed.evidence, signed.items))
    after = _lines(now, action_items_of(signed.incident))
    later = [Later(row.name, row.remedy, row.url) for row in alike(actor, signed.incident, after=signed.at)]
    entries, cut = key_entries_after(signed.incident, last_number)
    return Since(entries, cut, [*(row for row in after if row not in before), *later])


def _lines(evidence: Evidence, items: Iterable[ActionItem]) -> Iterator[Later]:
    """Everything that may go on after it was signed."""
    yield from (Later(row.name, row.words, row.url) for row in evidence.plans)
    yield from (Later(row.title, row.words, row.url) for row in evidence.runbooks)
    yield from (Later(row.name, burnt_words(row), "") for row in evidence.burnt)
    yield from (Later(change_words(row), "", row.url) for row in evidence.changes)
    yield from (Later(row.who, row.span, "") for row in evidence.roles)
    yield from (Later(f"Graph {row.name}", stamp(row.at), "") for row in evidence.graphs)
    for item in items:
        due = f", by {item.due_date:%Y-%m-%d}" if item.due_date else ""
        stands = f"{item.state}, {item.owner.name if item.owner else 'no owner'}{due}"
        yield Later(f"{item.reference} {item.title}", stands, reverse("incidents:action", args=[item.number]))


def _item(row: Mapping[str, Any]) -> ActionItem:
    """As pages and files read it; never to be saved."""
    values = {name: value for name, value in row.items() if name not in ("owner", "ends_at")}
    item = ActionItem(**values, owner=User(name=row["owner"]) if row["owner"] else None)
    setattr(item, "ends_at", row["ends_at"])  # noqa: B010 - an annotation, not a column
    return item


def _rows(kind: Callable[..., T], rows: Iterable[Mapping[str, Any]]) -> list[T]:
    """Rows by the names of their fields: a field that is new since then needs a default."""
    return [kind(**row) for row in rows]


def _plain(value: Any) -> Any:
    """As JSON; moments, days and spans marked as what they are."""
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, date):
        return {"$day": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$seconds": value.total_seconds()}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$at": datetime.fromisoformat,
    "$day": date.fromisoformat,
    "$seconds": lambda seconds: timedelta(seconds=seconds),
}


def _again(value: Any) -> Any:
    """What `_plain` made JSON of."""
    if isinstance(value, list):
        return [_again(one) for one in value]
    if not isinstance(value, dict):
        return value
    for mark, read in _READ.items():
        if value.keys() == {mark}:
            return read(value[mark])
    return {name: _again(one) for name, one in value.items()}
