"""The texts that a section of a review had: what each changed, by whom, when."""

from django.http import Http404, HttpResponse

from incidents import selectors
from incidents.selectors.section_texts import compared_text, saves_page, section_of
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.gate import allows
from opsportal.core.htmx import render_page


@require_action("incidents.review_view")
def section_texts(request: AuthorizedRequest, number: int, key: str) -> HttpResponse:
    """All that was saved in a section; `?version=` opens one, else the newest is open."""
    review = selectors.review_of(request.actor, number)
    section = section_of(review, key)
    asked = request.GET.get("version", "")
    version = bounded_int(asked)
    shown = compared_text(section, version) if version is not None or not asked else None
    if asked and shown is None:
        raise Http404
    context = {
        "review": review,
        "incident": review.incident,
        "section": section,
        "page": saves_page(section, cursor=request.GET.get("cursor")),
        "shown": shown,
        "may_edit": allows(request.actor, "incidents.review_edit", review),
    }
    return render_page(request, "incidents/section_texts.html", context)
