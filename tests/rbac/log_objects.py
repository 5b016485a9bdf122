"""How the matrix asks the routes of questions to the logs."""

from typing import Any

from monitoring.models import LogQuery
from opsportal.core.clock import now
from tests.factories.incidents import SYSTEM, declare
from tests.factories.logs import TEXT, query_of, run_of
from tests.rbac.objects import Case, route


def query(case: Case) -> LogQuery:
    return LogQuery.objects.filter(platform=case.platform).first() or query_of(case.platform, at=now())


def pk_of(case: Case) -> dict[str, Any]:
    return {"pk": query(case).pk}


def run_pk(case: Case) -> dict[str, Any]:
    return {"pk": run_of(query(case), at=now(), lines=3).pk}


def of_platform(case: Case) -> dict[str, Any]:
    return {"key": case.platform.key}


route("monitoring:log-query", pk_of)
route("monitoring:log-query-new", lambda case: {"key": case.platform.key}, data=lambda _: {"name": "x"})
route("monitoring:log-query-edit", pk_of, data=lambda _: {"name": "x", "version": "1"})
route("monitoring:log-query-ask", pk_of, data=lambda _: {"minutes": "30"})
route("monitoring:log-run", run_pk)
route("monitoring:log-run-csv", run_pk)
route("monitoring:log-run-stop", run_pk)
route(
    "incidents:log-run-link",
    run_pk,
    data=lambda case: {"incident": str(declare(case.platform, by=SYSTEM, at=now()).number)},
)
route("monitoring:log-cap", of_platform)
route("monitoring:log-cap-set", of_platform, data=lambda _: {"version": "0", "gb_a_month": "5"})
route("monitoring-api:log-cap", of_platform, data=lambda _: {"gb_a_month": 5})
route("monitoring-api:log-query", pk_of, data=lambda _: {"text": TEXT})
route("monitoring-api:log-query-estimate", pk_of)
route("monitoring-api:log-query-runs", pk_of, data=lambda _: {"minutes": 30})
route("monitoring-api:log-run", run_pk)
route("monitoring-api:log-run-lines", run_pk)
route("monitoring-api:log-run-stop", run_pk)
