"""Webhooks of a platform: list, add, change, a new secret, a try, remove."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.notifications.forms import WebhookChangeForm, WebhookForm
from opsportal.notifications.models import Webhook
from opsportal.notifications.selectors import last_deliveries
from opsportal.notifications.webhooks import (
    WebhookError,
    webhook_add,
    webhook_change,
    webhook_ping,
    webhook_remove,
    webhook_rotate,
)
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW, EDIT = "notifications.webhook_view", "notifications.webhook_edit"


def _load(request: AuthorizedRequest, pk: int, action: str) -> Webhook:
    rows = Webhook.objects.visible_to(request.actor).select_related("platform")
    return permitted(request.actor, action, rows, pk=pk)


@require_action(VIEW)
def webhook_list(request: AuthorizedRequest) -> HttpResponse:
    """Of the platforms this person administers."""
    platforms = Platform.objects.filter(pk__in=platforms_where(request.actor, VIEW)).order_by("name", "pk")
    rows = Webhook.objects.filter(platform__in=platforms).select_related("platform")
    webhooks = list(rows.order_by("platform__name", "name", "pk"))
    context = {"webhooks": webhooks, "deliveries": last_deliveries(webhooks), "platforms": platforms}
    return render_page(request, "notifications/webhook_list.html", context)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def webhook_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Answers 200 with the secret instead of redirecting: it is shown this once."""
    platform = platform_for(EDIT, request.actor, key)
    form, status = WebhookForm(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = {name: form.cleaned_data[name] for name in ("name", "url", "events")}
            try:
                webhook, secret = webhook_add(by=request.actor, at=clock.now(), platform=platform, **data)
            except WebhookError as error:
                form.add_error(None, str(error))
            else:
                return _detail(request, webhook, _form_of(webhook), secret=secret)
    context = {"form": form, "platform": platform, "key": new_key()}
    return render_page(request, "notifications/webhook_new.html", context, status=status)


def _form_of(webhook: Webhook) -> WebhookForm:
    return WebhookForm(initial={name: getattr(webhook, name) for name in ("name", "url", "events", "is_active")})


def _detail(
    request: AuthorizedRequest, webhook: Webhook, form: WebhookForm, *, secret: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "webhook": webhook,
        "form": form,
        "secret": secret,
        "version": request.POST.get("version") if status == 422 else webhook.version,
        "last": last_deliveries([webhook]).get(webhook.pk),
        "key": new_key(),
    }
    response = render_page(request, "notifications/webhook_detail.html", context, status=status)
    if secret:
        response["Cache-Control"] = "no-store"
    return response


def _incomplete(request: AuthorizedRequest, webhook: Webhook) -> HttpResponse:
    messages.error(request, "The form was incomplete, nothing was done: look at the page again, then repeat it.")
    return _detail(request, webhook, _form_of(webhook), status=422)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def webhook_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One webhook, and its change."""
    webhook = _load(request, pk, EDIT)
    if request.method != "POST":
        return _detail(request, webhook, _form_of(webhook))
    form = WebhookChangeForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        expected = data.pop("version")
        try:
            webhook_change(by=request.actor, at=clock.now(), webhook=webhook, expected=expected, **data)
        except WebhookError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect_or_fragment(request, reverse("notifications:webhooks"))
    return _detail(request, webhook, form, status=422)


@require_action(EDIT, methods=("POST",))
def webhook_rotate_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A new secret, shown this once."""
    webhook = _load(request, pk, EDIT)
    form = VersionedForm(request.POST)
    if not form.is_valid():
        return _incomplete(request, webhook)
    secret = webhook_rotate(by=request.actor, at=clock.now(), webhook=webhook, expected=form.cleaned_data["version"])
    return _detail(request, webhook, _form_of(webhook), secret=secret)


def _act(request: AuthorizedRequest, pk: int, do: Callable[[Webhook, int], None], said: str, back: str) -> HttpResponse:
    webhook = _load(request, pk, EDIT)
    form = VersionedForm(request.POST)
    if not form.is_valid():
        return _incomplete(request, webhook)
    do(webhook, form.cleaned_data["version"])
    messages.success(request, said)
    return redirect_or_fragment(request, back)


@require_action(EDIT, methods=("POST",))
@idempotent
def webhook_ping_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Send it a hello."""
    return _act(
        request,
        pk,
        lambda webhook, _version: webhook_ping(by=request.actor, at=clock.now(), webhook=webhook),
        "A try is on its way; this page says what came of it.",
        reverse("notifications:webhook", args=[pk]),
    )


@require_action(EDIT, methods=("POST",))
def webhook_remove_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Forget it."""
    return _act(
        request,
        pk,
        lambda webhook, version: webhook_remove(by=request.actor, at=clock.now(), webhook=webhook, expected=version),
        "The webhook is gone.",
        reverse("notifications:webhooks"),
    )
