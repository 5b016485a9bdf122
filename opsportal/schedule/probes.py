"""How old our knowledge of the outside is: an app that depends on something outside registers a probe here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ProbeState = Literal["ok", "stale", "down", "off"]


@dataclass(frozen=True, slots=True)
class Probe:
    """One dependency: when it last answered (real time), and one sentence. `off`: not configured, nothing expected."""

    name: str
    state: ProbeState
    at: datetime | None
    text: str


_registry: dict[str, Callable[[], Probe]] = {}


def register_probe(name: str, probe: Callable[[], Probe]) -> None:
    """Show `probe` on the portal-health page; it must answer from the database, never by asking outside."""
    _registry[name] = probe


def probes() -> list[Probe]:
    """Every registered dependency as it stands now."""
    return [_registry[name]() for name in sorted(_registry)]
