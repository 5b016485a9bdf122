"""Calling people one after the other, along the platform's chain of contacts, until somebody has it.

A page is a row that is sent when it is due: at once, or when the page calendar of the severity next opens (Phase09
pages P1 in business hours only).
"""

from datetime import datetime
from typing import Final

from django.db.models import Max

from incidents import clocks
from incidents.choices import ClockKind, EntryKind
from incidents.models import ClockPolicy, ContactPage, Incident, IncidentClock
from incidents.services import notices
from incidents.services.clocks import CLOCK_ACTOR, calendar_of
from incidents.services.timeline import append
from incidents.types import defaults
from opsportal.core.formats import stamp
from opsportal.core.live import touch
from opsportal.platforms.models import Contact

# Nobody took it, or it takes too long: each further miss goes one contact up.
CLIMBING: Final = frozenset({ClockKind.ACKNOWLEDGE, ClockKind.RESPOND, ClockKind.ESCALATE, ClockKind.RESOLVE})


def page_first(incident: Incident, at: datetime) -> None:
    """Page the first contact when the severity pages and nobody was paged or has it yet.

    Security, corruption and a breach page at once, whoever has them.
    """
    is_wanted = incident.severity.pages and incident.acknowledged_at is None
    if not is_wanted and not defaults(incident.type).pages:
        return
    if not ContactPage.objects.filter(incident=incident).exists():
        _ask(incident, f"{incident.severity.label} was opened", at)


def page_next(clock: IncidentClock, at: datetime) -> None:
    """A miss: page the next contact of the chain, once for clocks that were missed together."""
    incident = clock.incident
    if clock.kind not in CLIMBING or not incident.severity.pages or not incident.is_open:
        return
    last = ContactPage.objects.filter(incident=incident).aggregate(at=Max("asked_at"))["at"]
    if last is None or clock.due_at is None or last < clock.due_at:
        _ask(incident, f"{ClockKind(clock.kind).label.lower()} {clock.round} was missed", at)


def _ask(incident: Incident, reason: str, at: datetime) -> None:
    chain: list[Contact] = list(Contact.objects.chain_of(incident.platform_id))
    if not chain:
        return
    before = ContactPage.objects.filter(incident=incident).count()
    contact = chain[min(before, len(chain) - 1)]
    page, is_new = ContactPage.objects.get_or_create(
        incident=incident,
        level=min(before, len(chain) - 1) + 1,
        reason=reason,
        defaults={
            "contact": contact,
            "contact_name": contact.name,
            "asked_at": at,
            "due_at": _page_time(incident, at),
        },
    )
    if is_new and page.due_at <= at:
        send(page, at)
    elif is_new:
        said = f"{contact.name} is paged {stamp(page.due_at)}, when the page calendar opens: {reason}"
        _note(page, said, at)


def _page_time(incident: Incident, at: datetime) -> datetime:
    """Now, or when the severity's page calendar next opens; a calendar that never opens delays no page."""
    policy = ClockPolicy.objects.filter(severity_id=incident.severity_id, kind=ClockKind.PAGE)
    found = policy.select_related("calendar").first()
    if found is None or found.calendar is None:
        return at
    try:
        return clocks.due_at(at, found.minutes or 0, calendar_of(found.calendar))
    except clocks.CalendarError:
        return at


def send(page: ContactPage, at: datetime) -> None:
    """Carry out a page that is due; one that nobody needs any more is dropped. The caller holds the row."""
    incident = page.incident
    taken_at = incident.acknowledged_at
    if not incident.is_open or (taken_at is not None and taken_at > page.asked_at):
        ContactPage.objects.filter(pk=page.pk).update(dropped_at=at)
        return
    ContactPage.objects.filter(pk=page.pk).update(sent_at=at)
    reached = notices.tell_page(page, at)
    _note(page, f"paged {page.contact_name} (contact {page.level}): {page.reason}{reached}", at)


def _note(page: ContactPage, said: str, at: datetime) -> None:
    data = {"page": page.pk, "level": page.level}
    append(page.incident, kind=EntryKind.CLOCK, body=said, by=CLOCK_ACTOR, at=at, data=data)
    touch("today", page.incident_id)
