"""What a platform's pack says of a rule that is edited here: packs stand above, so they register how it is read."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple


class Declared(NamedTuple):
    """An object as the pack was applied last: its fields by the names of the pack's file."""

    pack_version: str
    applied_at: datetime
    fields: Mapping[str, Any]


Source = Callable[[str, Collection[int]], Mapping[tuple[int, str], Declared]]
_sources: Final[list[Source]] = []


def register_declared(source: Source) -> None:
    """Say how declared objects of a kind are read, by platform id and key. From AppConfig.ready."""
    _sources[:] = [source]


def declared(kind: str, platform_ids: Collection[int]) -> Mapping[tuple[int, str], Declared]:
    """Those that packs declare: `clock` by a key such as `P1.acknowledge`, `threshold` by its own."""
    return _sources[0](kind, platform_ids) if _sources else {}
