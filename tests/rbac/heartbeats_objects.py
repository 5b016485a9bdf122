"""How the matrix asks the routes of heartbeats and deployments."""

from typing import Any

from monitoring.models import Heartbeat
from opsportal.core.clock import now
from tests.factories.heartbeats import heartbeat_of
from tests.rbac.objects import Case, route


def heartbeat(case: Case) -> Heartbeat:
    return Heartbeat.objects.filter(platform=case.platform).first() or heartbeat_of(case.platform, at=now())[0]


def pk_of(case: Case) -> dict[str, Any]:
    return {"pk": heartbeat(case).pk}


def link(case: Case) -> dict[str, Any]:
    return {"key": heartbeat_of(case.platform, at=now(), key=f"job-{Heartbeat.objects.count()}")[1]}


route("monitoring:beat", link, owned="portal")
route("monitoring:heartbeat", pk_of)
route("monitoring:heartbeat-new", lambda case: {"key": case.platform.key}, data=lambda _: {"name": "x"})
route("monitoring:heartbeat-edit", pk_of, data=lambda _: {"name": "x", "version": "1"})
route("monitoring:heartbeat-rotate", pk_of, data=lambda _: {"version": "1"})
route("monitoring-api:heartbeat", pk_of)
route("monitoring-api:heartbeat-beats", pk_of)
