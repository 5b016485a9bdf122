"""What went out: every deployment that a tool, ECS or a person told of."""

from django.http import HttpResponse
from django.urls import reverse

from monitoring.models import DeploymentState
from monitoring.selectors.deployments import deployment_page
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows
from opsportal.core.htmx import render_page
from opsportal.core.markdown import clean_text
from opsportal.core.shell import selected_platform

VIEW = "monitoring.deployment_view"
LONGEST_KEY = 60


@require_action(VIEW)
def deployments(request: AuthorizedRequest) -> HttpResponse:
    """Newest first, by state and by service."""
    chosen, state = selected_platform(request), request.GET.get("state", "")
    service = clean_text(request.GET.get("service", ""))[:LONGEST_KEY]
    page = deployment_page(
        request.actor,
        platform_id=chosen.pk if chosen else None,
        service=service,
        state=state,
        cursor=request.GET.get("cursor"),
    )
    base = reverse("monitoring:deployments")
    words = [("", "All"), *((one.value, one.label.capitalize()) for one in DeploymentState)]
    context = {
        "page": page,
        "service": service,
        "views": [{"label": label, "href": f"{base}?state={word}", "current": state == word} for word, label in words],
        "can_connect": allows(request.actor, "monitoring.alert_source_view"),
        "at": now(),
    }
    return render_page(request, "monitoring/deployment_list.html", context)
