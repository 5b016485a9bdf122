"""The registry of loops: work that PostgreSQL alone can drive, run by `manage.py dispatcher`.

Each app declares its loops in `<app>/loops.py` and imports that module in `AppConfig.ready`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opsportal.core.models import VersionConflictError

LoopFunction = Callable[[datetime], int]

MAX_LIMIT: Final = 40.0  # a hanging pass must show as dead within 60 s
_registry: dict[str, "Loop"] = {}


class LoopError(ValueError):
    """A loop is declared twice, or without sensible times."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop: its pass, how often it polls, how long a pass may take (both real seconds), its wake-up channel."""

    name: str
    run: LoopFunction
    every: float
    limit: float
    channel: str | None


def loop(
    *, name: str, every: float, limit: float = 30.0, channel: str | None = None
) -> Callable[[LoopFunction], LoopFunction]:
    """Register a pass: it gets the business time and returns how many items it did.

    More than 0 runs it again at once. Several dispatchers may run the same pass at the same time, so the work must be
    claimed (SKIP LOCKED, a unique insert). Raises LoopError.
    """

    def register(run: LoopFunction) -> LoopFunction:
        if name in _registry:
            raise LoopError(f"The loop {name} is declared twice.")
        if every <= 0 or not 0 < limit <= MAX_LIMIT:
            raise LoopError(f"The loop {name} needs every > 0 and a limit of at most {MAX_LIMIT:g} s.")
        _registry[name] = Loop(name=name, run=run, every=every, limit=limit, channel=channel)
        return run

    return register


def settle(deed: Callable[[], object]) -> int:
    """Do it and count 1; 0 when a person or the other dispatcher changed the row in this very moment."""
    try:
        deed()
    except VersionConflictError:
        return 0
    return 1


def loops() -> Mapping[str, Loop]:
    """Every registered loop by name."""
    return dict(sorted(_registry.items()))
