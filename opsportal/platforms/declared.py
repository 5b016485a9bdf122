"""What packs say of what is edited or measured here: they stand above, so they register how they are read."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple


class Declared(NamedTuple):
    """An object as the pack was applied last: its fields by the names of the pack's file."""

    pack_version: str
    applied_at: datetime
    fields: Mapping[str, Any]


class DeclaredPolicy(NamedTuple):
    """An entry of a pack's policy: in words, and as numbers by name where the guide gives some."""

    platform_id: int
    group: str
    key: str
    title: str
    value: str
    figures: Mapping[str, float]
    source: str


Objects = Callable[[str, Collection[int]], Mapping[tuple[int, str], Declared]]
Policy = Callable[[Collection[int], str], list[DeclaredPolicy]]
_sources: Final[list[tuple[Objects, Policy]]] = []


def register_declared(objects: Objects, policy: Policy) -> None:
    """Say how objects are read by kind and platforms, and policy by platforms and group. From AppConfig.ready."""
    _sources[:] = [(objects, policy)]


def declared(kind: str, platform_ids: Collection[int]) -> Mapping[tuple[int, str], Declared]:
    """Those that packs declare: `clock` by a key such as `P1.acknowledge`, `threshold` by its own."""
    return _sources[0][0](kind, platform_ids) if _sources else {}


def declared_policy(platform_ids: Collection[int], group: str) -> list[DeclaredPolicy]:
    """The entries of a group, platform by platform."""
    return _sources[0][1](platform_ids, group) if _sources and platform_ids else []
