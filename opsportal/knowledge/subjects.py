"""What a run belongs to, registered by the room above that knows: who may see it, and who is told of each step."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db.models import QuerySet

from opsportal.core.actor import Actor

if TYPE_CHECKING:
    from opsportal.knowledge.models import RunbookRun

HiddenRuns = Callable[[Actor], QuerySet[Any, Any]]
Listener = Callable[["RunbookRun", str, Actor, datetime], None]
_hidden: Final[list[HiddenRuns]] = []
_listeners: Final[list[Listener]] = []


def register_subjects(*, hidden: HiddenRuns, listener: Listener) -> None:
    """`hidden` gives the ids of runs an actor may not know; `listener` hears of each step in its transaction."""
    _hidden.append(hidden)
    _listeners.append(listener)


def hidden_runs(actor: Actor) -> list[QuerySet[Any, Any]]:
    """The ids of runs that this actor may not know to exist."""
    return [hidden(actor) for hidden in _hidden]


def tell(run: "RunbookRun", text: str, *, by: Actor, at: datetime) -> None:
    """Say to whom the run belongs what happened in it; nobody is told of a run without a subject."""
    if run.subject:
        for listener in _listeners:
            listener(run, text, by, at)
