"""The cause chain of a review, one why at a time."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from incidents import selectors
from incidents.errors import IncidentError
from incidents.forms.reviews import CauseChangeForm, CauseForm
from incidents.models import Cause, Review
from incidents.services import cause_add, cause_change, cause_remove
from incidents.views.shared import now
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import VersionedForm, bounded_int
from opsportal.core.gate import authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key

EDIT = "incidents.review_edit"


def _review(request: AuthorizedRequest, number: int) -> Review:
    review = selectors.review_of(request.actor, number)
    authorize(request.actor, EDIT, review)
    return review


def _page(
    request: AuthorizedRequest, review: Review, form: CauseForm | CauseChangeForm, cause: Cause | None, status: int,
    parent: Cause | None = None, error: str = "",
) -> HttpResponse:  # fmt: skip
    context = {"review": review, "incident": review.incident, "form": form, "cause": cause, "parent": parent,
               "error": error, "key": new_key()}  # fmt: skip
    return render_page(request, "incidents/review_cause.html", context, status=status)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def cause_new(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Why did it happen, or why did `?under=` happen."""
    review = _review(request, number)
    under = bounded_int(request.GET.get("under", ""))
    parent = get_object_or_404(Cause.objects.select_related("parent"), pk=under, review=review) if under else None
    form, status = CauseForm(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                cause_add(by=request.actor, at=now(), review=review, parent=parent, **form.cleaned_data)
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, f"{review.url}#section-cause")
    return _page(request, review, form, None, status, parent)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def cause_edit(request: AuthorizedRequest, number: int, pk: int) -> HttpResponse:
    """Word a cause better."""
    review = _review(request, number)
    cause = get_object_or_404(Cause.objects.select_related("parent"), pk=pk, review=review)
    initial = {"text": cause.text, "kind": cause.kind, "version": cause.version}
    form, status = CauseChangeForm(request.POST or None, initial=initial), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                cause_change(
                    by=request.actor, at=now(), cause=cause, expected=data["version"], kind=data["kind"],
                    text=data["text"],
                )  # fmt: skip
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, f"{review.url}#section-cause")
    return _page(request, review, form, cause, status, cause.parent)


@require_action(EDIT, methods=WRITE)
@idempotent
def cause_remove_action(request: AuthorizedRequest, number: int, pk: int) -> HttpResponse:
    """Take a cause back."""
    review = _review(request, number)
    cause = get_object_or_404(Cause.objects.select_related("parent"), pk=pk, review=review)
    form = VersionedForm(request.POST)
    error = "The form was incomplete: look again, then repeat it."
    if form.is_valid():
        try:
            cause_remove(by=request.actor, at=now(), cause=cause, expected=form.cleaned_data["version"])
        except IncidentError as refusal:
            error = str(refusal)
        else:
            return redirect_or_fragment(request, f"{review.url}#section-cause")
    shown = CauseChangeForm(initial={"text": cause.text, "kind": cause.kind, "version": cause.version})
    return _page(request, review, shown, cause, 422, cause.parent, error)
