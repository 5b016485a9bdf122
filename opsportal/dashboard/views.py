"""Today: what is on fire, what is due, what changed."""

from datetime import datetime, timedelta
from typing import Final, cast

from django.http import HttpResponse

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.freshness import revalidated
from opsportal.core.htmx import render_page, wants_fragment
from opsportal.core.shell import selected_platform
from opsportal.dashboard.selectors import changed_column, due_column, now_column

PAGE: Final = "dashboard/today.html"
PARTS: Final = ("now", "due", "changed")
VISIT_ENDS_AFTER: Final = timedelta(minutes=30)
NOTED_EVERY: Final = timedelta(minutes=1)


@require_action("dashboard.today_view")
@revalidated
def today(request: AuthorizedRequest) -> HttpResponse:
    """The page, or one of its live columns (`?part=now|due|changed`)."""
    at, platform = clock.now(), selected_platform(request)
    platform_id = platform.pk if platform else None
    part = request.GET.get("part", "")
    wanted = (part,) if part in PARTS and wants_fragment(request) else PARTS
    user = cast("User", request.user)
    if wanted == PARTS:
        _visit(user, at)
    since = user.today_since or at - timedelta(days=1)
    context: dict[str, object] = {"at": at, "since": since, "week": at.isocalendar().week}
    if "now" in wanted:
        context["now"] = now_column(request.actor, at, platform_id)
    if "due" in wanted:
        context["due"] = due_column(request.actor, at, platform_id)
    if "changed" in wanted:
        context["changed"] = changed_column(request.actor, at, platform_id)
    return render_page(request, PAGE, context, fragment=part if part in PARTS else None)


def _visit(user: User, at: datetime) -> None:
    """Go on with the visit, or after half an hour away begin a new one; a page left open is not a look at it."""
    seen = user.last_today_at
    if seen is None or at - seen > VISIT_ENDS_AFTER:
        user.today_since = seen
    elif at - seen < NOTED_EVERY:
        return
    user.last_today_at = at
    User.objects.filter(pk=user.pk).update(last_today_at=at, today_since=user.today_since)
