"""Reviews beyond their page: exports, the public version, and what all of them teach."""

from datetime import timedelta

from django.http import HttpResponse, JsonResponse

from incidents import selectors
from incidents.choices import ReviewState
from incidents.exports.reviews import (
    PUBLIC_SECTIONS,
    ReviewParts,
    as_data,
    as_markdown,
    digest_markdown,
    for_the_public,
)
from incidents.models import Review
from incidents.selectors.learning import causes_of, lesson_page
from incidents.selectors.reviews import approvals_of, editions_of, publication_notes, sections_of
from incidents.selectors.signed import record_of
from incidents.views.shared import now
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import authorize
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform

EXPORT, VIEW = "incidents.incident_export", "incidents.review_view"
DIGEST = timedelta(days=14)


def _parts(request: AuthorizedRequest, number: int) -> ReviewParts:
    review = selectors.review_of(request.actor, number)
    authorize(request.actor, EXPORT, review.incident)
    return ReviewParts(
        review=review,
        sections=sections_of(review),
        causes=causes_of(review),
        record=record_of(request.actor, review, now()),
        editions=editions_of(review),
        notes=publication_notes(approvals_of(review)),
    )


def _file(text: str, review: Review, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{review.incident.reference}-{name}.md"'
    return response


@require_action(EXPORT)
def review_markdown(request: AuthorizedRequest, number: int) -> HttpResponse:
    """The whole review as Markdown."""
    parts = _parts(request, number)
    return _file(as_markdown(parts), parts.review, "review")


@require_action(EXPORT)
def review_json(request: AuthorizedRequest, number: int) -> HttpResponse:
    """The whole review as data."""
    parts = _parts(request, number)
    response = JsonResponse(as_data(parts), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{parts.review.incident.reference}-review.json"'
    return response


@require_action(EXPORT)
def review_public(request: AuthorizedRequest, number: int) -> HttpResponse:
    """What the public would read of it: choose sections, look, then take the file."""
    parts = _parts(request, number)
    known = [section for section in parts.sections if section.key in PUBLIC_SECTIONS]
    chosen = {key for key in request.GET.getlist("s") if key in PUBLIC_SECTIONS} or {
        "impact",
        "resolution",
        "prevention",
    }
    with_record = request.GET.get("record") == "1"
    public = for_the_public(parts.record.incident, known, chosen, with_record=with_record)
    if "file" in request.GET:
        return _file(public.markdown, parts.review, "public")
    context = {
        "review": parts.review,
        "incident": parts.record.incident,
        "sections": known,
        "chosen": chosen,
        "with_record": with_record,
        "public": public,
        "is_published": parts.review.state == ReviewState.PUBLISHED,
    }
    return render_page(request, "incidents/review_public.html", context)


@require_action(VIEW)
@revalidated
def learnings(request: AuthorizedRequest) -> HttpResponse:
    """What published reviews teach, newest first."""
    platform = selected_platform(request)
    page = lesson_page(request.actor, platform_id=platform.pk if platform else None, cursor=request.GET.get("cursor"))
    return render_page(request, "incidents/learning_list.html", {"page": page, "days": DIGEST.days})


@require_action(VIEW)
def learnings_digest(request: AuthorizedRequest) -> HttpResponse:
    """The last two weeks' lessons as Markdown, for the retrospective or a mail."""
    at, platform = now(), selected_platform(request)
    page = lesson_page(
        request.actor, platform_id=platform.pk if platform else None, cursor=None, since=at - DIGEST, size=100
    )
    text = digest_markdown(page, at - DIGEST, at)
    response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="learnings-{at:%Y-%m-%d}.md"'
    return response
