"""Problem records: the list, one of them, a new one."""

from typing import Any, Final

from django.http import HttpResponse

from incidents.errors import IncidentError
from incidents.forms.problems import ProblemChangeForm, ProblemForm
from incidents.models import Problem
from incidents.selectors.problems import VIEWS, incidents_of_problem, problem_by_number, problem_page
from incidents.services.problems import problem_change, problem_open
from incidents.views.shared import now
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.gate import allows, authorize, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform

VIEW, EDIT = "incidents.problem_view", "incidents.problem_write"
FIELDS: Final = ("title", "state", "priority", "impact", "analysis", "workaround", "version")


@require_action(VIEW)
def problem_list(request: AuthorizedRequest) -> HttpResponse:
    """Unsolved ones, the newest first."""
    platform = selected_platform(request)
    view = request.GET.get("view", "")
    page = problem_page(
        request.actor, platform_id=platform.pk if platform else None, view=view, cursor=request.GET.get("cursor")
    )
    context = {
        "page": page,
        "views": [{"label": label, "href": f"?view={key}", "current": view == key} for key, label in VIEWS],
        "may_write": allows(request.actor, EDIT),
    }
    return render_page(request, "incidents/problem_list.html", context)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def problem_new(request: AuthorizedRequest) -> HttpResponse:
    """Open a problem record without an incident; from one it is opened there."""
    form, status = ProblemForm(request.POST or None, platform_ids=platforms_where(request.actor, EDIT)), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            authorize(request.actor, EDIT, data["platform"])
            try:
                problem = problem_open(by=request.actor, at=now(), platform_id=data["platform"].pk, values=data)
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                return redirect_or_fragment(request, problem.url)
    return render_page(request, "incidents/problem_new.html", {"form": form, "key": new_key()}, status=status)


def _page(request: AuthorizedRequest, problem: Problem, form: ProblemChangeForm | None = None) -> HttpResponse:
    shown = form or ProblemChangeForm(initial={name: getattr(problem, name) for name in FIELDS})
    context: dict[str, Any] = {
        "problem": problem,
        "incidents": incidents_of_problem(request.actor, problem),
        "form": shown if allows(request.actor, EDIT, problem) else None,
        "key": new_key(),
    }
    return render_page(request, "incidents/problem_detail.html", context, status=422 if form is not None else 200)


@require_action(VIEW)
def problem_detail(request: AuthorizedRequest, number: int) -> HttpResponse:
    """What is known of it, its workaround, its incidents."""
    problem = problem_by_number(request.actor, number)
    authorize(request.actor, VIEW, problem)
    return _page(request, problem)


@require_action(EDIT, methods=WRITE)
@idempotent
def problem_change_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Write it."""
    problem = problem_by_number(request.actor, number)
    authorize(request.actor, EDIT, problem)
    form = ProblemChangeForm(request.POST)
    if not form.is_valid():
        return _page(request, problem, form)
    data = form.cleaned_data
    try:
        problem_change(by=request.actor, at=now(), problem=problem, expected=data["version"], values=data)
    except IncidentError as error:
        form.add_error(None, str(error))
        return _page(request, problem, form)
    return redirect_or_fragment(request, problem.url)
