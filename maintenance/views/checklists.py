"""The list of runs and the page of one run."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from maintenance.forms import HandOverForm, NoteForm, ReasonForm, VersionForm
from maintenance.models import ChecklistItem, ChecklistRun, HandOver, RunState
from maintenance.selectors import checklist_runs, recent_runs_of, run_items, run_progress, sections
from maintenance.services.checklists import (
    ItemAnsweredError,
    evidence_request,
    item_note,
    item_set_aside,
    item_tick,
    item_untick,
)
from maintenance.services.hand_over import hand_over_draft, hand_over_save
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page, wants_fragment
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform

LIST = "maintenance/checklist_list.html"
RUN = "maintenance/checklist_run.html"
PAGE_SIZE: Final = 50


@require_action("maintenance.checklist_view")
@revalidated
def checklist_list(request: AuthorizedRequest) -> HttpResponse:
    """Open lists first, then the past, newest first."""
    runs = checklist_runs(request.actor)
    platform = selected_platform(request)
    if platform is not None:
        runs = runs.filter(platform_id=platform.pk)
    state = request.GET.get("state", "")
    if state in RunState.values:
        runs = runs.filter(state=state)
    page = keyset_page(runs, order=("-slot_at", "-id"), cursor=request.GET.get("cursor"), size=PAGE_SIZE)
    return render_page(request, LIST, {"page": page, "state": state, "states": RunState.choices}, fragment="rows")


@require_action("maintenance.checklist_view")
def checklist_run(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One run: items with their evidence, the selected item beside them, the hand-over note."""
    run = get_object_or_404(checklist_runs(request.actor).select_related("template"), pk=pk)
    return render_page(request, RUN, _context(request, run), fragment=_fragment(request))


def _fragment(request: AuthorizedRequest) -> str:
    return "beside" if request.GET.get("part") == "beside" else "items"


def _context(
    request: AuthorizedRequest, run: ChecklistRun, *, item: int | str = "", lost: ItemAnsweredError | None = None
) -> dict[str, object]:
    items = run_items(run)
    wanted = str(item or request.GET.get("item", ""))
    selected = next((item for item in items if str(item.pk) == wanted), None)
    note = HandOver.objects.filter(run=run).select_related("author").order_by("-pk").first()
    return {
        "run": run,
        "sections": sections(items),
        "progress": run_progress(items),
        "selected": selected,
        "events": list(selected.events.select_related("by_user", "evidence").order_by("-pk")[:20]) if selected else [],
        "note": note,
        "draft": note.body if note and note.signed_at is None else hand_over_draft(run),
        "history": recent_runs_of(run),
        "may_tick": allows(request.actor, "maintenance.item_answer", run),
        "may_read_logs": allows(request.actor, "incidents.log_sample", run),
        "may_declare": allows(request.actor, "incidents.incident_declare", run),
        "lost": lost,
        "unsaved": "",
        "wrong": {},
        "sent": {},
    }


def _item(request: AuthorizedRequest, pk: int) -> ChecklistItem:
    items = ChecklistItem.objects.visible_to(request.actor).select_related("run")
    return permitted(request.actor, "maintenance.item_answer", items, pk=pk)


def _answered(request: AuthorizedRequest, item: ChecklistItem, toast: str = "") -> HttpResponse:
    url = reverse("maintenance:checklist-run", args=[item.run_id])
    if not wants_fragment(request):
        return redirect_or_fragment(request, f"{url}?item={item.pk}#checklist-item-{item.pk}")
    run = get_object_or_404(checklist_runs(request.actor).select_related("template"), pk=item.run_id)
    return redirect_or_fragment(
        request, url, template=RUN, fragment="items", context=_context(request, run), toast=toast
    )


def _lost(request: AuthorizedRequest, error: ItemAnsweredError, unsaved: str = "") -> HttpResponse:
    run = get_object_or_404(checklist_runs(request.actor).select_related("template"), pk=error.item.run_id)
    return render_page(
        request, RUN, _context(request, run, lost=error) | {"unsaved": unsaved}, fragment="items", status=409
    )


@require_action("maintenance.item_answer", methods=("POST",))
def item_tick_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Tick; whoever comes second is told who was first and when."""
    item, form = _item(request, pk), VersionForm(request.POST)
    if not form.is_valid():
        return _invalid(request, item, form)
    try:
        item_tick(by=request.actor, at=clock.now(), item=item, expected=form.cleaned_data["version"])
    except ItemAnsweredError as error:
        return _lost(request, error)
    return _answered(request, item)


@require_action("maintenance.item_answer", methods=("POST",))
def item_set_aside_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Not applicable, with a reason."""
    item, form = _item(request, pk), ReasonForm(request.POST)
    if not form.is_valid():
        return _invalid(request, item, form)
    try:
        item_set_aside(
            by=request.actor,
            at=clock.now(),
            item=item,
            expected=form.cleaned_data["version"],
            reason=form.cleaned_data["reason"],
        )
    except ItemAnsweredError as error:
        return _lost(request, error, form.cleaned_data["reason"])
    return _answered(request, item)


@require_action("maintenance.item_answer", methods=("POST",))
def item_untick_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Open again, with a reason."""
    item, form = _item(request, pk), ReasonForm(request.POST)
    if not form.is_valid():
        return _invalid(request, item, form)
    item_untick(
        by=request.actor,
        at=clock.now(),
        item=item,
        expected=form.cleaned_data["version"],
        reason=form.cleaned_data["reason"],
    )
    return _answered(request, item)


@require_action("maintenance.item_answer", methods=("POST",))
def item_note_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Write the item's note."""
    item, form = _item(request, pk), NoteForm(request.POST)
    if not form.is_valid():
        return _invalid(request, item, form)
    item_note(
        by=request.actor,
        at=clock.now(),
        item=item,
        expected=form.cleaned_data["version"],
        note=form.cleaned_data["note"],
    )
    return _answered(request, item, toast="Note saved.")


def _invalid(request: AuthorizedRequest, item: ChecklistItem, form: VersionForm) -> HttpResponse:
    context = _context(request, item.run, item=item.pk) | _refusal(form)
    return render_page(request, RUN, context, fragment="beside", status=422)


def _refusal(form: VersionForm) -> dict[str, object]:
    """What is wrong by field, and what was sent: nobody types it twice."""
    wrong = {name: " ".join(map(str, errors)) for name, errors in form.errors.items()}
    refused = "The page was incomplete: open it again." if "version" in wrong else "Your text is still here."
    return {"wrong": wrong, "sent": form.data, "refused": refused}


@require_action("maintenance.checklist_collect", methods=("POST",))
def evidence_request_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Ask AWS again."""
    run = permitted(request.actor, "maintenance.checklist_collect", checklist_runs(request.actor), pk=pk)
    evidence_request(by=request.actor, at=clock.now(), run=run)
    return redirect_or_fragment(request, reverse("maintenance:checklist-run", args=[pk]))


@require_action("maintenance.hand_over_write", methods=("POST",))
def hand_over_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Save the hand-over note, or sign it at the pause point."""
    rows = checklist_runs(request.actor).select_related("template")
    run = permitted(request.actor, "maintenance.hand_over_write", rows, pk=pk)
    form = HandOverForm(request.POST)
    if not form.is_valid():
        context = _context(request, run) | _refusal(form)
        return render_page(request, RUN, context, fragment="beside", status=422)
    hand_over_save(
        by=request.actor,
        at=clock.now(),
        run=run,
        body=form.cleaned_data["body"],
        expected=form.cleaned_data["version"],
        sign="sign" in request.POST,
    )
    return redirect_or_fragment(request, reverse("maintenance:checklist-run", args=[pk]))
