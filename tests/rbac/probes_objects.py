"""How the matrix asks the routes of probes."""

from typing import Any

from monitoring.models import Probe
from opsportal.core.clock import now
from tests.factories.probes import probe_of
from tests.rbac.objects import Case, route


def probe(case: Case) -> Probe:
    return Probe.objects.filter(platform=case.platform).first() or probe_of(case.platform, at=now())


def pk_of(case: Case) -> dict[str, Any]:
    return {"pk": probe(case).pk}


route("monitoring:probe", pk_of)
route("monitoring:probe-new", lambda case: {"key": case.platform.key}, data=lambda _: {"name": "x"})
route("monitoring:probe-edit", pk_of, data=lambda _: {"name": "x", "version": "1"})
route("monitoring-api:probe", pk_of)
route("monitoring-api:probe-results", pk_of)
route("monitoring-api:probe-try", pk_of)
