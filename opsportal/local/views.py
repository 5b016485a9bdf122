"""The demo panel: break the simulated shop, watch the portal find out, heal it; and the mails nobody sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from maintenance.models import ChecklistTemplate, Job
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.local.aws.control import Control, ControlError
from opsportal.local.aws.faults import DEFAULT_MINUTES, FAULTS
from opsportal.local.aws.world import MAX_MINUTES
from opsportal.local.demo.present import ListsOpenError, checklist_open, window_open_now
from opsportal.notifications.transports import sink_mails
from opsportal.plans.services import PlanRefusedError
from opsportal.platforms.selectors import platform_for
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.database import DatabaseTargetError

PAGE: Final = "local/demo_panel.html"
ACT: Final = "local.demo_act"
MAILS_SHOWN: Final = 100
# What a visitor will see, and where; the portal itself learns of a fault from AWS alone.
SIGNS: Final = {
    "db-connections": ("Database runs out of connections", "An incident opens within three minutes; the SLO burns."),
    "error-rate": ("One request in five fails", "The error alarm fires and opens an incident; the SLO burns."),
    "latency": ("Answers take six times as long", "The latency alarm fires; the chart of the service shows it."),
    "log-silence": ("The logs fall silent", "No log line arrives: logs.fresh fails, and its alarm fires."),
    "backup-missing": (
        "Tonight's backup is missing",
        "Its log is not shipped: the heartbeat is late in two minutes; the morning list's backup.fresh fails.",
    ),
    "certificate-expiry": ("A certificate has five days left", "Evidence of the lists turns red; no metric moves."),
    "service-down": (
        "The service stops answering",
        "No healthy host is left; the critical alarm opens an incident.",
    ),
}


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One fault as the panel shows it; `until` is set while it lasts."""

    name: str
    title: str
    sign: str
    platform: str
    until: datetime | None


class FaultForm(forms.Form):
    """Which fault, and for how long."""

    name = forms.ChoiceField(choices=[(name, name) for name in FAULTS])
    minutes = forms.IntegerField(min_value=1, max_value=MAX_MINUTES)


class PlatformForm(forms.Form):
    """The platform whose next list or window is opened."""

    platform = forms.SlugField(max_length=60)


def _control() -> Control:
    return Control(settings.AWS_ENDPOINT_URL or "")


def _fault_lines(state: dict[str, Any]) -> Sequence[FaultLine]:
    # Two spells of one fault may overlap: the longer one counts.
    until: dict[tuple[str, str], datetime] = {}
    for row in state["active"]:
        which, end = (row["name"], row["platform"]), datetime.fromisoformat(row["ends_at"])
        until[which] = max(end, until.get(which, end))
    return [
        FaultLine(name, *SIGNS[name], platform=platform, until=until.get((name, platform)))
        for name, platform in FAULTS.items()
    ]


def _page(request: AuthorizedRequest, *, refused: str = "") -> HttpResponse:
    try:
        lines, silent = _fault_lines(_control().state()), ""
    except ControlError as error:
        lines, silent = (), str(error)
    lists = ChecklistTemplate.objects.visible_to(request.actor).filter(is_active=True, key__contains="morning")
    jobs = Job.objects.visible_to(request.actor).filter(is_active=True)
    context = {
        "faults": lines,
        "silent": silent,
        "refused": refused,
        "names": [(name, SIGNS[name][0]) for name in FAULTS],
        "minutes": DEFAULT_MINUTES,
        "longest": MAX_MINUTES,
        "list_platforms": _platforms(lists),
        "job_platforms": _platforms(jobs),
        "may_act": allows(request.actor, ACT),
        "now": clock.now(),
    }
    return render_page(request, PAGE, context, status=422 if refused else 200)


def _platforms(rows: QuerySet[Any]) -> list[tuple[str, str]]:
    return list(rows.order_by("platform__name").values_list("platform__key", "platform__name").distinct())


@require_action("local.demo_view")
def panel(request: AuthorizedRequest) -> HttpResponse:
    """Every fault with its state, and what else can be tried."""
    return _page(request)


@require_action("local.demo_view")
def outbox(request: AuthorizedRequest) -> HttpResponse:
    """The mails that the demo's sink received, latest first."""
    mails = sink_mails(MAILS_SHOWN)
    rows = [(mail, datetime.fromisoformat(mail.received_at)) for mail in mails]
    return render_page(request, "local/demo_outbox.html", {"rows": rows, "shown": MAILS_SHOWN})


@require_action(ACT, methods=("POST",))
def fault_start_action(request: AuthorizedRequest) -> HttpResponse:
    """Switch a fault on at the simulator."""
    form = FaultForm(request.POST)
    if not form.is_valid():
        return _page(request, refused=f"Choose one of the faults and 1 to {MAX_MINUTES} minutes; nothing was changed.")
    name = form.cleaned_data["name"]
    platform_for(ACT, request.actor, FAULTS[name])
    try:
        _control().start_fault(name, minutes=form.cleaned_data["minutes"])
    except ControlError as error:
        return _page(request, refused=str(error))
    return redirect_or_fragment(request, reverse("local:panel"))


@require_action(ACT, methods=("POST",))
def heal_action(request: AuthorizedRequest) -> HttpResponse:
    """End every fault at the simulator."""
    try:
        _control().heal()
    except ControlError as error:
        return _page(request, refused=str(error))
    return redirect_or_fragment(request, reverse("local:panel"))


@require_action(ACT, methods=("POST",))
def checklist_action(request: AuthorizedRequest) -> HttpResponse:
    """Open the platform's next list for this minute, and show it."""
    form = PlatformForm(request.POST)
    if not form.is_valid():
        return _page(request, refused="Choose a platform; nothing was changed.")
    platform = platform_for(ACT, request.actor, form.cleaned_data["platform"])
    try:
        run = checklist_open(at=clock.now(), platform=platform.key)
    except ChecklistTemplate.DoesNotExist:
        return _page(request, refused=f"{platform.name} has no list; nothing was changed.")
    except ListsOpenError as error:
        return _page(request, refused=f"{error} Nothing was changed.")
    return redirect_or_fragment(request, reverse("maintenance:checklist-run", args=[run.pk]))


@require_action(ACT, methods=("POST",))
def window_action(request: AuthorizedRequest) -> HttpResponse:
    """Open the platform's job window now, and show it: its plan waits for another person."""
    form = PlatformForm(request.POST)
    if not form.is_valid():
        return _page(request, refused="Choose a platform; nothing was changed.")
    platform = platform_for(ACT, request.actor, form.cleaned_data["platform"])
    try:
        occurrence = window_open_now(at=clock.now(), platform=platform.key)
    except Job.DoesNotExist:
        return _page(request, refused=f"{platform.name} has no job; nothing was changed.")
    except (DatabaseTargetError, BlockedAddressError, PlanRefusedError) as error:
        return _page(request, refused=f"The job cannot be planned: {error}")
    return redirect_or_fragment(request, reverse("maintenance:window", args=[occurrence.pk]))
