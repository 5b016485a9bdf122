"""Policy that no other row carries yet: rules in words, recovery targets, the guide's own document control."""

from datetime import datetime
from typing import Final

from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.packs.models import PolicyEntry
from opsportal.platforms.models import Platform

TARGET_GROUP: Final = "recovery-target"
DOCUMENT_GROUP: Final = "document"
DOCUMENT_FIELDS: Final = ("version", "owner", "approver", "last_review", "next_review", "status")


def _entry(platform: Platform, group: str, key: str) -> PolicyEntry | None:
    return PolicyEntry.objects.filter(platform=platform, group=group, key=key).first()


def _common(row: PolicyEntry) -> Data:
    return {"note": row.note, "conflicts": row.conflicts, **row_provenance(row)}


def _save(platform: Platform, group: str, key: str, columns: Data, data: Data) -> None:
    full = {**columns, "note": data["note"], "conflicts": data["conflicts"], **source_columns(data)}
    save(_entry(platform, group, key), lambda: PolicyEntry(platform=platform, group=group, key=key), full)


def _policy_shape(data: Data, context: Context) -> Data:
    del context
    return {**pick(data, group="", title="", value="", figures={}, note="", conflicts=[]), **provenance(data)}


def _policy_row(platform: Platform, key: str) -> PolicyEntry | None:
    own = PolicyEntry.objects.filter(platform=platform, key=key)
    return own.exclude(group__in=[TARGET_GROUP, DOCUMENT_GROUP]).first()


def _policy_load(platform: Platform) -> dict[str, Data]:
    rows = platform.policy_entries.exclude(group__in=[TARGET_GROUP, DOCUMENT_GROUP]).order_by("pk")
    return {
        row.key: {"group": row.group, "title": row.title, "value": row.value, "figures": row.figures, **_common(row)}
        for row in rows
    }


def _policy_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    full = {name: data[name] for name in ("group", "title", "value", "figures", "note", "conflicts")}
    full |= source_columns(data)
    save(_policy_row(platform, key), lambda: PolicyEntry(platform=platform, key=key), full)


POLICY = Kind(name="policy", load=_policy_load, write=_policy_write, shape=_policy_shape)


def _target_shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, name="", rto_minutes=0, rpo_minutes=0, method="", note="", conflicts=[])
    return {**own, **provenance(data)}


def _target_load(platform: Platform) -> dict[str, Data]:
    rows = platform.policy_entries.filter(group=TARGET_GROUP).order_by("pk")
    return {row.key: {"name": row.title, "method": row.value, **row.figures, **_common(row)} for row in rows}


def _target_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    figures = {"rto_minutes": data["rto_minutes"], "rpo_minutes": data["rpo_minutes"]}
    columns = {"title": data["name"], "value": data["method"], "figures": figures}
    _save(platform, TARGET_GROUP, key, columns, data)


TARGET = Kind(name="target", load=_target_load, write=_target_write, shape=_target_shape)


def _document_shape(data: Data, context: Context) -> Data:
    del context
    fields = {name: data[name] for name in DOCUMENT_FIELDS if data.get(name)}
    return {**pick(data, title="", note="", conflicts=[]), **fields, **provenance(data)}


def _document_load(platform: Platform) -> dict[str, Data]:
    rows = platform.policy_entries.filter(group=DOCUMENT_GROUP).order_by("pk")
    return {row.key: {"title": row.title, **row.figures, **_common(row)} for row in rows}


def _document_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    figures = {name: data[name] for name in DOCUMENT_FIELDS if name in data}
    _save(platform, DOCUMENT_GROUP, key, {"title": data["title"], "figures": figures}, data)


DOCUMENT = Kind(name="document", load=_document_load, write=_document_write, shape=_document_shape)
