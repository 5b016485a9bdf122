"""What an incident can be declared from: each room registers how its rows are read, so that a link is enough.

`/incidents/declare/?from=alarm:7` opens the form filled in; nothing is stored before it is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from incidents.types import Type
from opsportal.core.actor import Actor

if TYPE_CHECKING:
    from incidents.models import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Something that became an incident. `settle` writes there what came of it, in the same transaction."""

    name: str
    url: str
    platform_id: int
    title: str
    detection_source: str
    service_id: int | None = None
    type: str = Type.DEGRADATION
    severity_id: int | None = None
    summary: str = ""
    signal: str = ""
    since: datetime | None = None
    settle: Callable[["Incident", Actor, datetime], object] | None = None


Finder = Callable[[Actor, int], Origin | None]
_finders: Final[dict[str, Finder]] = {}


def register_origin(kind: str, finder: Finder) -> None:
    """Let incidents be declared from rows of this kind; `finder` gives None for what the actor may not see."""
    _finders[kind] = finder


def origin_of(actor: Actor, named: str) -> Origin | None:
    """What `alarm:7` names, as this actor may see it; None when it names nothing."""
    kind, _, digits = named.partition(":")
    finder = _finders.get(kind)
    if finder is None or not (digits.isascii() and digits.isdigit() and len(digits) < 12):
        return None
    return finder(actor, int(digits))
