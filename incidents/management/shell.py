"""What `manage.py incident` does, verb by verb: the services of pages and API, its answers the API's JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rest_framework.serializers import Serializer

from incidents import selectors
from incidents.api.acts import API_ACTS, ApiAct
from incidents.api.base import VIEW
from incidents.api.boards import QueuedSerializer, RunbookRunSerializer
from incidents.api.lines import TICK, TaskSerializer
from incidents.api.records import ReviewSerializer, UpdateRowSerializer
from incidents.api.reports import LOG, SETTLE, ProblemSerializer, UserReportSerializer
from incidents.api.serializers import EntrySerializer, IncidentDescribeSerializer, IncidentSerializer
from incidents.commands import parse
from incidents.errors import IncidentError
from incidents.models import Incident, Problem, ResponseTask, StatusUpdate, UserReport
from incidents.selectors import IncidentFilter
from incidents.selectors.evidence import runbook_results
from incidents.selectors.links import alarms_of, links_of, merged_into, merged_of, problem_of, reports_of
from incidents.selectors.named import incident_named
from incidents.selectors.queue import queue_page, report_page
from incidents.services import incident_declare, review_draft
from incidents.services.acts import ACTS
from incidents.services.composer import composer_run
from incidents.services.declare import declaration_of
from incidents.services.reports import report_answer, report_attach
from incidents.services.tasks import task_tick
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import authorize, permitted
from opsportal.core.markdown import clean_text
from opsportal.core.pagination import keyset_page
from opsportal.platforms.models import Platform

MOST: Final = 500
DESCRIBE: Final = ApiAct(
    ACTS["describe"],
    IncidentDescribeSerializer,
    "Write texts of the record.",
    lambda _by, _incident, data: {"changes": data},
)
SHELL_ACTS: Final[Mapping[str, ApiAct]] = {asked.act.name: asked for asked in (*API_ACTS, DESCRIBE)}


@dataclass(frozen=True, slots=True)
class Typed:
    """Who acts, the zone in which that person types times, and the words."""

    by: Actor
    zone: str
    options: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    def incident(self, action: str) -> Incident:
        """The incident whose number was typed. Raises HiddenError, DeniedError."""
        incident = selectors.incident_by_number(self.by, self["number"])
        authorize(self.by, action, incident)
        return incident

    def platform_id(self) -> int | None:
        """The platform whose key was typed, if one was. Raises IncidentError."""
        if not self["platform"]:
            return None
        found = Platform.objects.visible_to(self.by).filter(key=self["platform"]).values_list("pk", flat=True).first()
        if found is None:
            raise IncidentError(f"There is no platform {self['platform']}, or it is not for this person.")
        return int(found)


def _shown(incident: Incident) -> dict[str, Any]:
    return dict(IncidentSerializer(incident).data)


def _declare(typed: Typed) -> Any:
    names = ("title", "platform", "service", "severity", "type", "summary")
    asked = {name: clean_text(typed[name]) for name in names if typed[name]}
    declaration = declaration_of(
        typed.by,
        **asked,
        detection_source=typed["found_by"],
        take_command=not typed["no_command"],
        declare_key=typed["key"],
    )
    return _shown(incident_declare(by=typed.by, at=clock.now(), declaration=declaration))


def _line(typed: Typed, line: str, *, key: str = "") -> Any:
    """What the composer does with one line."""
    incident, now = typed.incident(LOG), clock.now()
    command = parse(line, now=now, zone=typed.zone)
    composer_run(by=typed.by, at=now, incident=incident, expected=incident.version, command=command, client_key=key)
    return _shown(selectors.incident_by_number(typed.by, incident.number))


def _status(typed: Typed) -> Any:
    return _line(typed, f"/status {typed['word']}") if typed["word"] else _shown(typed.incident(VIEW))


def _fields(words: Sequence[str]) -> dict[str, Any]:
    """`why=late users.answer=yes` as the API's body. Raises IncidentError."""
    found: dict[str, Any] = {}
    for word in words:
        name, is_said, value = word.partition("=")
        if not is_said or not name:
            raise IncidentError(f"{word} is no FIELD=VALUE.")
        place, (*path, last) = found, name.split(".")
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise IncidentError(f"{name} cannot be part of {part}, which has a value of its own.")
        place[last] = value
    return found


def _checked(serializer: Serializer[Any]) -> Mapping[str, Any]:
    """What was typed, as the API takes it. Raises IncidentError naming each field that is wrong."""
    if not serializer.is_valid():
        raise IncidentError("; ".join(_said(serializer.errors)))
    return dict(serializer.validated_data)


def _said(errors: Mapping[str, Any]) -> list[str]:
    found = []
    for name, wrong in errors.items():
        nested = _said(wrong) if isinstance(wrong, Mapping) else [" ".join(map(str, wrong))]
        found += [f"{name}: {text}" for text in nested]
    return found


def _act(typed: Typed) -> Any:
    asked = SHELL_ACTS[typed["act"]]
    incident = typed.incident(asked.act.action)
    data = _checked(asked.takes(data=_fields(typed["fields"]), context={"incident": incident}))
    values = asked.values(typed.by, incident, data)
    asked.act.perform(by=typed.by, at=clock.now(), incident=incident, expected=incident.version, values=values)
    return _shown(selectors.incident_by_number(typed.by, incident.number))


def _list(typed: Typed) -> Any:
    asked = IncidentFilter(platform_id=typed.platform_id(), state=typed["state"])
    rows = selectors.filtered(typed.by, asked, now=clock.now())
    rows = rows.select_related("platform", "service", "severity", "commander")
    page = keyset_page(rows, order=("-number",), cursor=None, size=MOST)
    return IncidentSerializer(page.rows, many=True).data


def _export(typed: Typed) -> Any:
    incident = typed.incident("incidents.incident_export")
    timeline = EntrySerializer(selectors.whole_timeline(incident), many=True).data
    return {**_shown(incident), "timeline": timeline}


def _tasks(_by: Actor, incident: Incident) -> Any:
    rows = ResponseTask.objects.filter(incident=incident).select_related("owner", "entry")
    return TaskSerializer(rows.order_by("pk")[:MOST], many=True).data


def _links(by: Actor, incident: Incident) -> Any:
    goes_on, problem = merged_into(by, incident), problem_of(incident)
    return {
        "merged_into": goes_on.reference if goes_on is not None else None,
        "merged": [row.incident.reference for row in merged_of(by, incident)],
        "links": [
            {"link": row.word, "incident": row.incident.reference, "title": row.incident.title, "note": row.note}
            for row in links_of(by, incident)
        ],
        "problem": ProblemSerializer(problem).data if problem is not None else None,
        "user_reports": UserReportSerializer(reports_of(incident), many=True).data,
        "alarms": [{"id": row.pk, "name": row.name, "state": row.state} for row in alarms_of(incident)],
    }


def _updates(_by: Actor, incident: Incident) -> Any:
    rows = StatusUpdate.objects.filter(incident=incident).select_related("author")
    return UpdateRowSerializer(rows.order_by("-published_at", "-pk")[:MOST], many=True).data


def _runbooks(_by: Actor, incident: Incident) -> Any:
    return RunbookRunSerializer(runbook_results(incident), many=True).data


def _review_read(by: Actor, incident: Incident) -> Any:
    return ReviewSerializer(selectors.review_of(by, incident.number)).data


# What of an incident is shown, and the right it takes.
PARTS: Final[Mapping[str, tuple[str, Callable[[Actor, Incident], Any]]]] = {
    "tasks": (VIEW, _tasks),
    "links": (VIEW, _links),
    "updates": (VIEW, _updates),
    "runbooks": (VIEW, _runbooks),
    "review": ("incidents.review_view", _review_read),
}


def _show(typed: Typed) -> Any:
    action, read = PARTS[typed["part"]]
    return read(typed.by, typed.incident(action))


def _task(typed: Typed) -> Any:
    incident = typed.incident(VIEW)
    task = permitted(typed.by, TICK, incident.tasks.select_related("owner", "entry"), pk=typed["id"])
    done = not typed["undo"]
    return TaskSerializer(task_tick(by=typed.by, at=clock.now(), task=task, expected=task.version, done=done)).data


def _review(typed: Typed) -> Any:
    incident = typed.incident("incidents.review_draft")
    review_draft(by=typed.by, at=clock.now(), incident=incident)
    return _review_read(typed.by, incident)


def _queue(typed: Typed) -> Any:
    page = queue_page(typed.by, platform_id=typed.platform_id(), owner="", cursor=None, size=MOST)
    return QueuedSerializer(page.rows, many=True).data


def _problems(typed: Typed) -> Any:
    rows = Problem.objects.visible_to(typed.by).of_platform(typed.platform_id()).select_related("platform")
    return ProblemSerializer(rows.order_by("-number")[:MOST], many=True).data


def _reports(typed: Typed) -> Any:
    page = report_page(typed.by, platform_id=typed.platform_id(), state="", cursor=None, size=MOST)
    return UserReportSerializer(page.rows, many=True).data


def _report(typed: Typed) -> UserReport:
    rows = UserReport.objects.visible_to(typed.by).select_related("platform", "service")
    return permitted(typed.by, SETTLE, rows, pk=typed["id"])


def _answer(typed: Typed) -> Any:
    report = _report(typed)
    answered = report_answer(
        by=typed.by, at=clock.now(), report=report, expected=report.version, answer=clean_text(typed["text"])
    )
    return UserReportSerializer(answered).data


def _attach(typed: Typed) -> Any:
    report = _report(typed)
    incident = incident_named(typed.by, typed["number"], LOG, "number")
    attached = report_attach(by=typed.by, at=clock.now(), report=report, incident=incident, expected=report.version)
    return UserReportSerializer(attached).data


VERBS: Final[Mapping[str, Callable[[Typed], Any]]] = {
    "declare": _declare,
    "log": lambda typed: _line(typed, typed["line"], key=typed["key"]),
    "status": _status,
    "resolve": lambda typed: _line(typed, f"/status resolved {typed['text']}"),
    "act": _act,
    "list": _list,
    "export": _export,
    "show": _show,
    "task": _task,
    "review": _review,
    "queue": _queue,
    "problems": _problems,
    "reports": _reports,
    "answer": _answer,
    "attach": _attach,
}
