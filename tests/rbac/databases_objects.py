"""How the matrix asks the routes of databases and the inventory."""

from typing import Any

from monitoring.models import Resource
from opsportal.core.clock import now
from tests.factories.databases import database_of, resource_of
from tests.rbac.objects import Case, route


def resource(case: Case) -> Resource:
    return Resource.objects.filter(platform=case.platform).first() or resource_of(case.platform, at=now())


def database(case: Case) -> dict[str, Any]:
    return {"pk": database_of(case.platform).pk}


def answer(case: Case) -> dict[str, Any]:
    return database(case) | {"question": "slow"}


route("monitoring:resource", lambda case: {"pk": resource(case).pk})
route("monitoring:database-new", lambda case: {"key": case.platform.key}, data=lambda _: {"name": "x"})
route("monitoring:database-edit", database, data=lambda _: {"name": "x", "version": "1"})
route("monitoring:database-read", database, data=lambda _: {})
route("monitoring:database-answer", answer)
route("monitoring-api:database-answers", answer)
route("monitoring-api:database-read", database, data=lambda _: {})
