"""Plans: the list, one plan, and the word of another person on it."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import allows, authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
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
    }


@require_action("plans.plan_decide", methods=("POST",))
def plan_decide_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Approve or reject the plan whose hash the form carries."""
    plan = get_object_or_404(plans(request.actor), pk=pk)
    authorize(request.actor, "plans.plan_decide", plan)
    form = DecisionForm(request.POST)
    refused = "Choose approve or reject; a rejection needs a reason. Nothing was changed."
    if form.is_valid():
        try:
            plan_decide(
                by=request.actor,
                at=clock.now(),
                plan=plan,
                verdict=Approval.Verdict(form.cleaned_data["verdict"]),
                seen_hash=form.cleaned_data["content_hash"],
                expected=form.cleaned_data["version"],
                reason=form.cleaned_data["reason"],
            )
            return redirect_or_fragment(request, reverse("plans:plan", args=[pk]))
        except PlanRefusedError as error:
            refused = str(error)
    plan.refresh_from_db()
    said = {"refused": refused, "reason": clean_text(request.POST.get("reason", ""))}
    return render_page(request, PAGE, _context(request, plan) | said, status=422)


@require_action("plans.plan_break_glass", methods=("POST",))
def plan_break_glass_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Approve one's own plan alone, in an open incident of the highest severity that one commands."""
    plan = get_object_or_404(plans(request.actor), pk=pk)
    authorize(request.actor, "plans.plan_break_glass", plan)
    form = SeenForm(request.POST)
    refused = "Say why nobody else can decide in time. Nothing was changed."
    if form.is_valid():
        try:
            plan_break_glass(
                by=request.actor,
                at=clock.now(),
                plan=plan,
                seen_hash=form.cleaned_data["content_hash"],
                expected=form.cleaned_data["version"],
                reason=form.cleaned_data["reason"],
            )
            return redirect_or_fragment(request, reverse("plans:plan", args=[pk]))
        except PlanRefusedError as error:
            refused = str(error)
    plan.refresh_from_db()
    said = {"refused": refused, "glass_reason": clean_text(request.POST.get("reason", ""))}
    return render_page(request, PAGE, _context(request, plan) | said, status=422)
