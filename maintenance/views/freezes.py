"""A change freeze by a button: begun with a reason and an end, ended with a reason."""

from typing import Final

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse

from maintenance.forms import FreezeForm, ReasonForm
from maintenance.models import WindowOccurrence
from maintenance.services.freezes import freeze_begin, freeze_end
from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.gate import authorize, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.refusals import RefusedError

SET: Final = "maintenance.freeze_set"


@require_action(SET, methods=READ_WRITE)
@idempotent
def freeze_new(request: AuthorizedRequest) -> HttpResponse:
    """Freeze a platform or a service; `?what=service-7&reason=…` as a page that suggests one offers it."""
    offered = platforms_where(request.actor, SET)
    initial = {name: request.GET.get(name, "") for name in ("what", "reason")}
    form = FreezeForm(request.POST or None, actor=request.actor, platform_ids=offered, initial=initial)
    if request.method == "POST" and form.is_valid():
        platform, service = form.target
        authorize(request.actor, SET, platform)
        try:
            occurrence = freeze_begin(
                by=request.actor, at=clock.now(), platform=platform, service=service,
                reason=form.cleaned_data["reason"], ends_at=form.cleaned_data["ends_at"],
            )  # fmt: skip
        except RefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Changes are frozen; every page of it says so until the freeze ends.")
            return redirect_or_fragment(request, reverse("maintenance:window", args=[occurrence.pk]))
    context = {"form": form, "key": request.POST.get("idempotency_key") or new_key()}
    return render_page(request, "maintenance/freeze_new.html", context, status=422 if request.method == "POST" else 200)


@require_action(SET, methods=("POST",))
@idempotent
def freeze_end_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Let changes go on, with a reason."""
    rows = WindowOccurrence.objects.visible_to(request.actor).select_related("window", "platform")
    occurrence: WindowOccurrence = permitted(request.actor, SET, rows, pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise BadRequest("Say why the freeze ends; nothing was changed.")
    try:
        freeze_end(
            by=request.actor, at=clock.now(), occurrence=occurrence, expected=form.cleaned_data["version"],
            reason=form.cleaned_data["reason"],
        )  # fmt: skip
    except RefusedError as error:
        raise BadRequest(str(error)) from error
    messages.success(request, "The freeze is over.")
    return redirect_or_fragment(request, reverse("maintenance:window", args=[pk]))
