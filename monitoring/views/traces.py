"""X-Ray: sampling, service map, failed requests."""

from typing import Final

from django.http import HttpResponse

from monitoring.selectors.traces import traces
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform

VIEW: Final = "monitoring.trace_view"


@require_action(VIEW)
def trace_map(request: AuthorizedRequest) -> HttpResponse:
    """What X-Ray said when it was last read, of the services in sight or of one."""
    at, chosen, service = now(), selected_platform(request), request.GET.get("service", "")[:60]
    found = traces(request.actor, at=at, platform_id=chosen.pk if chosen else None, service=service)
    context = {"traces": found, "service": service, "at": at}
    return render_page(request, "monitoring/traces.html", context)
