"""How the matrix asks the routes of dashboards: each identity about one of its own, as shared ones ask for more."""

from typing import Any

from monitoring.models import Dashboard
from tests.factories.dashboards import dashboard_of
from tests.rbac.objects import Case, route


def own(case: Case) -> Dashboard:
    return dashboard_of(case.platform, owner_id=case.user.pk if case.user else None)


def pk_of(case: Case) -> dict[str, Any]:
    return {"pk": own(case).pk}


route("monitoring:dashboard", pk_of)
route("monitoring:dashboard-charts", pk_of)
route("monitoring:dashboard-new", lambda case: {"key": case.platform.key}, data=lambda _: {"name": "x"})
route("monitoring:dashboard-edit", pk_of, data=lambda _: {"name": "x", "version": "1"})
route("monitoring:dashboard-delete", pk_of, data=lambda _: {"version": "1"})
route("monitoring-api:dashboard", pk_of, data=lambda _: {"name": "x"})
