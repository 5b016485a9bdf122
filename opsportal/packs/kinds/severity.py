"""Severity schemes with their levels, and what other sources call them."""

from datetime import datetime
from typing import Any, Final

from django.db.models import ProtectedError

from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import (
    ApplyError,
    Context,
    Data,
    Kind,
    pick,
    provenance,
    row_provenance,
    save,
    source_columns,
)
from opsportal.platforms.models import Platform, Severity, SeverityAlias, SeverityScheme

PAGING: Final = {
    "at_once": "Page at once",
    "business_hours": "Page during business hours",
    "queue": "Assign to the queue",
    "planned": "Planned work",
    "none": "No page",
}


class LevelInUseError(ApplyError):
    """A level that the pack no longer has is still used by incidents or rules."""


def _scheme_shape(data: Data, context: Context) -> Data:
    del context
    levels = [
        pick(level, rank=0, label="", name="", description="", pages=False, paging="none") for level in data["levels"]
    ]
    return {"name": data["name"], "levels": sorted(levels, key=lambda level: level["rank"]), **provenance(data)}


def _level(row: Severity) -> Data:
    paging = next((word for word, text in PAGING.items() if text == row.paging), row.paging)
    own = {"rank": row.rank, "label": row.label, "name": row.name, "description": row.description}
    return {**own, "pages": row.pages, "paging": paging}


def _scheme_load(platform: Platform) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for scheme in platform.severity_schemes.prefetch_related("severities").order_by("kind"):
        levels = sorted(scheme.severities.all(), key=lambda row: (row.rank, row.pk))
        own = {"name": scheme.name, "levels": [_level(row) for row in levels]}
        found[scheme.kind] = {**own, **row_provenance(scheme)}
    return found


def _scheme_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    found = SeverityScheme.objects.filter(platform=platform, kind=key).first()
    columns = {"name": data["name"], **source_columns(data)}
    scheme: Any = save(found, lambda: SeverityScheme(platform=platform, kind=key), columns)
    present = {row.label: row for row in scheme.severities.all()}
    for level in data["levels"]:
        fields = {**level, "paging": PAGING.get(level["paging"], level["paging"])}
        save(present.pop(level["label"], None), lambda: Severity(scheme=scheme), fields)
    for row in present.values():
        try:
            row.delete()
        except ProtectedError as error:
            raise LevelInUseError(
                f"{key} level {row.label} is not in the pack any more, but is still in use."
            ) from error


def _scheme_declare(data: Data, context: Context) -> Data:
    del context
    levels = [{name: value for name, value in level.items() if value != ""} for level in data["levels"]]
    return {**data, "levels": levels}


SCHEME = Kind(
    name="severity-scheme",
    load=_scheme_load,
    write=_scheme_write,
    shape=_scheme_shape,
    declare=_scheme_declare,
)


def _alias_shape(data: Data, context: Context) -> Data:
    del context
    return pick(data, scheme="", alias="", sender="any", rank=0)


def _alias_row(platform: Platform, key: str) -> SeverityAlias | None:
    scheme, sender, word = key.split(".", 2)
    rows = SeverityAlias.objects.filter(platform=platform, source=sender, word=word, severity__scheme__kind=scheme)
    return rows.select_related("severity").first()


def _alias_load(platform: Platform) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for row in platform.severity_aliases.select_related("severity__scheme").order_by("pk"):
        scheme = row.severity.scheme.kind
        own = {"scheme": scheme, "alias": row.word, "sender": row.source, "rank": row.severity.rank}
        found[f"{scheme}.{row.source}.{row.word}"] = own
    return found


def _alias_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    level = Severity.objects.get(scheme__platform=platform, scheme__kind=data["scheme"], rank=data["rank"])
    columns = {"source": data["sender"], "word": data["alias"], "severity": level}
    save(_alias_row(platform, key), lambda: SeverityAlias(platform=platform), columns)


ALIAS = Kind(name="severity-alias", load=_alias_load, write=_alias_write, shape=_alias_shape)
