"""Pages about what lies behind the figures: where capacity ends, what AWS costs, how good the data is."""

from django.http import HttpResponse

from monitoring.selectors import capacity as capacity_reads
from monitoring.selectors import costs as cost_reads
from monitoring.selectors import quality as quality_reads
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform


def _platform_id(request: AuthorizedRequest) -> int | None:
    chosen = selected_platform(request)
    return chosen.pk if chosen else None


@require_action("monitoring.capacity_view")
def capacity(request: AuthorizedRequest) -> HttpResponse:
    """Trends, the dates their limits are reached, and the guides' own assumptions beside them."""
    at = now()
    found = capacity_reads.capacity(request.actor, at=at, platform_id=_platform_id(request))
    return render_page(request, "monitoring/capacity.html", {"found": found, "at": at})


@require_action("monitoring.cost_view")
def cost(request: AuthorizedRequest) -> HttpResponse:
    """What reading costs by our own count, what the account costs by Cost Explorer, and the guides' budget."""
    at = now()
    accounts = cost_reads.account_costs(request.actor, at=at)
    budgets = cost_reads.budgets(request.actor, platform_id=_platform_id(request))
    return render_page(request, "monitoring/cost.html", {"accounts": accounts, "budgets": budgets, "at": at})


@require_action("monitoring.quality_view")
def quality(request: AuthorizedRequest) -> HttpResponse:
    """Coverage, gaps, late revisions and series never answered, with the points behind each."""
    at = now()
    found = quality_reads.quality(request.actor, at=at, platform_id=_platform_id(request))
    return render_page(request, "monitoring/quality.html", {"found": found, "at": at})
