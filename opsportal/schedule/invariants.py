"""Statements that must always hold, proved every minute by the auditor loop with bounded queries.

Each app registers its own from `AppConfig.ready`: an incident without a notice, a checklist past its time without a
verdict, … What is found shows on the portal-health page and in the red banner.
"""

from collections.abc import Callable, Mapping
from typing import Final

Check = Callable[[], list[str]]
MAX_FINDINGS: Final = 20
_registry: dict[str, Check] = {}


class InvariantError(ValueError):
    """An invariant is declared twice."""


def invariant(*, name: str) -> Callable[[Check], Check]:
    """Register a check. It returns one plain sentence per finding, at most 20, from a query bounded by an index."""

    def register(check: Check) -> Check:
        if name in _registry:
            raise InvariantError(f"The invariant {name} is declared twice.")
        _registry[name] = check
        return check

    return register


def invariants() -> Mapping[str, Check]:
    """Every registered check by name."""
    return dict(sorted(_registry.items()))
