"""What people decide about objectives: a new version, time left out, what follows when the budget is spent."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse

from monitoring.forms.objectives import BudgetPolicyForm, ExclusionForm, PromiseForm, VoidForm
from monitoring.models import BudgetPolicy, Slo, SloExclusion, SloVersion
from monitoring.selectors.slo_policy import policies
from monitoring.services.exclusions import exclusion_approve, exclusion_put, exclusion_void
from monitoring.services.objectives import PROMISED, PromiseError, budget_policy_set, slo_promise
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.platforms.selectors import platform_for


@require_action("monitoring.slo_change", methods=READ_WRITE)
@idempotent
def slo_change(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A new version of a promise: first what would differ, then, said so, saved."""
    rows = Slo.objects.visible_to(request.actor).select_related("platform")
    slo = permitted(request.actor, "monitoring.slo_change", rows, pk=pk, enabled=True)
    at = now()
    last = slo.versions.order_by("-number").first()
    form = PromiseForm(request.POST or None, initial=PromiseForm.initial_of(last, row_version=slo.version, at=at))
    changes: list[tuple[str, Any, Any]] = []
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in PROMISED}
        changes = _changes(last, values)
        if request.POST.get("sure") == "yes":
            try:
                version = slo_promise(
                    by=request.actor, at=at, slo=slo, expected=form.cleaned_data["version"], values=values,
                    effective_from=form.cleaned_data["effective_from"],
                )  # fmt: skip
            except PromiseError as error:
                form.add_error(None, str(error))
            else:
                messages.success(
                    request, f"Version {version.number} holds from {version.effective_from:%Y-%m-%d %H:%M} UTC."
                )
                return redirect_or_fragment(request, reverse("monitoring:slo", args=[slo.pk]))
        elif not changes:
            form.add_error(None, "Nothing differs from the version that holds.")
    context = {"slo": slo, "form": form, "changes": changes if form.is_valid() else [], "last": last}
    return render_page(request, "monitoring/slo_change.html", context, status=422 if form.errors else 200)


def _changes(last: SloVersion | None, values: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Field, what holds, what would hold; of the indicator only that it differs, since it is below."""
    labels = {
        "objective": "Objective, %", "window_kind": "Budget window", "window_days": "Days", "zone": "Zone",
        "indicator": "What is counted",
    }  # fmt: skip
    held = {name: getattr(last, name) if last is not None else None for name in PROMISED}
    return [(labels[name], held[name], values[name]) for name in PROMISED if held[name] != values[name]]


@require_action("monitoring.slo_exclusion_set", methods=READ_WRITE)
@idempotent
def exclusion(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Ask for a stretch of time to be left out of the adjusted figures of one objective."""
    rows = Slo.objects.visible_to(request.actor).select_related("platform")
    slo = permitted(request.actor, "monitoring.slo_exclusion_set", rows, pk=pk)
    form = ExclusionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        exclusion_put(
            by=request.actor, at=now(), platform=slo.platform, service=None, slo=slo,
            starts_at=form.cleaned_data["starts_at"], ends_at=form.cleaned_data["ends_at"],
            reason=form.cleaned_data["reason"],
        )  # fmt: skip
        messages.success(request, "Asked for. It counts once another person has approved it; raw figures never change.")
        return redirect_or_fragment(request, reverse("monitoring:slo", args=[slo.pk]))
    status = 422 if request.method == "POST" else 200
    return render_page(request, "monitoring/exclusion_new.html", {"slo": slo, "form": form}, status=status)


def _exclusion(request: AuthorizedRequest, pk: int, action: str) -> SloExclusion:
    rows = SloExclusion.objects.visible_to(request.actor).select_related("slo", "platform", "service", "requested_by")
    return permitted(request.actor, action, rows, pk=pk, voided_at=None)


def _home(found: SloExclusion) -> str:
    return reverse("monitoring:slo", args=[found.slo_id]) if found.slo_id else reverse("monitoring:slos")


@require_action("monitoring.slo_exclusion_approve", methods=("POST",))
@idempotent
def exclusion_approve_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Let an exclusion count: never by who asked for it."""
    found = _exclusion(request, pk, "monitoring.slo_exclusion_approve")
    form = VersionedForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The form did not say which exclusion you looked at: open the page again.")
    exclusion_approve(by=request.actor, at=now(), exclusion=found, expected=form.cleaned_data["version"])
    messages.success(request, "Approved: its time is left out of the adjusted figures.")
    return redirect_or_fragment(request, _home(found))


@require_action("monitoring.slo_exclusion_void", methods=READ_WRITE)
@idempotent
def exclusion_take_back(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Void an exclusion, or decline one that waits, with a reason; the row stays."""
    found = _exclusion(request, pk, "monitoring.slo_exclusion_void")
    form = VoidForm(request.POST or None, initial={"version": found.version})
    if request.method == "POST" and form.is_valid():
        exclusion_void(
            by=request.actor, at=now(), exclusion=found, reason=form.cleaned_data["reason"],
            expected=form.cleaned_data["version"],
        )  # fmt: skip
        messages.success(request, "The exclusion is void: its time counts.")
        return redirect_or_fragment(request, _home(found))
    status = 422 if request.method == "POST" else 200
    return render_page(request, "monitoring/exclusion_void.html", {"exclusion": found, "form": form}, status=status)


@require_action("monitoring.budget_policy_set", methods=READ_WRITE)
@idempotent
def budget_policy(request: AuthorizedRequest, key: str) -> HttpResponse:
    """What follows when a platform's budgets are spent."""
    platform = platform_for("monitoring.budget_policy_set", request.actor, key)
    row = BudgetPolicy.objects.filter(platform=platform).first()
    held = policies([platform.pk])[platform.pk]
    names = ("notice_at", "review_at", "freeze_at", "review_share")
    initial = {name: round(100 * getattr(held, name)) for name in names} | {"version": row.version if row else 0}
    form = BudgetPolicyForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in names}
        expected = form.cleaned_data["version"]
        budget_policy_set(by=request.actor, at=now(), platform=platform, expected=expected, values=values)
        messages.success(request, "The policy is kept.")
        return redirect_or_fragment(request, reverse("monitoring:slos"))
    context = {"platform": platform, "form": form, "policy": held}
    return render_page(
        request, "monitoring/budget_policy.html", context, status=422 if request.method == "POST" else 200
    )
