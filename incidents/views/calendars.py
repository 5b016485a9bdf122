"""The calendar of review due dates, for a calendar program that can only read an address."""

from datetime import UTC
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from incidents.exports import ical
from incidents.models import CalendarFeed
from incidents.selectors.clocks import ClockRow, reviews_to_come
from incidents.services.calendars import calendar_make, calendar_reader
from incidents.views.shared import now
from opsportal.accounts.roles import roles_of
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.htmx import render_page

READ: Final = frozenset({"read"})  # an address has no second factor: restricted incidents stay out


@require_action("incidents.calendar_make", methods=READ_WRITE)
def calendar_page(request: AuthorizedRequest) -> HttpResponse:
    """Say what the address is for; a post makes one and shows it this once."""
    address = ""
    if request.method == "POST":
        secret = calendar_make(by=request.actor, at=now())
        address = request.build_absolute_uri(reverse("incidents:calendar-feed", args=[secret]))
    feed = CalendarFeed.objects.filter(user_id=request.actor.user_id or 0).first()
    context = {"address": address, "made_at": feed.created_at if feed else None, "now": now()}
    return render_page(request, "incidents/calendar.html", context)


@require_action("incidents.calendar_read")
def calendar_feed(_request: AuthorizedRequest, secret: str) -> HttpResponse:
    """Review due dates as iCal, of what the address's person may see now."""
    person = calendar_reader(secret)
    if person is None:
        return HttpResponse("This calendar address is not in use (any more).\n", status=404, content_type="text/plain")
    reader = Actor(kind="token", name=person.name, user_id=person.pk, roles=roles_of(person.pk), scopes=READ)
    text = ical.calendar("Reviews due", [_event(row) for row in reviews_to_come(reader)])
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Cache-Control"] = "private, no-store"
    return response


def _event(row: ClockRow) -> ical.Event:
    assert row.due_at is not None
    return ical.Event(
        uid=f"inc-{row.number}-review-{row.pk}@opsportal",
        due=row.due_at,
        changed_at=row.started_at,
        title=f"Review of INC-{row.number} due: {row.title}",
        text=f"{row.label} on {row.platform_key}, due {stamp(row.due_at.astimezone(UTC))}: {row.rule}",
        url=f"{settings.PUBLIC_URL}{row.url}review/",
    )
