"""Who gets reports by mail, and the way out."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from opsportal.accounts.models import User
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.notifications.services import sends_mail
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for
from opsportal.reports.models import ReportSubscription
from opsportal.reports.period.forms import SubscriptionForm
from opsportal.reports.period.mail import HOUR, subscription_of
from opsportal.reports.period.services import subscription_put, subscription_remove

VIEW = "reports.schedule_view"
SET = "reports.schedule_set"


@require_action(VIEW)
def subscriptions(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Who gets a platform's reports."""
    platform = platform_for(VIEW, request.actor, key)
    return _page(request, platform, SubscriptionForm(platform=platform), 200)


@require_action(SET, methods=WRITE)
@idempotent
def subscription_add_action(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Send a member the report."""
    platform = platform_for(SET, request.actor, key)
    form = SubscriptionForm(request.POST, platform=platform)
    if not form.is_valid():
        return _page(request, platform, form, 422)
    user = User.objects.get(pk=form.cleaned_data["user"])
    subscription_put(by=request.actor, at=now(), platform=platform, user=user, cadence=form.cleaned_data["cadence"])
    messages.success(request, f"{user.name} gets the report.")
    return redirect_or_fragment(request, reverse("reports:mails", args=[key]))


def _page(request: AuthorizedRequest, platform: Platform, form: SubscriptionForm, status: int) -> HttpResponse:
    rows = ReportSubscription.objects.filter(platform=platform).select_related("user")
    context = {
        "platform": platform,
        "form": form,
        "rows": list(rows.order_by("user__name", "cadence", "pk")),
        "can_set": allows(request.actor, SET, platform),
        "sends_mail": sends_mail(),
        "hour": HOUR,
    }
    return render_page(request, "reports/mails.html", context, status=status)


@require_action(SET, methods=WRITE)
@idempotent
def subscription_remove_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Send a member no more."""
    rows = ReportSubscription.objects.visible_to(request.actor).select_related("platform", "user")
    row = permitted(request.actor, SET, rows, pk=pk)
    subscription_remove(by=request.actor, at=now(), subscription=row)
    messages.success(request, f"{row.user.name} gets it no more.")
    return redirect_or_fragment(request, reverse("reports:mails", args=[row.platform.key]))


@csrf_exempt
@require_action("reports.unsubscribe", methods=READ_WRITE)
def unsubscribe(request: AuthorizedRequest, token: str) -> HttpResponse:
    """The link of a mail: a GET asks, the POST ends it, as mail programs send it by one click (RFC 8058).

    It takes no session, so there is no forged request to fear: who holds the secret may end it.
    """
    row = subscription_of(token)
    if request.method == "POST" and row is not None:
        subscription_remove(by=system_actor("reports.unsubscribe"), at=now(), subscription=row)
    context = {"row": row, "is_done": request.method == "POST" or row is None, "token": token}
    return render_page(request, "reports/unsubscribe.html", context)
