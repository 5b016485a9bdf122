"""A person's own notices."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.htmx import local_url, redirect_or_fragment, render_page
from opsportal.core.pagination import keyset_page
from opsportal.notifications.selectors import notices_of, unread_count
from opsportal.notifications.services import notices_mark_read

PAGE_SIZE = 50


@require_action("notifications.notice_view")
def notice_list(request: AuthorizedRequest) -> HttpResponse:
    """Notices, latest first; the list is a live part of its own page."""
    page = keyset_page(
        notices_of(request.actor).select_related("platform"),
        order=("-at", "-pk"),
        cursor=request.GET.get("cursor"),
        size=PAGE_SIZE,
    )
    context = {"page": page, "unread": unread_count(request.actor), "user_id": request.actor.user_id}
    return render_page(request, "notifications/notice_list.html", context, fragment="notices")


@require_action("notifications.notice_mark_read", methods=("POST",))
def notice_open_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Mark one notice as read and go where it points."""
    notice = get_object_or_404(notices_of(request.actor), pk=pk)
    notices_mark_read(by=request.actor, at=clock.now(), notice_id=notice.pk)
    return redirect_or_fragment(request, local_url(request, notice.url, reverse("notifications:notices")))


@require_action("notifications.notice_mark_read", methods=("POST",))
def notices_read_action(request: AuthorizedRequest) -> HttpResponse:
    """Mark all of this person's notices as read."""
    notices_mark_read(by=request.actor, at=clock.now())
    return redirect_or_fragment(request, reverse("notifications:notices"))
