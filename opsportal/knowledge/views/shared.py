"""What several pages of this room need."""

from opsportal.core.actions import AuthorizedRequest
from opsportal.core.gate import HiddenError, platforms_where
from opsportal.core.shell import selected_platform
from opsportal.platforms.models import Platform


def platform_to_write(request: AuthorizedRequest, action: str) -> tuple[Platform, list[Platform]]:
    """The platform something new is written for, as the form or the switcher names it, and those it may be.

    Raises HiddenError: nothing is ever written down under another platform than was meant.
    """
    rows = Platform.objects.filter(pk__in=platforms_where(request.actor, action)).order_by("name", "pk")
    platforms, chosen = list(rows), selected_platform(request)
    asked = request.POST.get("platform", "") or (chosen.key if chosen else "")
    platform = next((row for row in platforms if row.key == asked), None)
    if platform is None:
        if request.POST.get("platform"):
            raise HiddenError(action)
        platform = platforms[0]
    return platform, platforms
