"""How long each clock of a severity runs, and what the guide says where it gives no number."""

from datetime import date, datetime

from incidents.models import ClockPolicy
from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import BusinessCalendar, Platform, Severity


def _shape(data: Data, context: Context) -> Data:
    del context
    rule = pick(data, minutes=None, calendar="", due_rule="minutes", due_on="", warn_share=None, may_pause=True)
    return {**rule, **pick(data, text="", note="", conflicts=[]), **provenance(data)}


def _row(platform: Platform, key: str) -> ClockPolicy | None:
    label, kind = key.rsplit(".", 1)
    rows = ClockPolicy.objects.filter(platform=platform, kind=kind, severity__label=label)
    return rows.filter(severity__scheme__kind="incident").first()


def _clock(row: ClockPolicy) -> Data:
    return {
        "minutes": row.minutes,
        "calendar": row.calendar.key if row.calendar else "",
        "due_rule": row.due_rule,
        "due_on": row.due_on.isoformat() if row.due_on else "",
        "warn_share": row.warn_share,
        "may_pause": row.may_pause,
        "text": row.text,
        "note": row.note,
        "conflicts": row.conflicts,
        **row_provenance(row),
    }


def _write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    label, kind = key.rsplit(".", 1)
    severity = Severity.objects.get(scheme__platform=platform, scheme__kind="incident", label=label)
    calendar = BusinessCalendar.objects.get(platform=platform, key=data["calendar"]) if data["calendar"] else None
    columns = {
        "minutes": data["minutes"],
        "calendar": calendar,
        "due_rule": data["due_rule"],
        "due_on": date.fromisoformat(data["due_on"]) if data["due_on"] else None,
        "warn_share": data["warn_share"],
        "may_pause": data["may_pause"],
        "text": data["text"],
        "note": data["note"],
        "conflicts": data["conflicts"],
        **source_columns(data),
    }
    save(_row(platform, key), lambda: ClockPolicy(platform=platform, severity=severity, kind=kind), columns)


def _load(platform: Platform) -> dict[str, Data]:
    rows = platform.clock_policies.filter(severity__scheme__kind="incident")
    rows = rows.select_related("severity", "calendar").order_by("severity__rank", "pk")
    return {f"{row.severity.label}.{row.kind}": _clock(row) for row in rows}


CLOCK = Kind(name="clock", load=_load, write=_write, shape=_shape)
