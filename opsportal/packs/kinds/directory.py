"""Contacts, links and business calendars."""

from datetime import date, datetime, time
from typing import Final

from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import BusinessCalendar, Contact, Link, Platform

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _contact_shape(data: Data, context: Context) -> Data:
    del context
    return {**pick(data, name="", kind="", order=0, address="", details=""), **provenance(data)}


def _contact(row: Contact) -> Data:
    address = row.email or row.phone
    own = {"name": row.name, "kind": row.duty, "order": row.level, "address": address, "details": row.note}
    return {**own, **row_provenance(row)}


def _contact_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    address: str = data["address"]
    is_mail = "@" in address
    columns = {
        "name": data["name"],
        "duty": data["kind"],
        "level": data["order"],
        "email": address if is_mail else "",
        "phone": "" if is_mail else address,
        "note": data["details"],
        **source_columns(data),
    }
    row = Contact.objects.filter(platform=platform, key=key).first()
    save(row, lambda: Contact(platform=platform, key=key), columns)


CONTACT = Kind(
    name="contact",
    load=lambda platform: {row.key: _contact(row) for row in platform.contacts.order_by("level", "pk")},
    write=_contact_write,
    shape=_contact_shape,
)


def _link_shape(data: Data, context: Context) -> Data:
    del context
    # A guide often says where a page is without giving its address; both stand in one column.
    return {"title": data["title"], "url": data.get("url") or data.get("location", ""), **provenance(data)}


def _link_declare(data: Data, context: Context) -> Data:
    del context
    where: str = data["url"]
    field = "url" if where.startswith(("http://", "https://")) else "location"
    return {"title": data["title"], field: where, **provenance(data)}


def _link_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {"name": data["title"], "url": data["url"], **source_columns(data)}
    row = Link.objects.filter(platform=platform, key=key).first()
    save(row, lambda: Link(platform=platform, key=key), columns)


LINK = Kind(
    name="link",
    load=lambda platform: {
        row.key: {"title": row.name, "url": row.url, **row_provenance(row)} for row in platform.links.order_by("pk")
    },
    write=_link_write,
    shape=_link_shape,
    declare=_link_declare,
)


def _calendar_shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, name="", zone="UTC", days=[], opens="", closes="", holidays=[])
    own["days"] = [day for day in DAYS if day in own["days"]]
    return {**own, **provenance(data)}


def _calendar(row: BusinessCalendar) -> Data:
    return {
        "name": row.name,
        "zone": row.zone,
        "days": [DAYS[number - 1] for number in sorted(row.weekdays)],
        "opens": f"{row.opens_at:%H:%M}",
        "closes": f"{row.closes_at:%H:%M}",
        "holidays": [day.isoformat() for day in row.holidays],
        **row_provenance(row),
    }


def _calendar_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {
        "name": data["name"],
        "zone": data["zone"],
        "weekdays": [DAYS.index(day) + 1 for day in data["days"]],
        "opens_at": time.fromisoformat(data["opens"]),
        "closes_at": time.fromisoformat(data["closes"]),
        "holidays": [date.fromisoformat(day) for day in data["holidays"]],
        **source_columns(data),
    }
    row = BusinessCalendar.objects.filter(platform=platform, key=key).first()
    save(row, lambda: BusinessCalendar(platform=platform, key=key), columns)


CALENDAR = Kind(
    name="calendar",
    load=lambda platform: {row.key: _calendar(row) for row in platform.calendars.order_by("pk")},
    write=_calendar_write,
    shape=_calendar_shape,
)
