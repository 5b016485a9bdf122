"""The list of decisions with one of them beside it."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from opsportal.core import shell
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import authorize
from opsportal.core.htmx import render_page
from opsportal.core.markdown import clean_text
from opsportal.knowledge.models import Decision, DecisionStatus
from opsportal.knowledge.selectors import consequences_of, status_counts, visible_decisions

VIEW = "knowledge.decision_view"


@require_action(VIEW)
@revalidated
def decision_list(request: AuthorizedRequest) -> HttpResponse:
    """All decisions; the first one stands open beside the list."""
    return _page(request, None)


@require_action(VIEW)
def decision_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One decision, with the list beside it."""
    decision = get_object_or_404(Decision.objects.visible_to(request.actor).select_related("platform"), pk=pk)
    authorize(request.actor, VIEW, decision)
    return _page(request, decision)


def _page(request: AuthorizedRequest, decision: Decision | None) -> HttpResponse:
    platform = shell.selected_platform(request)
    platform_id = platform.pk if platform else None
    status = request.GET.get("status", "")
    status = status if status in DecisionStatus.values else ""
    text = clean_text(request.GET.get("q", ""))[:80].strip()
    rows = list(visible_decisions(request.actor, platform_id=platform_id, status=status, text=text)[:200])
    shown = decision or (rows[0] if rows else None)
    context = {
        "rows": rows,
        "decision": shown,
        "is_detail": decision is not None,
        "consequences": consequences_of(shown.consequences) if shown else None,
        "counts": status_counts(request.actor, platform_id=platform_id),
        "status": status,
        "text": text,
        "statuses": [("", "Any status"), *DecisionStatus.choices],
        "many_platforms": platform is None,
    }
    return render_page(request, "knowledge/decision_list.html", context, fragment="list")
