"""Today: what is on fire, what is due, what changed."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, cast

from django.http import HttpResponse
from markupsafe import Markup

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.freshness import kept_each, revalidated
from opsportal.core.gate import allows
from opsportal.core.htmx import part_response, render_fragment, render_page, wants_fragment
from opsportal.core.shell import selected_platform, visible_platforms
from opsportal.dashboard.selectors import changed_column, due_column, now_column

PAGE: Final = "dashboard/today.html"
PARTS: Final = "dashboard/columns.html"
COLUMNS: Final[Mapping[str, Callable[[Actor, datetime, int | None], object]]] = {
    "now": now_column,
    "due": due_column,
    "changed": changed_column,
}
VISIT_ENDS_AFTER: Final = timedelta(minutes=30)
NOTED_EVERY: Final = timedelta(minutes=1)


@require_action("dashboard.today_view")
@revalidated
def today(request: AuthorizedRequest) -> HttpResponse:
    """The page, or one of its live columns (`?part=now|due|changed`)."""
    at, part = clock.now(), request.GET.get("part", "")
    if part in COLUMNS and wants_fragment(request):
        return part_response(*_columns(request, at, part))
    _visit(cast("User", request.user), at)
    context = {
        "at": at,
        "week": at.isocalendar().week,
        "columns": _columns(request, at, *COLUMNS),
        "first_steps": not visible_platforms(request) and allows(request.actor, "platforms.first_steps_view"),
    }
    return render_page(request, PAGE, context)


def _columns(request: AuthorizedRequest, at: datetime, *names: str) -> list[Markup]:
    """Columns as this person sees them, built when something changed, and each minute."""
    platform = selected_platform(request)
    platform_id = platform.pk if platform else None

    def build(key: str) -> Markup:
        name = keys[key]
        since = cast("User", request.user).today_since or at - timedelta(days=1)
        context = {"at": at, "since": since, name: COLUMNS[name](request.actor, at, platform_id)}
        return Markup(render_fragment(request, PARTS, name, context))  # noqa: S704 - a template's own output

    keys = {f"today:{name}:{platform_id}": name for name in names}
    return list(kept_each(request, request.actor, list(keys), build).values())


def _visit(user: User, at: datetime) -> None:
    """Go on with the visit, or after half an hour away begin a new one; a page left open is not a look at it."""
    seen = user.last_today_at
    if seen is None or at - seen > VISIT_ENDS_AFTER:
        user.today_since = seen
    elif at - seen < NOTED_EVERY:
        return
    user.last_today_at = at
    User.objects.filter(pk=user.pk).update(last_today_at=at, today_since=user.today_since)
