"""The journal: read, search, add a line."""

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.http import HttpResponse
from django.urls import reverse

from maintenance.forms import LogForm
from maintenance.selectors import operations_log
from maintenance.services.operations_log import log_write
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.gate import allows, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.markdown import clean_text
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform, visible_platforms
from opsportal.platforms.models import Platform

PAGE = "maintenance/operations_log.html"


def _context(request: AuthorizedRequest, form: LogForm) -> dict[str, object]:
    platform = selected_platform(request)
    text = clean_text(request.GET.get("q", ""))[:200]
    entries = operations_log(request.actor)
    if platform is not None:
        entries = entries.filter(platform_id=platform.pk)
    if text:
        vector = SearchVector("text", config="simple")
        entries = entries.annotate(words=vector).filter(words=SearchQuery(text, config="simple"))
    page = keyset_page(entries, order=("-at", "-id"), cursor=request.GET.get("cursor"), size=50)
    writable = platforms_where(request.actor, "maintenance.log_write")
    return {
        "page": page,
        "text": text,
        "form": form,
        "platforms": [(row.pk, row.name) for row in visible_platforms(request) if row.pk in writable],
        "chosen": platform.pk if platform else "",
        "may_write": allows(request.actor, "maintenance.log_write", platform),
        "key": new_key(),
    }


@require_action("maintenance.log_view")
@revalidated
def operations_log_list(request: AuthorizedRequest) -> HttpResponse:
    """Newest first; `q` searches the text."""
    return render_page(request, PAGE, _context(request, LogForm()), fragment="rows")


@require_action("maintenance.log_write", methods=("POST",))
@idempotent
def operations_log_add_action(request: AuthorizedRequest) -> HttpResponse:
    """Add a line."""
    form = LogForm(request.POST)
    if not form.is_valid():
        return render_page(request, PAGE, _context(request, form), status=422)
    rows = Platform.objects.visible_to(request.actor)
    platform = permitted(request.actor, "maintenance.log_write", rows, pk=form.cleaned_data["platform"])
    log_write(by=request.actor, at=clock.now(), platform_id=platform.pk, text=form.cleaned_data["text"])
    return redirect_or_fragment(request, reverse("maintenance:operations-log"))
