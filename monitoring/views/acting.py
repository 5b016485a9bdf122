"""Asking for an action: choose one, say on what, read what will happen; the answer is a plan for another person."""

from functools import partial
from typing import Final

from django.http import Http404, HttpResponse
from django.urls import reverse

from monitoring.actions.base import NO_ACT_ROLE
from monitoring.actions.requests import ACTIONS, action_request, request_url
from monitoring.models import AwsAccount
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform
from opsportal.plans.models import Plan
from opsportal.plans.services import PlanRefusedError
from opsportal.plans.subjects import Subject, find_subject
from opsportal.platforms.models import Platform

TEMPLATE: Final = "monitoring/act.html"
REQUEST: Final = "plans.plan_request"


@require_action(REQUEST, methods=READ_WRITE)
@idempotent
def act(request: AuthorizedRequest) -> HttpResponse:
    """Choose an action; with `action` its form; posted, the plan."""
    sent = request.POST if request.method == "POST" else request.GET
    name = sent.get("subject", "")
    subject = find_subject(request.actor, name)
    if name and subject is None:
        raise Http404
    platform = _platform(request, subject, sent.get("platform", ""))
    context: dict[str, object] = {
        "platform": platform,
        "subject": subject,
        "refused": "",
        "no_role": "",
        "action": None,
    }
    context["key"] = new_key()
    if platform is None:
        return render_page(request, TEMPLATE, context)
    authorize(request.actor, REQUEST, Plan(platform_id=platform.pk))
    action = ACTIONS.get(sent.get("action", ""))
    where = partial(request_url, platform=platform.key, subject=subject.name if subject else "")
    context["actions"] = [(row, where(action=row.key)) for row in ACTIONS.values()]
    context |= {"no_role": _without_act_role(platform), "choose": where(), "action": action}
    if action is None:
        return render_page(request, TEMPLATE, context)
    if request.method != "POST":
        values = {key: value for key, value in request.GET.items() if key in action.form.base_fields}
        form = action.form(initial=values, platform=platform)
        return render_page(request, TEMPLATE, context | {"form": form}, fragment="ask")
    form = action.form(request.POST, platform=platform)
    refused = ""
    if form.is_valid():
        try:
            plan = action_request(
                by=request.actor,
                at=now(),
                platform=platform,
                action=action,
                form=form,
                subject=subject.name if subject else "",
            )
            return redirect_or_fragment(request, reverse("plans:plan", args=[plan.pk]))
        except PlanRefusedError as refusal:
            refused = str(refusal)
    return render_page(request, TEMPLATE, context | {"form": form, "refused": refused}, fragment="ask", status=422)


def _platform(request: AuthorizedRequest, subject: Subject | None, key: str) -> Platform | None:
    rows = Platform.objects.filter(pk__in=request.actor.platform_ids)
    if subject is not None:
        return Platform.objects.get(pk=subject.platform_id)
    chosen = selected_platform(request)
    found: Platform | None = rows.filter(key=key or (chosen.key if chosen else "")).first()
    return found


def _without_act_role(platform: Platform) -> str:
    """Which accounts of the platform nothing can be changed in."""
    rows = AwsAccount.objects.filter(sources__platform=platform, enabled=True, act_role_arn="").order_by("pk")
    return " ".join(NO_ACT_ROLE.format(account=row) for row in rows)
