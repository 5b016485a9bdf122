"""Retrospectives, tech talks, learnings of the week: one document for each span of days."""

from datetime import timedelta

from django.http import HttpResponse

from incidents.errors import IncidentError
from incidents.forms.retrospectives import CloseForm, LookBackForm, RetrospectiveForm
from incidents.models import Retrospective
from incidents.selectors.learning import retrospective_of
from incidents.services import retrospective_close, retrospective_open, retrospective_write
from incidents.views.shared import now
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.gate import allows, authorize, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.pagination import Page, keyset_page
from opsportal.core.shell import selected_platform

VIEW, EDIT = "incidents.retrospective_view", "incidents.retrospective_write"


def _load(request: AuthorizedRequest, pk: int, action: str) -> Retrospective:
    row = retrospective_of(request.actor, pk)
    authorize(request.actor, action, row)
    return row


@require_action(VIEW)
def retrospective_list(request: AuthorizedRequest) -> HttpResponse:
    """All of them, the latest days first."""
    platform = selected_platform(request)
    rows = Retrospective.objects.visible_to(request.actor).of_platform(platform.pk if platform else None)
    page: Page[Retrospective] = keyset_page(
        rows.select_related("platform", "closed_by"),
        order=("-ends_on", "-pk"),
        cursor=request.GET.get("cursor"),
        size=50,
    )
    context = {"page": page, "may_write": allows(request.actor, EDIT)}
    return render_page(request, "incidents/retrospective_list.html", context)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def retrospective_new(request: AuthorizedRequest) -> HttpResponse:
    """Open the first of a series; the next ones open by themselves."""
    at = now()
    initial = {"starts_on": (at - timedelta(days=14)).date()}
    form, status = (
        LookBackForm(request.POST or None, initial=initial, platform_ids=platforms_where(request.actor, EDIT)),
        200,
    )
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            authorize(request.actor, EDIT, data["platform"])
            try:
                row = retrospective_open(by=request.actor, at=at, **data)
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, row.url)
    return render_page(request, "incidents/retrospective_new.html", {"form": form, "key": new_key()}, status=status)


def _page(
    request: AuthorizedRequest, row: Retrospective, form: RetrospectiveForm | None = None, *, error: str = ""
) -> HttpResponse:
    names = ("well", "improve", "actions", "version")
    may_write = row.closed_at is None and allows(request.actor, EDIT, row)
    shown = form or RetrospectiveForm(initial={name: getattr(row, name) for name in names})
    lost = [
        (bound.label, bound.value()) for bound in form or () if not may_write and not bound.is_hidden and bound.value()
    ]
    context = {"row": row, "form": shown if may_write else None, "lost": lost, "error": error, "key": new_key()}
    return render_page(request, "incidents/retrospective_detail.html", context, status=422 if form or error else 200)


@require_action(VIEW)
def retrospective_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """What was said, beside the record; a form for those who may write."""
    return _page(request, _load(request, pk, VIEW))


@require_action(EDIT, methods=WRITE)
@idempotent
def retrospective_write_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Write it."""
    row, form = _load(request, pk, EDIT), RetrospectiveForm(request.POST)
    if not form.is_valid():
        return _page(request, row, form)
    data = form.cleaned_data
    try:
        retrospective_write(
            by=request.actor, at=now(), row=row, expected=data["version"], well=data["well"], improve=data["improve"],
            actions=data["actions"],
        )  # fmt: skip
    except IncidentError as error:
        return _page(request, row, form, error=str(error))
    return redirect_or_fragment(request, row.url)


@require_action(EDIT, methods=WRITE)
@idempotent
def retrospective_close_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """It was held."""
    row, form = _load(request, pk, EDIT), CloseForm(request.POST)
    if not form.is_valid():
        return _page(request, row, error="The form was incomplete: look again, then repeat it.")
    data = form.cleaned_data
    try:
        retrospective_close(by=request.actor, at=now(), row=row, expected=data["version"], is_last=data["is_last"])
    except IncidentError as error:
        return _page(request, row, error=str(error))
    return redirect_or_fragment(request, row.url)
