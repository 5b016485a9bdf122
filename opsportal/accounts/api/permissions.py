"""The gate, as DRF asks it."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from opsportal.core.api_request import plain_request
from opsportal.core.gate import authorize, rules
from opsportal.core.shell import request_actor


class ActionPermission(BasePermission):
    """A view's `actions[method]` must be allowed somewhere; the view gates the object it loads."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actions = getattr(view, "actions", {})
        action = actions.get("GET" if request.method == "HEAD" else str(request.method))
        if action is None:
            # OPTIONS and methods that the view lacks: nothing to allow.
            return False
        actor = request_actor(plain_request(request))
        rule = rules().get(action)
        if rule is not None and rule.cells["anonymous"] == "y":
            return True
        if actor.kind == "anonymous":
            return False
        authorize(actor, action)
        return True
