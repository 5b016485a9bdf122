"""What platforms' packs say of capacity and cost: packs stand above this room, so they register how it is read."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple


class DeclaredPolicy(NamedTuple):
    """An entry of a pack's policy: in words, and as numbers by name where the guide gives some."""

    platform_id: int
    group: str
    key: str
    title: str
    value: str
    figures: Mapping[str, float]
    source: str


Source = Callable[[Collection[int], str], list[DeclaredPolicy]]
_sources: Final[list[Source]] = []


def register_declared_policy(source: Source) -> None:
    """Say how the policy of platforms is read, by their ids and the entries' group. From AppConfig.ready."""
    _sources[:] = [source]


def declared_policy(platform_ids: Collection[int], group: str) -> list[DeclaredPolicy]:
    """The entries of a group, platform by platform."""
    return _sources[0](platform_ids, group) if _sources and platform_ids else []
