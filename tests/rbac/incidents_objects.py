"""Routes of the incidents room."""

from datetime import timedelta
from typing import Any

from incidents.models import Incident, ReviewEdition
from incidents.services import action_item_add, cause_add, entry_log, incident_resolve, retrospective_open, review_draft
from incidents.services.attachments import attachment_add
from incidents.services.calendars import calendar_make
from incidents.services.tasks import task_add
from opsportal.accounts.actors import user_actor
from opsportal.core.clock import now
from tests.factories.accounts import UserFactory
from tests.factories.incidents import SYSTEM, declare, severity
from tests.rbac.objects import Case, route


def _open(case: Case) -> Incident:
    return declare(case.platform, by=SYSTEM, at=now() - timedelta(minutes=1))


def _incident(case: Case) -> dict[str, Any]:
    return {"number": _open(case).number}


def _resolved(case: Case) -> Incident:
    incident = _open(case)
    return incident_resolve(by=SYSTEM, at=now(), incident=incident, expected=incident.version)


def _review(case: Case) -> dict[str, Any]:
    review = review_draft(by=SYSTEM, at=now(), incident=_resolved(case))
    return {"number": review.incident.number}


def _edition(case: Case) -> dict[str, Any]:
    """A version that was published before its incident was reopened."""
    review = review_draft(by=SYSTEM, at=now(), incident=_resolved(case))
    reader: Any = UserFactory()
    ReviewEdition.objects.create(
        review=review, version=7, published_at=now(), published_by=reader, sections=[], causes=[]
    )
    return {"number": review.incident.number, "version": 7}


def _entry(case: Case) -> dict[str, Any]:
    incident = _open(case)
    entry = entry_log(by=SYSTEM, at=now(), incident=incident, body="a line")
    return {"number": incident.number, "entry_number": entry.number}


def _action_item(case: Case) -> dict[str, Any]:
    return {"number": action_item_add(by=SYSTEM, at=now(), incident=_open(case), title="Alert on pool").number}


for _name in (
    "detail", "entries", "timeline-export", "log", "acknowledge", "severity", "role", "stage", "update", "triage",
    "mitigate", "resolve", "close", "reopen", "describe", "restrict", "action-new", "review-draft",
    "timeline-forms", "timeline-csv", "timeline-json", "completions", "attach", "decision", "pin", "task", "metric",
):  # fmt: skip
    route(f"incidents:{_name}", _incident, data=lambda _case: {"version": "1"})


for _name in ("clock-pause", "clock-resume", "clock-done"):
    route(f"incidents:{_name}", _incident, data=lambda _case: {"version": "1", "kind": "acknowledge", "why": "x"})


def _calendar(_case: Case) -> dict[str, Any]:
    person: Any = UserFactory()
    return {"secret": calendar_make(by=user_actor(person), at=now())}


route("incidents:calendar-feed", _calendar, owned="portal")


def _cause(case: Case) -> dict[str, Any]:
    review = review_draft(by=SYSTEM, at=now(), incident=_resolved(case))
    cause = cause_add(by=SYSTEM, at=now(), review=review, parent=None, kind="root", text="The pool ran dry")
    return {"number": review.incident.number, "pk": cause.pk}


for _name in ("review-cause", "review-cause-drop"):
    route(f"incidents:{_name}", _cause, data=lambda _case: {"version": "1", "text": "x", "kind": "root"})
for _name in ("review-cause-new", "review-public", "review-markdown", "review-json"):
    route(f"incidents:{_name}", _review, data=lambda _case: {"text": "x", "kind": "root"})
for _name in ("review", "review-submit", "review-publish", "review-send-back"):
    route(f"incidents:{_name}", _review, data=lambda _case: {"version": "1"})
route("incidents:review-section", lambda case: {**_review(case), "key": "impact"}, data=lambda _case: {"version": "1"})
route("incidents:review-edition", _edition)
for _name in ("incidents:review-texts", "incidents-api:review-texts"):
    route(_name, lambda case: {**_review(case), "key": "impact"})
for _name in ("incidents:review-cause-texts", "incidents-api:review-cause-texts"):
    route(_name, _review)
route("incidents:entry-correct", _entry, data=lambda _case: {"body": "corrected"})
for _name in ("entry", "entry-pin", "entry-star"):
    route(f"incidents:{_name}", _entry, data=lambda _case: {"on": "yes"})
route("incidents:entry-tag", _entry, data=lambda _case: {"on": "yes", "word": "pool"})


def _graph(case: Case) -> dict[str, Any]:
    incident, at = _open(case), now()
    span = {"start": (at - timedelta(hours=1)).isoformat(), "end": at.isoformat()}
    data = {"name": "Response", "unit": "", "stat": "Average", "points": [[int(at.timestamp()) - 60, 1.0]], **span}
    entry = entry_log(by=SYSTEM, at=at, incident=incident, body="Response", kind="graph", data=data)
    return {"number": incident.number, "entry_number": entry.number}


def _file(case: Case) -> dict[str, Any]:
    incident = _open(case)
    entry = attachment_add(by=SYSTEM, at=now(), incident=incident, name="pool.log", content=b"full")
    return {"number": incident.number, "entry_number": entry.number}


def _task(case: Case) -> dict[str, Any]:
    incident = _open(case)
    return {"number": incident.number, "pk": task_add(by=SYSTEM, at=now(), incident=incident, title="Restart").pk}


route("incidents:entry-graph", _graph)
route("incidents:attachment", _file)
route("incidents:task-change", _task, data=lambda _case: {"act": "done", "version": "1"})


def _retrospective(case: Case) -> dict[str, Any]:
    at = now()
    first = (at - timedelta(days=30)).date()
    row = retrospective_open(by=SYSTEM, at=at, platform=case.platform, kind="tech_talk", starts_on=first)
    return {"pk": row.pk}


for _name in ("incidents:retrospective", "incidents:retrospective-texts", "incidents-api:retrospective-texts"):
    route(_name, _retrospective)
for _name in ("retrospective-write", "retrospective-close"):
    route(f"incidents:{_name}", _retrospective, data=lambda _case: {"version": "1"})
route("incidents:action", _action_item)
route("incidents:action-change", _action_item, data=lambda _case: {"version": "1"})
route("incidents-api:detail", _incident)
for _name in (
    "acknowledge", "severity", "role", "stage", "update", "triage", "mitigate", "resolve", "close", "reopen",
    "clock-pause", "clock-resume", "clock-done", "updates", "action-item-add",
):  # fmt: skip
    route(f"incidents-api:{_name}", _incident)
route("incidents-api:review", _review)
route("incidents-api:action-item", _action_item)
route("incidents-api:timeline", _incident, data=lambda _case: {"body": "a line"})


def _line(case: Case) -> dict[str, Any]:
    found = _entry(case)
    return {"number": found["number"], "line": found["entry_number"]}


route("incidents-api:tasks", _incident, data=lambda _case: {"title": "Restart"})
route("incidents-api:task", _task)
route("incidents-api:pin", _line)
route("incidents-api:tag", lambda case: {**_line(case), "word": "pool"})
route(
    "incidents:clock-rule",
    lambda case: {"severity": severity(case.platform).pk, "kind": "resolve"},
    data=lambda _case: {"version": "0", "due_rule": "minutes", "minutes": "20", "note": "x"},
)
