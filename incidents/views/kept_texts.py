"""The texts that a document had: what each changed, by whom, when."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.urls import reverse

from incidents import selectors
from incidents.choices import ReviewState
from incidents.models import Problem, Retrospective, Review
from incidents.selectors.kept_texts import Texts, compared_text, saves_page, section_of
from incidents.selectors.learning import retrospective_of
from incidents.selectors.problems import problem_by_number
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.gate import allows, authorize
from opsportal.core.htmx import render_page


@dataclass(frozen=True, slots=True)
class _Shown:
    """Whose texts they are, and the ways from them."""

    title: str
    of: str
    crumbs: Sequence[tuple[str, str]]
    back: str
    edit: str = ""  # where that is another page


def _page(request: AuthorizedRequest, texts: Texts, shown: _Shown) -> HttpResponse:
    """All that was saved; `?version=` opens one, else the newest is open."""
    asked = request.GET.get("version", "")
    version = bounded_int(asked)
    compared = compared_text(texts, version) if version is not None or not asked else None
    if asked and compared is None:
        raise Http404
    page = saves_page(texts, cursor=request.GET.get("cursor"))
    return render_page(request, "incidents/kept_texts.html", {"about": shown, "page": page, "shown": compared})


def _of_review(request: AuthorizedRequest, review: Review, title: str, anchor: str, edit: str) -> _Shown:
    incident = review.incident
    may_edit = review.state != ReviewState.PUBLISHED and allows(request.actor, "incidents.review_edit", review)
    back = f"{review.url}#section-{anchor}"
    crumbs = [("Incidents", reverse("incidents:list")), (incident.reference, incident.url), ("Review", review.url)]
    of = f"{incident.reference} {incident.title}"
    return _Shown(title, of, [*crumbs, (title, back)], back, edit if may_edit else "")


@require_action("incidents.review_view")
def section_texts(request: AuthorizedRequest, number: int, key: str) -> HttpResponse:
    """All that was saved in a section of a review."""
    review = selectors.review_of(request.actor, number)
    section = section_of(review, key)
    return _page(request, section.texts.all(), _of_review(request, review, section.title, key, section.url))


@require_action("incidents.review_view")
def cause_texts(request: AuthorizedRequest, number: int) -> HttpResponse:
    """The cause chain of a review after each change to it."""
    review = selectors.review_of(request.actor, number)
    return _page(request, review.cause_texts.all(), _of_review(request, review, "Causes", "cause", ""))


@require_action("incidents.retrospective_view")
def retrospective_texts(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """All that was saved in a retrospective."""
    row: Retrospective = retrospective_of(request.actor, pk)
    authorize(request.actor, "incidents.retrospective_view", row)
    crumbs = [
        ("Incidents", reverse("incidents:list")),
        ("Learnings", reverse("incidents:learnings")),
        ("Retrospectives", reverse("incidents:retrospectives")),
        (str(row), row.url),
    ]
    return _page(request, row.texts.all(), _Shown(str(row), row.platform.name, crumbs, row.url))


@require_action("incidents.problem_view")
def problem_texts(request: AuthorizedRequest, number: int) -> HttpResponse:
    """All that was written of a problem."""
    problem: Problem = problem_by_number(request.actor, number)
    authorize(request.actor, "incidents.problem_view", problem)
    crumbs = [
        ("Incidents", reverse("incidents:list")),
        ("Problems", reverse("incidents:problems")),
        (problem.reference, problem.url),
    ]
    shown = _Shown(problem.reference, f"{problem.reference} {problem.title}", crumbs, problem.url)
    return _page(request, problem.texts.all(), shown)
