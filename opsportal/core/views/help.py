"""Help: what the words mean, which keys there are, where to find what."""

from django.http import HttpResponse
from django.urls import NoReverseMatch, resolve, reverse

from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import allows
from opsportal.core.htmx import render_page


@require_action("core.help_view")
def help_page(request: AuthorizedRequest) -> HttpResponse:
    """One page of text; it asks the database nothing beyond the shell, and leads only where the reader may go."""

    def may_open(route: str) -> bool:
        try:
            view = resolve(reverse(route)).func
        except NoReverseMatch:
            return False
        return allows(request.actor, view.action)  # type: ignore[attr-defined]

    return render_page(request, "core/help.html", {"may_open": may_open})
