"""What every kind of pack object shares: its contract, its provenance, its canonical form."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from opsportal.core.actor import Actor
from opsportal.core.models import VersionedModel
from opsportal.platforms.models import Platform, PolicySource

Data = dict[str, Any]


class ApplyError(Exception):
    """An object cannot be written as the platform stands; the text says what is in the way."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an object needs to know of its neighbours in the pack.

    `selectors` by (service, metric key): namespace, name, dimensions, unit; `zones` by environment.
    """

    selectors: Mapping[tuple[str, str], Data] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)

    def selector(self, service: str, metric: str) -> Data:
        return self.selectors.get((service, metric), {})

    def metric_key(self, service: str, selector: Data) -> str:
        """The key under which the pack knows a selector, or empty when it knows none."""
        for (owner, key), own in self.selectors.items():
            if owner == service and all(own.get(name) == value for name, value in selector.items()):
                return key
        return ""


class Write(Protocol):
    """Create or change the row behind one object. Raises VersionConflictError when somebody was faster."""

    def __call__(self, platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None: ...


def _same(data: Data, context: Context) -> Data:
    del context
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of declared object maps onto rows of the app that owns it.

    `shape` reduces a declared object to what the rows can hold, `declare` is its inverse for the export, `load`
    gives the rows of a platform by key in that same form (a query or two, whatever their number), so that pack,
    base and database compare field by field.
    """

    name: str
    load: Callable[[Platform], dict[str, Data]]
    write: Write
    shape: Callable[[Data, Context], Data]
    declare: Callable[[Data, Context], Data] = _same


_SOURCES: Final = {
    "portal_default": PolicySource.PORTAL_DEFAULT,
    "not_in_guide": PolicySource.NOT_IN_GUIDE,
    "edited": PolicySource.EDITED,
}
PROVENANCE: Final = ("source", *_SOURCES)


def pick(data: Data, **defaults: Any) -> Data:
    """The named fields of a declared object, with what stands when one is left out."""
    return {name: data.get(name, default) for name, default in defaults.items()}


def provenance(data: Data) -> Data:
    """The field that says where an object comes from."""
    return {name: data[name] for name in PROVENANCE if name in data}


def source_columns(data: Data) -> Data:
    """`source` and `source_text` of a row for a declared object."""
    for name, source in _SOURCES.items():
        if data.get(name):
            return {"source": source, "source_text": ""}
    return {"source": PolicySource.GUIDE, "source_text": data.get("source", "")}


def row_provenance(row: Any) -> Data:
    """The inverse of `source_columns`."""
    for name, source in _SOURCES.items():
        if row.source == source:
            return {name: True}
    return {"source": row.source_text}


def canonical(value: Any) -> Any:
    """JSON values only, whole floats as integers: what two sides are compared in."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(name): canonical(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(inner) for inner in value]
    return value


def data_hash(data: Data) -> str:
    """SHA-256 of the canonical form."""
    text = json.dumps(canonical(data), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def save(row: VersionedModel | None, new: Callable[[], VersionedModel], columns: Data) -> VersionedModel:
    """Insert the row, or write what differs under its version."""
    if row is None:
        row = new()
        for name, value in columns.items():
            setattr(row, name, value)
        row.save(force_insert=True)
        return row
    changes = {name: value for name, value in columns.items() if getattr(row, name) != value}
    if changes:
        row.update_versioned(expected=row.version, **changes)
    return row
