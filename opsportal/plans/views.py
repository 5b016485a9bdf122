"""Plans: the list, one plan, and the word of another person on it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page, wants_fragment
from opsportal.core.markdown import clean_text
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform
from opsportal.plans.forms import DecisionForm, SeenForm
from opsportal.plans.models import Approval, Plan
from opsportal.plans.selectors import plans
from opsportal.plans.services import PlanRefusedError, plan_break_glass, plan_decide
from opsportal.plans.subjects import find_subject

LIST = "plans/plan_list.html"
PAGE = "plans/plan_detail.html"
Seen = dict[str, Any]


@require_action("plans.plan_view")
@revalidated
def plan_list(request: AuthorizedRequest) -> HttpResponse:
    """Newest first."""
    rows = plans(request.actor)
    platform = selected_platform(request)
    if platform is not None:
        rows = rows.filter(platform_id=platform.pk)
    page = keyset_page(rows, order=("-requested_at", "-id"), cursor=request.GET.get("cursor"), size=50)
    return render_page(request, LIST, {"page": page, "now": clock.now()})


@require_action("plans.plan_view")
def plan_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The calls, their targets and effect; the approvals; live progress."""
    plan = get_object_or_404(plans(request.actor), pk=pk)
    return render_page(request, PAGE, _context(request, plan), fragment="steps")


def _context(request: AuthorizedRequest, plan: Plan) -> dict[str, object]:
    return {
        "plan": plan,
        "calls": list(plan.calls.order_by("position")),
        "approvals": list(plan.approvals.select_related("by_user").order_by("pk")),
        "subject": find_subject(request.actor, plan.subject),
        "is_mine": plan.requested_by_id is not None and plan.requested_by_id == request.actor.user_id,
        "may_decide": allows(request.actor, "plans.plan_decide", plan),
        "may_break_glass": plan.requested_by_id == request.actor.user_id
        and allows(request.actor, "plans.plan_break_glass", plan),
        "now": clock.now(),
        "is_part": wants_fragment(request),
    }


@require_action("plans.plan_decide", methods=("POST",))
def plan_decide_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Approve or reject the plan whose hash the form carries."""

    def decide(plan: Plan, seen: Seen) -> object:
        verdict = Approval.Verdict(seen.pop("verdict"))
        return plan_decide(by=request.actor, at=clock.now(), plan=plan, verdict=verdict, **_seen(seen))

    form = DecisionForm(request.POST)
    refusal = "Choose approve or reject; a rejection needs a reason. Nothing was changed."
    return _decided(request, pk, "plans.plan_decide", form=form, decide=decide, refusal=refusal, kept_as="reason")


@require_action("plans.plan_break_glass", methods=("POST",))
def plan_break_glass_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Approve one's own plan alone, in an open incident of the highest severity that one commands."""

    def decide(plan: Plan, seen: Seen) -> object:
        return plan_break_glass(by=request.actor, at=clock.now(), plan=plan, **_seen(seen))

    form = SeenForm(request.POST)
    refusal = "Say why nobody else can decide in time. Nothing was changed."
    action = "plans.plan_break_glass"
    return _decided(request, pk, action, form=form, decide=decide, refusal=refusal, kept_as="glass_reason")


def _seen(values: Seen) -> dict[str, Any]:
    """What was on the screen, as the services take it."""
    return {"seen_hash": values["content_hash"], "expected": values["version"], "reason": values["reason"]}


def _decided(
    request: AuthorizedRequest,
    pk: int,
    action: str,
    *,
    form: SeenForm,
    decide: Callable[[Plan, Seen], object],
    refusal: str,
    kept_as: str,
) -> HttpResponse:
    """A word on a plan: its page again, or 422 with why nothing came of it and the typed reason kept."""
    plan = permitted(request.actor, action, plans(request.actor), pk=pk)
    if form.is_valid():
        try:
            decide(plan, form.cleaned_data)
            return redirect_or_fragment(request, reverse("plans:plan", args=[pk]))
        except PlanRefusedError as error:
            refusal = str(error)
    plan.refresh_from_db()
    said = {"refused": refusal, kept_as: clean_text(request.POST.get("reason", ""))}
    return render_page(request, PAGE, _context(request, plan) | said, status=422)
