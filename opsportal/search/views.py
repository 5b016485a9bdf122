"""The command palette, as a dialog's list and as a page of its own."""

from typing import Final

from django.http import HttpResponse

from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.htmx import render_page, wants_fragment
from opsportal.core.markdown import clean_text
from opsportal.core.shell import shell_context
from opsportal.search.selectors import action_hits, page_hits, record_hits

PAGE: Final = "search/palette.html"


@require_action("search.palette_view")
def palette(request: AuthorizedRequest) -> HttpResponse:
    """Everything that matches `q`; without words the pages and actions."""
    text = clean_text(request.GET.get("q", "")).strip()[:100]
    at = clock.now()
    hits = [
        *page_hits(shell_context(request)["shell"].nav, text),
        *action_hits(request.actor, at, text),
        *record_hits(request.actor, at, text),
    ]
    return render_page(
        request, PAGE, {"text": text, "hits": hits, "is_list": wants_fragment(request)}, fragment="results"
    )
