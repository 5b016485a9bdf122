"""Posts: silences."""

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse

from monitoring.forms.accounts import SHORT_SILENCE, SilenceForm
from monitoring.models import Alarm, Silence
from monitoring.services.marks import silence_end, silence_put
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import DeniedError, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent


@require_action("monitoring.silence_set", methods=READ_WRITE)
@idempotent
def silence(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Let one alarm call nobody for a while; an operator for two hours at most."""
    rows = Alarm.objects.visible_to(request.actor).select_related("platform", "service")
    alarm = permitted(request.actor, "monitoring.silence_set", rows, pk=pk)
    form = SilenceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        length = timedelta(minutes=form.cleaned_data["minutes"])
        if length > SHORT_SILENCE and request.actor.has_role(alarm.platform_id, "operator"):
            raise DeniedError("monitoring.silence_set", "An operator may silence for two hours at most.")
        at = now()
        silence_put(
            by=request.actor, at=at, platform=alarm.platform, service=alarm.service, alarm=alarm, starts_at=at,
            ends_at=at + length, reason=form.cleaned_data["reason"],
        )  # fmt: skip
        messages.success(request, f"{alarm.name} calls nobody for {form.cleaned_data['minutes']} minutes.")
        return redirect_or_fragment(request, reverse("monitoring:alarm", args=[alarm.pk]))
    status = 422 if request.method == "POST" else 200
    return render_page(request, "monitoring/silence_new.html", {"alarm": alarm, "form": form}, status=status)


@require_action("monitoring.silence_end", methods=("POST",))
@idempotent
def silence_end_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """End a silence now."""
    found = permitted(request.actor, "monitoring.silence_end", Silence.objects.visible_to(request.actor), pk=pk)
    form = VersionedForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The form did not say which silence you looked at: open the page again.")
    silence_end(by=request.actor, at=now(), silence=found, expected=form.cleaned_data["version"])
    messages.success(request, "The silence is over.")
    return redirect_or_fragment(request, reverse("monitoring:alarms"))
