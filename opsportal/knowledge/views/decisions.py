"""The list of decisions with one of them beside it, and the forms that write one."""

from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.utils.timezone import localdate

from opsportal.core import clock, shell
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.freshness import revalidated
from opsportal.core.gate import allows, authorize, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.markdown import clean_text
from opsportal.core.pagination import Page, keyset_page
from opsportal.knowledge.forms import DecisionChangeForm, DecisionForm
from opsportal.knowledge.models import Decision, DecisionStatus
from opsportal.knowledge.selectors.decisions import (
    DECISION_ORDER,
    consequences_of,
    status_counts,
    successors_of,
    visible_decisions,
)
from opsportal.knowledge.services import decisions
from opsportal.knowledge.services.decisions import SECTIONS, DecisionError, decision_add
from opsportal.knowledge.views.shared import platform_to_write

VIEW, WRITE = "knowledge.decision_view", "knowledge.decision_write"
FORM: Final = "knowledge/decision_edit.html"


@require_action(VIEW)
@revalidated
def decision_list(request: AuthorizedRequest) -> HttpResponse:
    """All decisions; the first one stands open beside the list."""
    return _page(request, None)


@require_action(VIEW)
def decision_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One decision, with the list beside it."""
    rows = Decision.objects.visible_to(request.actor).select_related("platform", "supersedes")
    decision = permitted(request.actor, VIEW, rows, pk=pk)
    return _page(request, decision)


@require_action(WRITE, methods=READ_WRITE)
@idempotent
def decision_new(request: AuthorizedRequest) -> HttpResponse:
    """Write down a decision of the chosen platform; `?supersedes=` names the one it takes the place of."""
    platform, platforms = platform_to_write(request, WRITE)
    earlier = bounded_int(request.GET.get("supersedes", ""))
    replaced = Decision.objects.visible_to(request.actor).filter(pk=earlier or 0).select_related("platform").first()
    if replaced is not None and request.method != "POST":
        authorize(request.actor, WRITE, replaced)
        platform = replaced.platform
    form = DecisionForm(request.POST or None, platform=platform, initial={"supersedes": replaced})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            at = clock.now()
            try:
                decision = decision_add(
                    by=request.actor, at=at, day=localdate(at), platform=platform, values=form.cleaned_data
                )
            except DecisionError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"{decision.label} is recorded.")
                return redirect_or_fragment(request, decision.get_absolute_url())
    context = {
        "form": form,
        "platform": platform,
        "platforms": [(row.key, row.name) for row in platforms],
        "decision": None,
        "key": new_key(),
    }
    return render_page(request, FORM, context, status=status)


@require_action(WRITE, methods=READ_WRITE)
@idempotent
def decision_edit(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change a decision that is still proposed, or decide it."""
    rows = Decision.objects.visible_to(request.actor).select_related("platform")
    decision = permitted(request.actor, WRITE, rows, pk=pk)
    if not decision.is_open and request.method != "POST":  # what was typed is kept, below
        messages.warning(request, f"{decision.label} stands as it was decided; a new decision may supersede it.")
        return redirect_or_fragment(request, decision.get_absolute_url())
    names = ("title", "status", "supersedes", *SECTIONS)
    form = DecisionChangeForm(
        request.POST or None,
        platform=decision.platform,
        present=decision,
        initial={name: getattr(decision, name) for name in names},
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            at, values = clock.now(), form.cleaned_data
            expected = values.pop("version")
            try:
                decisions.decision_edit(
                    by=request.actor, at=at, day=localdate(at), decision=decision, expected=expected, values=values
                )  # fmt: skip
            except DecisionError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "Saved.")
                return redirect_or_fragment(request, decision.get_absolute_url())
    context = {
        "form": form,
        "platform": decision.platform,
        "platforms": [],
        "decision": decision,
        "version": request.POST.get("version", decision.version),
        "key": new_key(),
    }
    return render_page(request, FORM, context, status=status)


def _page(request: AuthorizedRequest, decision: Decision | None) -> HttpResponse:
    platform = shell.selected_platform(request)
    platform_id = platform.pk if platform else None
    status = request.GET.get("status", "")
    status = status if status in DecisionStatus.values else ""
    text = clean_text(request.GET.get("q", ""))[:80].strip()
    page: Page[Decision] = keyset_page(
        visible_decisions(request.actor, platform_id=platform_id, status=status, text=text),
        order=DECISION_ORDER,
        cursor=request.GET.get("cursor"),
        size=100,
    )
    shown = decision or next(iter(page.rows), None)
    context = {
        "page": page,
        "decision": shown,
        "is_detail": decision is not None,
        "superseded_by": successors_of(shown) if shown else [],
        "may_write": allows(request.actor, WRITE, shown),
        "consequences": consequences_of(shown.consequences) if shown else None,
        "counts": status_counts(request.actor, platform_id=platform_id),
        "status": status,
        "text": text,
        "statuses": [("", "Any status"), *DecisionStatus.choices],
        "many_platforms": platform is None,
    }
    return render_page(request, "knowledge/decision_list.html", context, fragment="list")
