"""What a review stood on when it was published: kept with its edition, and told again as it was then (M-PIR)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

from incidents.models import ActionItem, Incident, ReviewEdition
from incidents.selectors.detail import ClockView, EntryView, clock_views
from incidents.selectors.evidence import Evidence, RunbookResult, budget_burnt, budget_lines, runbook_results
from incidents.selectors.plans import Decision, PlanResult, plan_results
from incidents.selectors.reviews import action_items_of, key_entries, key_entries_cut
from incidents.selectors.waves import Wave, waves_of
from monitoring.selectors.slo_incident import Burnt
from opsportal.accounts.models import User

TIMES: Final = ("impact_started_at", "detected_at", "declared_at", "acknowledged_at", "mitigated_at", "resolved_at")
_ITEM: Final = ("number", "title", "kind", "state", "priority", "due_date", "ends_at")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Signed:
    """The record beside a review's text, as it stood when that was published.

    Of what a reader may or may not know by right (incidents like it, what was known at the start) nothing is kept.
    """

    severity: str
    rank: int
    commander: str
    times: Mapping[str, datetime | None]
    clocks: Sequence[ClockView]
    waves: Sequence[Wave]
    entries: Sequence[EntryView]
    entries_cut: int  # moments that are not among them
    plans: Sequence[PlanResult]
    runbooks: Sequence[RunbookResult]
    burnt: Sequence[Burnt]
    items: Sequence[ActionItem]
    last_number: int  # of the timeline

    def of(self, incident: Incident) -> Incident:
        """The incident with its times as they were then; never to be saved."""
        then = copy(incident)
        for name, at in self.times.items():
            setattr(then, name, at)
        return then

    def evidence(self, now: Evidence) -> Evidence:
        """The evidence as it was then, in place of what became of it."""
        return replace(now, plans=self.plans, runbooks=self.runbooks, burnt=self.burnt, budget=budget_lines(self.burnt))


@dataclass(frozen=True, slots=True)
class Since:
    """What came after a review was published, and is no part of what was signed."""

    plans: Sequence[PlanResult]
    entries: Sequence[EntryView]
    items: Sequence[tuple[ActionItem, str]]

    def __bool__(self) -> bool:
        return bool(self.plans or self.entries or self.items)


def freeze(incident: Incident, at: datetime, *, last_number: int) -> dict[str, Any]:
    """The record as it stands, as JSON; `last_number` of its timeline."""
    items = [
        {name: getattr(item, name) for name in _ITEM} | {"owner": item.owner.name if item.owner else None}
        for item in action_items_of(incident)
    ]
    entries = key_entries(incident)
    found: dict[str, Any] = {
        "severity": incident.severity.label,
        "rank": incident.rank,
        "commander": incident.commander.name if incident.commander else "",
        "times": {name: getattr(incident, name) for name in TIMES},
        "clocks": [asdict(replace(clock, acts=())) for clock in clock_views(incident, at, with_stopped=True)],
        "waves": waves_of(incident),
        "entries": entries,
        "entries_cut": key_entries_cut(incident, entries),
        "plans": plan_results(incident),
        "runbooks": runbook_results(incident),
        "burnt": [asdict(row) for row in budget_burnt(incident, at)],
        "items": items,
        "last_number": last_number,
    }
    return {name: _plain(value) for name, value in found.items()}


def signed_as(edition: ReviewEdition | None) -> Signed | None:
    """What the edition stood on; None of one that was published before this was kept."""
    if edition is None or not edition.record:
        return None
    kept = _again(edition.record)
    return Signed(
        **{name: kept[name] for name in ("severity", "rank", "commander", "times", "entries_cut", "last_number")},
        clocks=_rows(ClockView, kept["clocks"]),
        waves=_rows(Wave, kept["waves"]),
        entries=_rows(EntryView, kept["entries"]),
        plans=_rows(PlanResult, [{**row, "decisions": _rows(Decision, row["decisions"])} for row in kept["plans"]]),
        runbooks=_rows(RunbookResult, kept["runbooks"]),
        burnt=_rows(Burnt, kept["burnt"]),
        items=[_item(row) for row in kept["items"]],
    )


def since(signed: Signed, *, plans: Iterable[PlanResult], entries: Iterable[EntryView],
          items: Iterable[ActionItem]) -> Since:  # fmt: skip
    """What of the record as it stands now is new or went on since."""
    before = {row.number: row.words for row in signed.plans}
    stood = {row.number: _stands(row) for row in signed.items}
    return Since(
        plans=[row for row in plans if before.get(row.number) != row.words],
        entries=[row for row in entries if row.number > signed.last_number],
        items=[(row, _stands(row)) for row in items if stood.get(row.number) != _stands(row)],
    )


def _stands(item: ActionItem) -> str:
    """`done, Ada, by 2026-12-01`."""
    due = f", by {item.due_date:%Y-%m-%d}" if item.due_date else ""
    return f"{item.state}, {item.owner.name if item.owner else 'no owner'}{due}"


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
