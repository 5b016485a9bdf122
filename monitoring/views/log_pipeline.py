"""Whether logs arrive and are carried on."""

from typing import Final

from django.http import HttpResponse

from monitoring.selectors.log_pipeline import LATE_SECONDS, USUAL, log_pipeline
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform

VIEW: Final = "monitoring.overview_view"


@require_action(VIEW)
def log_freshness(request: AuthorizedRequest) -> HttpResponse:
    """The newest line of each log group against its expectation, and what Firehose delivers."""
    at, chosen = now(), selected_platform(request)
    found = log_pipeline(request.actor, at=at, platform_id=chosen.pk if chosen else None)
    context = {"pipeline": found, "usual": USUAL, "late": LATE_SECONDS, "at": at}
    return render_page(request, "monitoring/log_pipeline.html", context, fragment="pipeline")
