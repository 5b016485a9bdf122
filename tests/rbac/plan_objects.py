"""Routes of actions: asking for one, and approving one's own plan alone."""

from tests.rbac.maintenance_objects import _plan
from tests.rbac.objects import route

route("plans:plan-break-glass", lambda case: {"pk": _plan(case).pk}, data=lambda _case: {"version": "1"})
