"""What a platform's pack decided about triage: packs stand above this room, so they register how it is read."""

from collections.abc import Callable
from typing import Final

from incidents.types import Choice

ChoiceOf = Callable[[int], Choice | None]
_sources: Final[list[ChoiceOf]] = []


def register_choice(source: ChoiceOf) -> None:
    """Say how a platform's own choice is read, by its id. From AppConfig.ready."""
    _sources[:] = [source]


def choice_of(platform_id: int) -> Choice | None:
    """The platform's own choice; None: its pack makes none."""
    return _sources[0](platform_id) if _sources else None
