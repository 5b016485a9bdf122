"""Routes of the runbooks."""

from typing import Any

from opsportal.accounts.actors import user_actor
from opsportal.core.clock import now
from opsportal.knowledge.models import RunbookRun
from opsportal.knowledge.services.runs import run_start
from tests.factories.runbooks import SYSTEM, TEXT, runbook
from tests.rbac.incidents_objects import _incident
from tests.rbac.objects import Case, route


def _runbook(case: Case) -> dict[str, Any]:
    return {"platform": case.platform.key, "slug": runbook(case.platform, at=now()).slug}


def _run(case: Case) -> dict[str, Any]:
    by = user_actor(case.user) if case.user else SYSTEM
    run: RunbookRun = run_start(by=by, at=now(), runbook=runbook(case.platform, at=now()))
    return {"pk": run.pk}


route("knowledge:runbook-detail", _runbook)
route("knowledge:runbook-edit", _runbook, data=lambda _case: {"version": "2", "title": "Slow", "body": TEXT})
route("knowledge:runbook-practice", _runbook)
route("knowledge:runbook-new", owned="portal")
route("knowledge:runbook-run", _run)
route("knowledge:runbook-step", _run, data=lambda _case: {"version": "1", "step": "1", "outcome": "done"})
route("knowledge:runbook-run-take", _run, data=lambda _case: {"version": "1"})
route("knowledge:runbook-run-end", _run, data=lambda _case: {"version": "1", "reason": "over"})
route("incidents:runbook", _incident)
route("monitoring:runbook-alarms", lambda case: {"pk": runbook(case.platform, at=now()).pk})
for _name in ("runbook", "practice"):
    route(f"knowledge-api:{_name}", _runbook)
route("knowledge-api:run", _run)
route("knowledge-api:step", _run, data=lambda _case: {"step": 1, "outcome": "done"})
route("knowledge-api:take-over", _run)
route("knowledge-api:finish", _run, data=lambda _case: {"reason": "over"})
