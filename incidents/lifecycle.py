"""The life of an incident as one table: no I/O, no Django.

Detect → Assess → Respond → Communicate → Resolve → Document (Phase09 §2). While the incident is open, people may
go forward and back between the working stages; resolving leads to Document, closing ends it, reopening leads back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from incidents.errors import IncidentError

QUEUE_RANK: Final = 3  # from this rank on, work waits in the queue (M-CLK-07): Phase09's P2 and milder


class Stage(StrEnum):
    DETECT = "detect"
    ASSESS = "assess"
    RESPOND = "respond"
    COMMUNICATE = "communicate"
    RESOLVE = "resolve"
    DOCUMENT = "document"


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


class TransitionError(IncidentError):
    """The life cycle does not know this step; the text is a sentence for the person who asked."""


class TimeOrderError(IncidentError):
    """A time stands before one that must precede it."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an incident stands."""

    state: State
    stage: Stage


START: Final = Position(State.OPEN, Stage.DETECT)
ORDER: Final = tuple(Stage)
WORKING: Final = (Stage.ASSESS, Stage.RESPOND, Stage.COMMUNICATE, Stage.RESOLVE)

# From each stage of an open incident to where a person may move it by hand; back-steps among the working ones.
STEPS: Final[Mapping[Stage, frozenset[Stage]]] = {
    Stage.DETECT: frozenset(WORKING),
    **{stage: frozenset(WORKING) - {stage} for stage in WORKING},
    Stage.DOCUMENT: frozenset(),
}


def advance(position: Position, target: Stage) -> Position:
    """Move an open incident to `target`. Raises TransitionError."""
    if position.state is not State.OPEN:
        raise TransitionError(f"The incident is {position.state}: reopen it to change its stage.")
    if target not in STEPS[position.stage]:
        raise TransitionError(f"No step leads from {position.stage} to {target}.")
    return Position(State.OPEN, target)


def is_responding(position: Position) -> bool:
    """Whether someone works on it: Respond or any later stage."""
    return ORDER.index(position.stage) >= ORDER.index(Stage.RESPOND)


def acknowledge(position: Position) -> Position:
    """Someone has it: Detect becomes Assess, a later stage stays."""
    if position.state is not State.OPEN:
        raise TransitionError(f"The incident is {position.state}: nothing is left to acknowledge.")
    return Position(State.OPEN, Stage.ASSESS) if position.stage is Stage.DETECT else position


def mitigate(position: Position) -> Position:
    """Users are served again, the cause may remain: on to Resolve."""
    if position.state is not State.OPEN:
        raise TransitionError(f"The incident is {position.state}: it cannot be marked mitigated.")
    return Position(State.OPEN, Stage.RESOLVE)


def resolve(position: Position) -> Position:
    """It is over; what remains is to document it."""
    if position.state is not State.OPEN:
        raise TransitionError(f"The incident is already {position.state}.")
    return Position(State.RESOLVED, Stage.DOCUMENT)


def close(position: Position) -> Position:
    """Only a resolved incident closes."""
    if position.state is not State.RESOLVED:
        word = "closed already" if position.state is State.CLOSED else "still open: resolve it first"
        raise TransitionError(f"The incident is {word}.")
    return Position(State.CLOSED, Stage.DOCUMENT)


def reopen(position: Position) -> Position:
    """It came back: respond again."""
    if position.state is State.OPEN:
        raise TransitionError("The incident is open.")
    return Position(State.OPEN, Stage.RESPOND)


def merge(position: Position) -> Position:
    """It is told under another number: nothing is left to do under this one."""
    if position.state is State.CLOSED:
        raise TransitionError("The incident is closed: its record stands as it is.")
    return Position(State.CLOSED, Stage.DOCUMENT)


# Each time and those it may not precede. Declared may come before the impact is fully known, so it hangs on
# detection only.
PRECEDED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "impact_started_at": (),
    "detected_at": ("impact_started_at",),
    "declared_at": ("detected_at",),
    "acknowledged_at": ("declared_at",),
    "resolved_at": ("impact_started_at", "detected_at", "mitigated_at"),
    "mitigated_at": ("impact_started_at", "detected_at"),
    "closed_at": ("resolved_at",),
}


def check_times(times: Mapping[str, datetime | None]) -> None:
    """Refuse a time that stands before its predecessor. Raises TimeOrderError with a sentence."""
    for name, earlier_names in PRECEDED_BY.items():
        value = times.get(name)
        for earlier in earlier_names:
            before = times.get(earlier)
            if value is not None and before is not None and value < before:
                raise TimeOrderError(f"{_word(name)} cannot be before {_word(earlier).lower()}.")


class TimeState(StrEnum):
    """How a time of the record stands."""

    RECORDED = "recorded"
    PENDING = "pending"
    NOT_APPLICABLE = "not applicable"
    CONTRADICTORY = "contradictory"


# From which state on each time can come no more; one that is missing then is not applicable.
_OVER_FROM: Final[Mapping[str, State]] = {
    "acknowledged_at": State.RESOLVED,
    "mitigated_at": State.RESOLVED,
    "resolved_at": State.RESOLVED,
    "closed_at": State.CLOSED,
}
_STATES: Final = tuple(State)


def time_states(times: Mapping[str, datetime | None], state: State) -> dict[str, TimeState]:
    """How each of the seven times stands. Contradictory: before one that must precede it, as an import may bring."""
    found = {}
    for name, earlier_names in PRECEDED_BY.items():
        value = times.get(name)
        if value is None:
            is_over = name in _OVER_FROM and _STATES.index(state) >= _STATES.index(_OVER_FROM[name])
            found[name] = TimeState.NOT_APPLICABLE if is_over else TimeState.PENDING
            continue
        before = [times.get(earlier) for earlier in earlier_names]
        is_wrong = any(other is not None and value < other for other in before)
        found[name] = TimeState.CONTRADICTORY if is_wrong else TimeState.RECORDED
    return found


def _word(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ").capitalize()
