"""What an incident belongs to, as far as the reader may know of it: merged ones, links, its problem, users' reports."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from incidents.models import AlarmClaim, Incident, IncidentLink, Problem, ResponseTask, UserReport
from incidents.models.problem import LinkKind
from incidents.selectors.lists import ROW, IncidentRow
from monitoring.models import Alarm, AlarmOrigin, AlarmState
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, head
from opsportal.knowledge.models import RunbookRun, RunState
from opsportal.plans.models import Plan, PlanState

MOST_NAMED: Final = 20  # of each kind, before an incident ends
_BACK = {LinkKind.RELATED: "Related to", LinkKind.CAUSED_BY: "The cause of"}


class LinkRow(NamedTuple):
    """Another incident, and how it belongs to this one."""

    pk: int
    word: str
    note: str
    incident: IncidentRow


class MergedRow(NamedTuple):
    """An incident that was merged into this one, with how much stands in its timeline."""

    incident: IncidentRow
    lines: int


class Firing(NamedTuple):
    """One name that fires, whoever tells of it: a rule of the portal, its mirror and a message are one alarm."""

    name: str
    since: datetime
    sources: tuple[str, ...]

    @property
    def words(self) -> str:
        """`High-Connections (portal rule, CloudWatch)`; the name alone where one source tells of it."""
        return f"{self.name} ({', '.join(self.sources)})" if len(self.sources) > 1 else self.name


def merged_into(actor: Actor, incident: Incident) -> Incident | None:
    """The incident that this one was merged into; None also when the reader may not know it."""
    if incident.merged_into_id is None:
        return None
    found: Incident | None = Incident.objects.visible_to(actor).filter(pk=incident.merged_into_id).first()
    return found


def merged_of(actor: Actor, incident: Incident) -> list[MergedRow]:
    """What was merged into this one, oldest first."""
    rows = Incident.objects.visible_to(actor).filter(merged_into=incident).order_by("number")
    found = rows.values_list(*ROW, "head__last_number")
    return [MergedRow(IncidentRow(*row), lines or 0) for *row, lines in found[:50]]


def links_of(actor: Actor, incident: Incident) -> list[LinkRow]:
    """Links in both directions to incidents the reader may know of."""
    seen = Incident.objects.visible_to(actor)
    forth = IncidentLink.objects.filter(incident=incident, other__in=seen).values_list("pk", "kind", "note", "other_id")
    back = IncidentLink.objects.filter(other=incident, incident__in=seen).values_list(
        "pk", "kind", "note", "incident_id"
    )
    found = [(pk, LinkKind(kind).label, note, other) for pk, kind, note, other in forth[:50]]
    found += [(pk, _BACK[LinkKind(kind)], note, other) for pk, kind, note, other in back[:50]]
    rows = Incident.objects.filter(pk__in=[other for *_, other in found]).values_list(*ROW)
    known = {row[0]: IncidentRow(*row) for row in rows}
    return [LinkRow(pk, word, note, known[other]) for pk, word, note, other in sorted(found)]


def _alarms(incident: Incident) -> QuerySet[Alarm]:
    claims = AlarmClaim.objects.filter(incident=incident) | AlarmClaim.objects.filter(incident__merged_into=incident)
    return Alarm.objects.filter(pk__in=claims.values("transition__alarm_id"))


def alarms_of(incident: Incident) -> list[Alarm]:
    """The first alarms, by name, that opened or joined it, or one that was merged into it."""
    return list(_alarms(incident).select_related("severity", "alert_source").order_by("name", "pk")[:20])


def firing_names(rows: Iterable[tuple[str, str, str | None, datetime]]) -> list[Firing]:
    """One for each name, in order, of (name, origin, name of the outside source, firing since)."""
    told: dict[str, list[tuple[datetime, str]]] = {}
    for name, origin, source, since in rows:
        told.setdefault(name, []).append((since, source or AlarmOrigin(origin).label))
    return [
        Firing(name, min(since for since, _source in found), tuple(sorted({source for _since, source in found})))
        for name, found in sorted(told.items())
    ]


def unfinished_of(incident: Incident) -> dict[str, Any]:
    """What speaks against its end, the first of each: alarms that still fire, open tasks, plans that wait or run,
    runbooks under way.
    """
    firing = _alarms(incident).filter(state=AlarmState.ALARM)
    names = firing_names(firing.values_list("name", "origin", "alert_source__name", "since"))
    open_plans = Plan.objects.filter(
        subject=incident.reference, state__in=[PlanState.AWAITING, PlanState.APPROVED, PlanState.RUNNING]
    )
    running = RunbookRun.objects.filter(incident_link__incident=incident, state=RunState.RUNNING)
    rows = ResponseTask.objects.filter(incident=incident, done_at__isnull=True).select_related("owner")
    return {
        "firing": Head(names[:MOST_NAMED], len(names)),
        "open_tasks": head(rows.order_by("due_at", "pk"), MOST_NAMED),
        "open_plans": head(open_plans.order_by("requested_at", "pk"), MOST_NAMED),
        "running": head(running.select_related("runbook", "holder").order_by("started_at", "pk"), MOST_NAMED),
    }


def problem_of(incident: Incident) -> Problem | None:
    found: Problem | None = Problem.objects.filter(linked__incident=incident).first()
    return found


def open_problems(platform_id: int) -> Sequence[tuple[int, str]]:
    """(number, words) of the platform's unsolved problems, for a choice."""
    rows = Problem.objects.filter(platform_id=platform_id, solved_at__isnull=True).order_by("priority", "-number")
    return [(number, f"PRB-{number} {title}") for number, title in rows.values_list("number", "title")[:200]]


def reports_of(incident: Incident) -> list[UserReport]:
    return list(UserReport.objects.filter(incident=incident).order_by("reported_at", "pk")[:50])
