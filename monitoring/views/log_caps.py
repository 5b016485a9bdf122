"""What the questions of a platform read this month, run by run, and the cap on it."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from monitoring.forms.log_queries import LogCapForm
from monitoring.selectors.log_costs import log_month, month_page
from monitoring.services.log_caps import log_cap_set
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW = "monitoring.log_query_view"
SET = "monitoring.log_cap_set"
PAGE = 50


@require_action(VIEW)
def log_cap(request: AuthorizedRequest, key: str) -> HttpResponse:
    """The month's figure and the runs behind it."""
    return _page(request, platform_for(VIEW, request.actor, key), None)


@require_action(SET, methods=WRITE)
@idempotent
def log_cap_action(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Set the cap."""
    platform, form = platform_for(SET, request.actor, key), LogCapForm(request.POST)
    if not form.is_valid():
        return _page(request, platform, form)
    log_cap_set(
        by=request.actor, at=now(), platform=platform, expected=form.cleaned_data["version"],
        gb_a_month=form.cleaned_data["gb_a_month"],
    )  # fmt: skip
    messages.success(request, "The cap is kept.")
    return redirect_or_fragment(request, reverse("monitoring:log-cap", args=[key]))


def _page(request: AuthorizedRequest, platform: Platform, refused: LogCapForm | None) -> HttpResponse:
    month = log_month(platform, at=now())
    initial = {"version": month.cap.version, "gb_a_month": month.cap.gb_a_month}
    context = {
        "platform": platform,
        "month": month,
        "page": month_page(platform, month, cursor=request.GET.get("cursor"), size=PAGE),
        "may_set": allows(request.actor, SET, platform),
        "form": refused or LogCapForm(initial=initial),
    }
    return render_page(request, "monitoring/log_cap.html", context, status=422 if refused else 200)
