"""Routes of problem records, links, users' reports and the queue."""

from typing import Any

from incidents.models import UserReport
from incidents.services import incident_link, problem_open, report_add
from opsportal.core.clock import now
from tests.factories.incidents import SYSTEM, alarm, declare
from tests.rbac.objects import Case, route


def _incident(case: Case) -> dict[str, Any]:
    return {"number": declare(case.platform, by=SYSTEM, at=now()).number}


def _linked(case: Case) -> dict[str, Any]:
    first, second = (declare(case.platform, by=SYSTEM, at=now()) for _ in range(2))
    link = incident_link(by=SYSTEM, at=now(), incident=first, expected=1, other=second, kind="related")
    return {"number": first.number, "pk": link.pk}


def _problem(case: Case) -> dict[str, Any]:
    problem = problem_open(by=SYSTEM, at=now(), platform_id=case.platform.pk, values={"title": "The pool runs dry"})
    return {"number": problem.number}


def _report(case: Case) -> UserReport:
    return report_add(
        by=SYSTEM, at=now(), platform_id=case.platform.pk, text="It is slow", kind="fault", channel="phone"
    )


for _name in ("merge", "link", "plan", "problem", "problem-remove", "situation"):
    route(f"incidents:{_name}", _incident, data=lambda _case: {"version": "1"})
route("incidents:link-remove", _linked)
for _name in ("incidents:problem-detail", "incidents:problem-texts", "incidents-api:problem-texts"):
    route(_name, _problem)
route("incidents:problem-change", _problem, data=lambda _case: {"version": "1"})
for _name in ("user-report", "user-report-attach", "user-report-answer"):
    route(f"incidents:{_name}", lambda case: {"pk": _report(case).pk}, data=lambda _case: {"version": "1"})
route("incidents:alarm-own", lambda case: {"pk": alarm(case.platform).pk})
for _name in ("merge", "link", "plan"):
    route(f"incidents-api:{_name}", _incident)
route("incidents-api:problem", _problem)
route("incidents-api:runbook-runs", _incident, data=lambda _case: {"runbook": "slow"})
for _name in ("user-report", "user-report-answer", "user-report-attach"):
    route(
        f"incidents-api:{_name}",
        lambda case: {"pk": _report(case).pk},
        data=lambda _case: {"answer": "x", "incident": "1"},
    )
