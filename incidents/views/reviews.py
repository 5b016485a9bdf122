"""The review of an incident, and action items."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from incidents import selectors
from incidents.choices import ActionPriority, ClockKind, EntryKind, ReviewState, StateChoice
from incidents.errors import IncidentError
from incidents.forms.reviews import ActionItemChangeForm, ActionItemForm, AnswerForm, SectionForm
from incidents.models import ActionItem, Incident, Review
from incidents.selectors.detail import ClockView
from incidents.selectors.drafting import unsaid, unsaid_of
from incidents.selectors.kept_texts import section_of
from incidents.selectors.learning import causes_of
from incidents.selectors.reviews import (
    action_ages,
    action_item,
    approvals_of,
    edition_of,
    editions_of,
    gaps_of,
    publication_notes,
    sections_of,
)
from incidents.selectors.signed import edition_record, record_of
from incidents.selectors.waves import waves_of
from incidents.services import (
    action_item_add,
    action_item_update,
    review_draft,
    review_publish,
    review_section_edit,
    review_send_back,
    review_submit,
)
from incidents.services.reviews import review_is_required
from incidents.views.shared import load, now
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import HiddenError, allows, authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform

STATES = (ReviewState.DRAFT, ReviewState.IN_REVIEW, ReviewState.PUBLISHED)


def _steps(review: Review) -> list[dict[str, str]]:
    present = STATES.index(ReviewState(review.state))
    return [
        {
            "label": state.label,
            "state": "current" if position == present and state != ReviewState.PUBLISHED
            else "done" if position <= present else "todo",
            "note": "",
        }
        for position, state in enumerate(STATES)
    ]  # fmt: skip


def _page(
    request: AuthorizedRequest,
    review: Review,
    *,
    error: str = "",
    action_form: ActionItemForm | None = None,
    status: int = 200,
) -> HttpResponse:
    at = now()
    record = record_of(request.actor, review, at)
    incident = record.incident
    sections = sections_of(review)
    may = {
        name: allows(request.actor, f"incidents.{name}", review)
        for name in ("review_edit", "review_submit", "review_publish", "review_send_back", "action_item_add")
    }
    chart_start, chart_end = selectors.chart_span(incident, at)
    approvals = approvals_of(review)
    context: dict[str, Any] = {
        "review": review,
        "record": record,
        "incident": incident,
        "clocks": [clock for clock in record.clocks if _ran(clock)],
        "now": at,
        "sections": sections,
        "unsaid": unsaid_of(review, incident, sections, record.waves),
        "causes": causes_of(review),
        "editions": editions_of(review),
        "steps": _steps(review),
        "due": [clock for clock in record.clocks if not _ran(clock)],
        "is_early": record.since is None
        and any(row.kind == EntryKind.LOG and row.occurred_at < incident.impact_started_at for row in record.entries),
        "gaps": gaps_of(incident, sections, record.items, record.waves),
        "approvals": approvals,
        "notes": publication_notes(approvals),
        "action_form": action_form or ActionItemForm(platform_id=incident.platform_id),
        "may": may,
        "error": error,
        "key": new_key(),
        "metrics": selectors.metrics_of(incident)[:2],
        "chart_start": chart_start,
        "chart_end": chart_end,
    }
    return render_page(request, "incidents/review_detail.html", context, status=status)


def _ran(clock: ClockView) -> bool:
    """Whether it is a result, not the clock of the review itself that still runs."""
    return clock.kind != ClockKind.REVIEW or clock.is_past


@require_action("incidents.review_view")
def review_detail(request: AuthorizedRequest, number: int) -> HttpResponse:
    """The review: text at the left, its evidence at the right; where there is none yet, what it waits for."""
    try:
        review = selectors.review_of(request.actor, number)
    except HiddenError:
        incident = load(request, number, "incidents.review_view")
        context = {"incident": incident, "heading": "No review yet", "text": _awaited(incident)}
        return render_page(request, "incidents/refused.html", context, status=404)
    return _page(request, review)


def _awaited(incident: Incident) -> str:
    if incident.is_open:
        return "It is drafted from the record when the incident is resolved."
    if incident.state == StateChoice.RESOLVED and review_is_required(incident):
        return (
            "It is being drafted from the record: within seconds, or some minutes when the last figures of its time are"
            " still to come. Load this page again."
        )
    return "None is due for an incident this mild; whoever responds may draft one on the incident's page."


@require_action("incidents.review_view")
def review_edition(request: AuthorizedRequest, number: int, version: int) -> HttpResponse:
    """A published version of a review as it was read and agreed, with the record it stood on."""
    review = selectors.review_of(request.actor, number)
    edition = edition_of(review, version)
    if edition is None:
        raise HiddenError("incidents.review_view")
    note = publication_notes(approvals_of(review)).get(edition.published_at, "")
    record = edition_record(request.actor, edition, now())
    context = {
        "review": review,
        "incident": record.incident if record is not None else review.incident,
        "edition": edition,
        "note": note,
        "record": record,
        "clocks": record.clocks if record is not None else [],
        "is_early": False,
    }
    return render_page(request, "incidents/review_edition.html", context)


@require_action("incidents.review_draft", methods=WRITE)
@idempotent
def review_draft_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Draft the review now, or go to the one there is."""
    incident = load(request, number, "incidents.review_draft")
    try:
        review = review_draft(by=request.actor, at=now(), incident=incident)
    except IncidentError as error:
        context = {"incident": incident, "heading": "No review yet", "text": str(error)}
        return render_page(request, "incidents/refused.html", context, status=422)
    return redirect_or_fragment(request, review.url)


@require_action("incidents.review_edit", methods=READ_WRITE)
@idempotent
def section_edit(request: AuthorizedRequest, number: int, key: str) -> HttpResponse:
    """Write one section."""
    review = selectors.review_of(request.actor, number)
    section = section_of(review, key)
    authorize(request.actor, "incidents.review_edit", section)
    posted = request.POST if request.method == "POST" else None
    form, status = SectionForm(posted, initial={"body": section.body, "version": section.version}), 200
    if posted is not None:
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                review_section_edit(
                    by=request.actor, at=now(), section=section, expected=data["version"], body=data["body"]
                )
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, f"{review.url}#section-{section.key}")
    context = {
        "review": review,
        "incident": review.incident,
        "section": section,
        "unsaid": unsaid(review.incident, section, waves_of(review.incident)),
        "form": form,
        "key": new_key(),
    }
    return render_page(request, "incidents/review_section.html", context, status=status)


def _answer(request: AuthorizedRequest, number: int, action: str, run: Any) -> HttpResponse:
    review = selectors.review_of(request.actor, number)
    authorize(request.actor, action, review)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, review, error="The form was incomplete: look again, then repeat it.", status=422)
    try:
        run(review, form.cleaned_data)
    except IncidentError as error:
        return _page(request, review, error=str(error), status=422)
    return redirect_or_fragment(request, review.url)


@require_action("incidents.review_submit", methods=WRITE)
@idempotent
def review_submit_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Ask for a second reader."""
    return _answer(
        request,
        number,
        "incidents.review_submit",
        lambda review, data: review_submit(by=request.actor, at=now(), review=review, expected=data["version"]),
    )


@require_action("incidents.review_publish", methods=WRITE)
@idempotent
def review_publish_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Read, agree, publish."""
    return _answer(
        request,
        number,
        "incidents.review_publish",
        lambda review, data: review_publish(
            by=request.actor, at=now(), review=review, expected=data["version"], note=data["note"]
        ),
    )


@require_action("incidents.review_send_back", methods=WRITE)
@idempotent
def review_send_back_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Send it back with a reason."""
    return _answer(
        request,
        number,
        "incidents.review_send_back",
        lambda review, data: review_send_back(
            by=request.actor, at=now(), review=review, expected=data["version"], note=data["note"]
        ),
    )


@require_action("incidents.action_item_add", methods=READ_WRITE)
@idempotent
def action_new(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Write down what is to be done after an incident."""
    incident = load(request, number, "incidents.action_item_add")
    posted = request.POST if request.method == "POST" else None
    form, status = ActionItemForm(posted, platform_id=incident.platform_id), 200
    if posted is not None:
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                action_item_add(
                    by=request.actor,
                    at=now(),
                    incident=incident,
                    title=data["title"],
                    kind=data["kind"] or "prevent",
                    owner_id=data["owner_id"],
                    due_date=data["due_date"],
                    priority=data["priority"] or ActionPriority.NORMAL,
                )
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                has_review = Review.objects.filter(incident=incident).exists()
                target = f"{incident.url}review/#actions" if has_review else f"{incident.url}?tab=related"
                return redirect_or_fragment(request, target)
    context = {"incident": incident, "form": form, "key": new_key()}
    return render_page(request, "incidents/action_new.html", context, status=status)


@require_action("incidents.action_item_view")
@revalidated
def action_list(request: AuthorizedRequest) -> HttpResponse:
    """Action items of all incidents on one board."""
    at = now()
    platform = selected_platform(request)
    view = request.GET.get("view", "")
    page = selectors.action_page(
        request.actor,
        platform_id=platform.pk if platform else None,
        view=view,
        at=at,
        cursor=request.GET.get("cursor"),
    )
    labels = (
        ("", "Unfinished"),
        ("overdue", "Overdue"),
        ("urgent", "High priority"),
        ("mine", "Mine"),
        ("unowned", "No owner"),
        ("finished", "Finished"),
    )
    views = [
        {"label": label, "href": f"?view={key}" if key else "?", "current": view == key, "count": None}
        for key, label in labels
    ]
    ages = action_ages(request.actor, platform_id=platform.pk if platform else None, at=at)
    context = {"page": page, "views": views, "view": view, "now": at, "ages": ages}
    return render_page(request, "incidents/action_list.html", context, fragment="rows")


@require_action("incidents.action_item_view")
def action_detail(request: AuthorizedRequest, number: int) -> HttpResponse:
    """One action item: owner, date, state, and what shows that it is done; a form for those who may change it."""
    item = action_item(request.actor, number)
    initial = {
        "version": item.version,
        "state": item.state,
        "owner_id": item.owner_id,
        "due_date": item.due_date,
        "evidence": item.evidence,
        "priority": item.priority,
    }
    return _item_page(request, item, ActionItemChangeForm(initial=initial, platform_id=item.platform_id))


def _item_page(
    request: AuthorizedRequest, item: ActionItem, form: ActionItemChangeForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "item": item,
        "form": form if allows(request.actor, "incidents.action_item_change", item) else None,
        "now": now(),
        "key": new_key(),
    }
    return render_page(request, "incidents/action_detail.html", context, status=status)


@require_action("incidents.action_item_change", methods=WRITE)
@idempotent
def action_item_update_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Owner, date, state, and what shows that it is done."""
    item = action_item(request.actor, number)
    authorize(request.actor, "incidents.action_item_change", item)
    form = ActionItemChangeForm(request.POST, platform_id=item.platform_id)
    if form.is_valid():
        data = form.cleaned_data
        try:
            action_item_update(
                by=request.actor,
                at=now(),
                item=item,
                expected=data["version"],
                state=data["state"],
                owner_id=data["owner_id"],
                due_date=data["due_date"],
                evidence=data["evidence"],
                priority=data["priority"],
            )
        except IncidentError as error:
            form.add_error(None, str(error))
        else:
            return redirect_or_fragment(request, reverse("incidents:actions"))
    return _item_page(request, item, form, status=422)
