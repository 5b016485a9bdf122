"""What the record says beside the text of a review: roles, runbooks, changes, budget, what was known at the start."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from incidents.choices import EntryKind
from incidents.models import DeclaredSituation, Incident, TimelineEntry
from incidents.selectors.beside import RoleHolder, role_history
from incidents.selectors.plans import PlanResult, plan_results
from incidents.selectors.related import Change, changes_nearby
from incidents.selectors.situation import service_words, similar_incidents
from monitoring.selectors.slo_incident import Burnt, burnt_by
from opsportal.core.actor import Actor
from opsportal.core.formats import duration, number, percent, plural, stamp
from opsportal.knowledge.models import RunbookRun, RunbookStepRun, StepOutcome

MOST_RUNS = 20
MOST_GRAPHS = 12


class RunbookResult(NamedTuple):
    """A runbook carried out for the incident, and what came of it."""

    run_id: int
    title: str
    version: int
    state: str
    steps: int
    done: int
    skipped: int
    failed: int
    holder: str
    started_at: datetime
    lasted: timedelta | None
    end_reason: str
    needs_change: bool | None
    wanted_change: str
    url: str

    @property
    def words(self) -> str:
        """`finished: 5 of 6 steps done, 1 skipped, in 12 min by Ada`."""
        said = f"{self.state}: {self.done} of {plural(self.steps, 'step')} done"
        said += f", {self.skipped} skipped" if self.skipped else ""
        said += f", {self.failed} failed" if self.failed else ""
        said += f", in {duration(self.lasted)}" if self.lasted is not None else ""
        said += f" by {self.holder}" if self.holder else ""
        said += f": {self.end_reason}" if self.end_reason else ""
        if self.needs_change is None:
            return said
        return f"{said}; {f'it needs a change: {self.wanted_change}' if self.needs_change else 'it needs no change'}"


def runbook_results(incident: Incident) -> list[RunbookResult]:
    """The incident's newest runs in the order they began: two queries, however many there are."""
    rows = RunbookRun.objects.filter(incident_link__incident=incident).select_related("runbook", "text", "holder")
    return results_of(list(rows.order_by("-started_at", "-pk")[:MOST_RUNS])[::-1])


def results_of(runs: Sequence[RunbookRun]) -> list[RunbookResult]:
    """What came of these runs: one query for the steps of all."""
    last: dict[tuple[int, int], str] = {}
    closed = RunbookStepRun.objects.filter(run__in=runs).exclude(outcome=StepOutcome.ASKED)
    for run_id, step, outcome in closed.order_by("attempt", "pk").values_list("run_id", "step", "outcome"):
        last[run_id, step] = outcome
    return [_result(run, [outcome for (run_id, _), outcome in last.items() if run_id == run.pk]) for run in runs]


def _result(run: RunbookRun, outcomes: Sequence[str]) -> RunbookResult:
    return RunbookResult(
        run_id=run.pk,
        title=run.runbook.title,
        version=run.text.number,
        state=run.get_state_display(),
        steps=len(run.text.parsed.steps),
        done=sum(outcome in (StepOutcome.DONE, StepOutcome.CHOSEN) for outcome in outcomes),
        skipped=sum(outcome == StepOutcome.SKIPPED for outcome in outcomes),
        failed=sum(outcome == StepOutcome.FAILED for outcome in outcomes),
        holder=run.holder.name if run.holder else "",
        started_at=run.started_at,
        lasted=run.lasted,
        end_reason=run.end_reason,
        needs_change=run.needs_change,
        wanted_change=run.wanted_change,
        url=run.get_absolute_url(),
    )


def change_words(change: Change) -> str:
    """`2026-11-18 08:52:07 UTC checkout v42 completed (deployment)`."""
    return f"{stamp(change.at)} {change.title} ({change.kind.lower()})"


def budget_burnt(incident: Incident, at: datetime) -> list[Burnt]:
    """What it used of each objective's error budget; empty where no objective is about its service."""
    return burnt_by(platform_id=incident.platform_id, service_id=incident.service_id, ref=incident.reference, at=at)


def burnt_words(row: Burnt) -> str:
    """`12.4 % of 30 days' budget, as 5 min fully down`."""
    if row.share is None:
        return "unknown: nothing was counted in that time"
    return f"{percent(row.share)} of 30 days' budget, as {duration(timedelta(minutes=row.minutes or 0))} fully down"


def budget_lines(rows: Iterable[Burnt]) -> list[tuple[str, str]]:
    """Objective and what it lost; one line that says so where there is no objective."""
    found = [(row.name, burnt_words(row)) for row in rows]
    return found or [("Error budget", "unknown: no objective is about this service")]


class Graph(NamedTuple):
    """A graph frozen on the timeline."""

    number: int
    name: str
    at: datetime


def graphs_of(incident: Incident) -> list[Graph]:
    """In the order in which they were kept; their drawings are at the address of their line."""
    rows = TimelineEntry.objects.filter(incident=incident, kind=EntryKind.GRAPH, superseded_by__isnull=True)
    return [Graph(*row) for row in rows.order_by("number").values_list("number", "body", "occurred_at")[:MOST_GRAPHS]]


class KnownThen(NamedTuple):
    """What the panel showed when the incident was declared, for people (groups of lines) and for programs (data)."""

    at: datetime
    groups: Sequence[tuple[str, Sequence[str]]]
    data: dict[str, Any]


def known_then(actor: Actor, incident: Incident) -> KnownThen | None:
    """As far as this actor may know the earlier incidents it names; None of one declared before this was kept."""
    row = DeclaredSituation.objects.filter(incident=incident).first()
    if row is None:
        return None
    seen = Incident.objects.visible_to(actor).filter(number__in=row.data["similar"])
    titles = dict(seen.values_list("number", "title"))
    data = {**row.data, "similar": [one for one in row.data["similar"] if one in titles]}
    fresh = sum(not one["is_stale"] for one in data["metrics"])
    groups = [
        ("Service", [service_words(data["state"], fresh, len(data["metrics"]))]),
        ("Alarms", [f"{one['name']}: {one['reason']}" for one in data["alarms"]]),
        ("Metrics", [f"{one['name']} {_value(one)}" for one in data["metrics"]]),
        (
            "Changed within two hours",
            [f"{_time(one['at'])} {one['title']} ({one['kind'].lower()})" for one in data["changes"]],
        ),
        ("On call", [data["on_call"]] if data["on_call"] else []),
        ("Runbooks that match", [f"{one['title']} ({one['why']})" for one in data["runbooks"]]),
        ("Like it before", [f"INC-{one} {titles[one]}" for one in data["similar"]]),
    ]
    return KnownThen(row.at, [(title, lines or ["nothing known"]) for title, lines in groups], data)


def _time(text: str) -> str:
    return stamp(datetime.fromisoformat(text))


def _value(reading: dict[str, Any]) -> str:
    if reading["value"] is None:
        return "no data"
    stale = f", stale since {_time(reading['at'])}" if reading["is_stale"] else ""
    return number(reading["value"], reading["unit"]) + stale


class Alike(NamedTuple):
    """Another incident that reads like this one, and what ended it."""

    number: int
    title: str
    declared_at: datetime
    remedy: str
    problem: str

    @property
    def name(self) -> str:
        return f"INC-{self.number} {self.title}"

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/"


def alike(actor: Actor, incident: Incident, *, after: datetime | None = None) -> list[Alike]:
    """Earlier incidents that read like this one, or those declared after an instant."""
    found = similar_incidents(actor, incident, after=after)
    return [
        Alike(row.incident.number, row.incident.title, row.incident.declared_at, row.remedy, row.problem)
        for row in found
    ]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it, read once."""

    roles: Sequence[RoleHolder]
    runbooks: Sequence[RunbookResult]
    plans: Sequence[PlanResult]
    changes: Sequence[Change]
    budget: Sequence[tuple[str, str]]
    burnt: Sequence[Burnt]
    then: KnownThen | None
    similar: Sequence[Alike]
    graphs: Sequence[Graph]


def evidence_of(actor: Actor, incident: Incident, at: datetime) -> Evidence:
    """What stands beside the review's text, as far as this actor may know it."""
    burnt = budget_burnt(incident, at)
    return Evidence(
        roles=role_history(incident)[::-1],
        runbooks=runbook_results(incident),
        plans=plan_results(incident),
        changes=changes_nearby(incident),
        budget=budget_lines(burnt),
        burnt=burnt,
        then=known_then(actor, incident),
        similar=alike(actor, incident),
        graphs=graphs_of(incident),
    )
