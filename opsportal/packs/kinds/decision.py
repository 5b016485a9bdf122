"""Architecture decisions."""

from datetime import date, datetime

from opsportal.core.actor import Actor
from opsportal.knowledge.models import Decision
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import Platform

SECTIONS = ("context", "decision", "consequences", "alternatives", "implementation")


def _shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, title="", status="", date=None, location="", note="")
    return {**own, **{name: data.get(name, "") for name in SECTIONS}, **provenance(data)}


def _row(platform: Platform, key: str) -> Decision | None:
    return Decision.objects.filter(platform=platform, number=int(key)).first()


def _decision(row: Decision) -> Data:
    own = {"title": row.title, "status": row.status, "date": row.date.isoformat() if row.date else None}
    sections = {name: getattr(row, name) for name in SECTIONS}
    return {**own, "location": row.location, "note": row.note, **sections, **row_provenance(row)}


def _write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {name: data[name] for name in ("title", "status", "location", "note", *SECTIONS)}
    columns["date"] = date.fromisoformat(data["date"]) if data["date"] else None
    columns |= source_columns(data)
    save(_row(platform, key), lambda: Decision(platform=platform, number=int(key)), columns)


def _load(platform: Platform) -> dict[str, Data]:
    return {f"{row.number:03d}": _decision(row) for row in platform.decisions.order_by("number")}


DECISION = Kind(name="decision", load=_load, write=_write, shape=_shape)
