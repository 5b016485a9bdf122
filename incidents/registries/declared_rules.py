"""What a platform's pack says of a clock's rule: packs stand above this room, so they register how it is read."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple


class DeclaredRule(NamedTuple):
    """A rule as the pack was applied last: its fields by the names of the pack's file."""

    pack_version: str
    applied_at: datetime
    fields: Mapping[str, Any]


Source = Callable[[Collection[int]], Mapping[tuple[int, str], DeclaredRule]]
_sources: Final[list[Source]] = []


def register_declared_rules(source: Source) -> None:
    """Say how declared rules are read, by platform id and a key such as `P1.acknowledge`. From AppConfig.ready."""
    _sources[:] = [source]


def declared_rules(platform_ids: Collection[int]) -> Mapping[tuple[int, str], DeclaredRule]:
    """Those that packs declare."""
    return _sources[0](platform_ids) if _sources else {}
