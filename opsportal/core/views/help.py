"""Help: what the words mean, which keys there are, where to find what."""

from django.http import HttpResponse

from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.htmx import render_page


@require_action("core.help_view")
def help_page(request: AuthorizedRequest) -> HttpResponse:
    """One page of text; it asks the database nothing beyond the shell."""
    return render_page(request, "core/help.html", {})
