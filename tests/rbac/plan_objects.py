"""Routes of actions: asking for one, and approving one's own plan alone."""

from tests.rbac.incidents_objects import _incident
from tests.rbac.maintenance_objects import _plan
from tests.rbac.objects import route

route("plans:plan-break-glass", lambda case: {"pk": _plan(case).pk}, data=lambda _case: {"version": "1"})
route("incidents:log-sample", _incident)
route("plans-api:plan", lambda case: {"pk": _plan(case).pk})
