"""Heartbeats of jobs: list, one with its beats, the editor."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from monitoring.forms.heartbeats import HeartbeatForm, initial_of
from monitoring.models import Heartbeat
from monitoring.selectors.declared import heartbeats_named, rule_of
from monitoring.selectors.heartbeats import beat_page, heartbeat_page, heartbeats_of
from monitoring.services.heartbeats import HeartbeatError, heartbeat_add, heartbeat_change, heartbeat_rotate
from monitoring.services.links import address_of
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import allows, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.heartbeat_view"
EDIT: Final = "monitoring.heartbeat_edit"
READ: Final = "monitoring.log_lines_view"
BEAT: Final = "monitoring:beat"


@require_action(VIEW)
def heartbeats(request: AuthorizedRequest) -> HttpResponse:
    """Every job the person may see, what is late first."""
    at, chosen = now(), selected_platform(request)
    cursor = request.GET.get("cursor")
    page = heartbeat_page(request.actor, at=at, platform_id=chosen.pk if chosen else None, cursor=cursor)
    editable = Platform.objects.filter(pk__in=platforms_where(request.actor, EDIT)).order_by("name", "pk")
    named = heartbeats_named(request.actor, chosen.pk if chosen else None)
    context = {"page": page, "editable": list(editable), "named": named, "at": at}
    return render_page(request, "monitoring/heartbeat_list.html", context)


def _loaded(request: AuthorizedRequest, pk: int, action: str) -> Heartbeat:
    return permitted(request.actor, action, heartbeats_of(request.actor, at=now()), pk=pk)


@require_action(VIEW)
def heartbeat(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One job: what is expected, what came."""
    return _detail(request, _loaded(request, pk, VIEW))


def _detail(request: AuthorizedRequest, found: Heartbeat, *, link: str = "", status: int = 200) -> HttpResponse:
    context = {
        "heartbeat": found,
        "page": beat_page(found, cursor=request.GET.get("cursor")),
        "link": link,
        "address": address_of(BEAT, "YOUR-KEY"),
        "may_edit": allows(request.actor, EDIT, found),
        "may_read": allows(request.actor, READ, found),
        "at": now(),
    }
    response = render_page(request, "monitoring/heartbeat_detail.html", context, status=status)
    if link:
        response["Cache-Control"] = "no-store"
    return response


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def heartbeat_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Answers 200 with the link instead of redirecting: it is shown this once."""
    platform = platform_for(EDIT, request.actor, key)
    zone = platform.environments.order_by("-is_production", "pk").values_list("zone", flat=True).first() or "UTC"
    initial = {"version": 0, "zone": zone}
    offered = heartbeats_named(request.actor, platform.pk) if "declared" in request.GET else ()
    like = next((one for one in offered if one.key == request.GET["declared"] and one.value), None)
    if like is not None:
        cron, zone = rule_of(like)
        initial |= {"key": like.key, "name": like.title, "cron": cron, "zone": zone}
    form = HeartbeatForm(request.POST or None, platform=platform, is_new=True, initial=initial)
    if request.method == "POST" and form.is_valid():
        slug, values = form.cleaned_data["key"], form.values()
        try:
            made, secret = heartbeat_add(by=request.actor, at=now(), platform=platform, key=slug, values=values)
        except HeartbeatError as error:
            form.add_error(None, str(error))
        else:
            return _detail(request, made, link=address_of(BEAT, secret))
    return _editor(request, platform, None, form)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def heartbeat_edit(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change or pause what is expected of a job."""
    found = _loaded(request, pk, EDIT)
    form = HeartbeatForm(request.POST or None, platform=found.platform, is_new=False, initial=initial_of(found))
    if request.method == "POST" and form.is_valid():
        expected = form.cleaned_data["version"]
        try:
            kept = heartbeat_change(
                by=request.actor, at=now(), heartbeat=found, expected=expected, values=form.values()
            )
        except HeartbeatError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{kept.name} is {'expected' if kept.enabled else 'paused'}.")
            return redirect_or_fragment(request, reverse("monitoring:heartbeat", args=[pk]))
    return _editor(request, found.platform, found, form)


def _editor(
    request: AuthorizedRequest, platform: Platform, found: Heartbeat | None, form: HeartbeatForm
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "platform": platform,
        "heartbeat": found,
        "action": request.path,
        "key": new_key(),
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "monitoring/heartbeat_edit.html", context, status=status)


@require_action(EDIT, methods=WRITE)
def heartbeat_rotate_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A new link, shown this once."""
    found, form = _loaded(request, pk, EDIT), VersionedForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form was incomplete, nothing was done: look at the page again, then repeat it.")
        return _detail(request, found, status=422)
    key = heartbeat_rotate(by=request.actor, at=now(), heartbeat=found, expected=form.cleaned_data["version"])
    return _detail(request, found, link=address_of(BEAT, key))
