"""What came from outside: raw messages, groups of alerts, and how useful alarms were."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from monitoring.forms.intake import EndForm, RatingForm
from monitoring.models import Alarm, AlarmOrigin, AlarmTransition, InboundMessage, InboundVerdict
from monitoring.selectors.intake import group_page, message_page, topics_waiting, verdict_kind
from monitoring.selectors.usefulness import firings, week_of, worth_rows
from monitoring.services.alerts import group_end
from monitoring.services.inbound import ReplayError, message_replay
from monitoring.services.ratings import RatingError, alarm_rate
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.markdown import clean_text
from opsportal.core.shell import selected_platform

SHOWN_BYTES = 16_000


def _platform_id(request: AuthorizedRequest) -> int | None:
    chosen = selected_platform(request)
    return chosen.pk if chosen else None


@require_action("monitoring.inbound_view")
def inbound(request: AuthorizedRequest) -> HttpResponse:
    """Raw messages with their verdict, the newest first."""
    verdict = request.GET.get("verdict", "")
    verdict = verdict if verdict in InboundVerdict.values else ""
    page = message_page(
        request.actor,
        platform_ids=platforms_where(request.actor, "monitoring.inbound_view"),
        platform_id=_platform_id(request),
        verdict=verdict,
        cursor=request.GET.get("cursor"),
    )
    base = reverse("monitoring:inbound")
    words = [("", "All"), *((one.value, one.label.capitalize()) for one in InboundVerdict)]
    context = {
        "page": page,
        "views": [
            {"label": label, "href": f"{base}?verdict={word}", "current": verdict == word} for word, label in words
        ],
        "verdict_kind": verdict_kind,
        "topics": topics_waiting(request.actor).count() if allows(request.actor, "monitoring.alert_source_edit") else 0,
        "at": now(),
    }
    return render_page(request, "monitoring/inbound_list.html", context)


@require_action("monitoring.inbound_view")
def inbound_message(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One message as it came."""
    rows = InboundMessage.objects.visible_to(request.actor).select_related("source", "platform", "replayed_by")
    found = permitted(request.actor, "monitoring.inbound_view", rows, pk=pk)
    body = bytes(found.body)
    context: dict[str, Any] = {
        "message": found,
        "text": clean_text(body[:SHOWN_BYTES].decode("utf-8", "replace")),
        "size": len(body),
        "is_cut": len(body) > SHOWN_BYTES,
        "verdict_kind": verdict_kind,
        "replays": list(found.replays.order_by("-pk")[:20]),
        "can_replay": allows(request.actor, "monitoring.inbound_replay", found),
        "key": new_key(),
    }
    return render_page(request, "monitoring/inbound_detail.html", context)


@require_action("monitoring.inbound_replay", methods=WRITE)
@idempotent
def inbound_replay_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Judge a message anew."""
    rows = InboundMessage.objects.visible_to(request.actor).select_related("replay_of")
    found = permitted(request.actor, "monitoring.inbound_replay", rows, pk=pk)
    try:
        again = message_replay(by=request.actor, at=now(), message=found)
    except ReplayError as error:
        messages.error(request, str(error))
        return redirect_or_fragment(request, reverse("monitoring:inbound-message", args=[pk]))
    messages.success(request, "It is judged again; what it said already is known and counts once.")
    return redirect_or_fragment(request, reverse("monitoring:inbound-message", args=[again.pk]))


@require_action("monitoring.alarm_view")
def alert_groups(request: AuthorizedRequest) -> HttpResponse:
    """What outside sources tell, in groups."""
    state = request.GET.get("state", "alarm")
    state = state if state in ("alarm", "ok", "unknown", "all") else "alarm"
    asked = "" if state == "all" else state
    page = group_page(request.actor, platform_id=_platform_id(request), state=asked, cursor=request.GET.get("cursor"))
    base = reverse("monitoring:alert-groups")
    words = [("alarm", "Firing"), ("ok", "Over"), ("unknown", "Unknown"), ("all", "All")]
    context = {
        "page": page,
        "state": state,
        "views": [{"label": label, "href": f"{base}?state={word}", "current": state == word} for word, label in words],
        "can_see_messages": allows(request.actor, "monitoring.inbound_view"),
        "at": now(),
    }
    return render_page(request, "monitoring/alert_group_list.html", context)


@require_action("monitoring.alert_group_end", methods=WRITE)
@idempotent
def alert_group_end_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Say that it is over, where the source never will."""
    rows = Alarm.objects.visible_to(request.actor).filter(origin=AlarmOrigin.ALERT)
    found = permitted(request.actor, "monitoring.alert_group_end", rows, pk=pk)
    form = EndForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The form did not say which state you looked at: open the page again.")
    data = form.cleaned_data
    group_end(by=request.actor, at=now(), alarm=found, expected=data["version"], reason=data["reason"])
    messages.success(request, f"{found.name} is over.")
    return redirect_or_fragment(request, reverse("monitoring:alarm", args=[pk]))


@require_action("monitoring.alarm_view")
def alarm_week(request: AuthorizedRequest) -> HttpResponse:
    """A week's alarms by pages, noise and missing runbook (M-MET-13)."""
    at, zone = now(), timezone.get_current_timezone()
    week = week_of(request.GET.get("week", ""), at=at, zone=zone)
    fired = firings(request.actor, week.start, week.end, platform_id=_platform_id(request))
    context = {
        "week": week,
        "found": worth_rows(request.actor, fired),
        "is_present": week.end > at,
        "at": at,
    }
    return render_page(request, "monitoring/alarm_week.html", context)


@require_action("monitoring.alarm_rate", methods=WRITE)
@idempotent
def alarm_rate_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Say what one firing was worth."""
    found = permitted(request.actor, "monitoring.alarm_rate", Alarm.objects.visible_to(request.actor), pk=pk)
    form = RatingForm(request.POST)
    if not form.is_valid():
        raise BadRequest("Say which firing, and whether it was useful, needed no action, or was noise.")
    transition = get_object_or_404(AlarmTransition, pk=form.cleaned_data["transition"], alarm=found)
    try:
        alarm_rate(by=request.actor, at=now(), transition=transition, word=form.cleaned_data["word"])
    except RatingError as error:
        raise BadRequest(str(error)) from error
    return redirect_or_fragment(request, reverse("monitoring:alarm", args=[pk]))
