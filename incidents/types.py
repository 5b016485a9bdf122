"""What each type of incident brings along, as one table: no I/O, no Django.

A type proposes; whoever declares may choose otherwise, and everything can be changed after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    OUTAGE = "outage"
    DEGRADATION = "degradation"
    SECURITY = "security"
    DATA_CORRUPTION = "data_corruption"
    DATA_BREACH = "data_breach"
    PLANNED_WORK = "planned_work"


@dataclass(frozen=True, slots=True)
class Question:
    """Something to answer; `ends` names the clock that a yes meets."""

    key: str
    text: str
    ends: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What is assumed when nobody says otherwise. `rank` 1 is worst; `why` says where it comes from.

    `title` proposes one, `{service}` stands for the service's name.
    """

    rank: int
    why: str
    title: str
    is_restricted: bool = False
    pages: bool = False
    clocks: tuple[str, ...] = ()
    checklist: tuple[Question, ...] = ()


BREACH_CLOCK: Final = "breach"  # 72 h, GDPR art. 33

# GDPR art. 33 and 34: what the notice holds, whom it reaches, and what is kept.
BREACH_CHECKLIST: Final = (
    Question("breach_scope", "Data, people and records concerned are known"),
    Question("breach_risk", "Risk to the people concerned is assessed"),
    Question("breach_measures", "Measures against the effects are taken"),
    Question("breach_authority", "Supervisory authority is notified (art. 33)", ends=BREACH_CLOCK),
    Question("breach_people", "The people are told, if their risk is high (art. 34)"),
    Question("breach_record", "Facts, effects and remedy are recorded (art. 33 (5))"),
)

TYPES: Final[Mapping[Type, Defaults]] = {
    Type.OUTAGE: Defaults(rank=1, why="as Bookstore, SoleMate and Phase09 rate it", title="{service} is down"),
    Type.DEGRADATION: Defaults(
        rank=2, why="who declares means it; milder is one click away", title="{service} is slow or failing"
    ),
    Type.SECURITY: Defaults(
        rank=1,
        why="as Bookstore and Phase09 rate a security breach",
        title="Security incident in {service}",
        is_restricted=True,
        pages=True,
    ),
    Type.DATA_CORRUPTION: Defaults(
        rank=1,
        why="as Bookstore and Phase09 rate data loss",
        title="Data corrupted in {service}",
        is_restricted=True,
        pages=True,
    ),
    Type.DATA_BREACH: Defaults(
        rank=1,
        why="as SoleMate rates a data breach",
        title="Personal data of {service} exposed",
        is_restricted=True,
        pages=True,
        clocks=(BREACH_CLOCK,),
        checklist=BREACH_CHECKLIST,
    ),
    Type.PLANNED_WORK: Defaults(
        rank=2,
        why="portal default: the window was agreed, the effect was not",
        title="Planned work on {service} went wrong",
    ),
}


def defaults(kind: str) -> Defaults:
    """The row of a stored type."""
    return TYPES[Type(kind)]


# Phase09's five triage questions (M-INC-06).
TRIAGE: Final = (
    Question("users", "Users affected"),
    Question("core_function", "Core function"),
    Question("data_at_risk", "Data at risk"),
    Question("sla_breached", "SLA breached"),
    Question("security", "Security compromised"),
)
MILDEST: Final = 4  # what five times "no" suggests

# The rank that a yes suggests where the platform's pack makes no choice; the guide only asks the question.
PORTAL_RANKS: Final[Mapping[str, int]] = {
    "data_at_risk": 1,
    "security": 1,
    "core_function": 2,
    "sla_breached": 2,
    "users": 3,
}


def questions(kind: str) -> Sequence[Question]:
    """The five of triage, and what else this type must answer."""
    return (*TRIAGE, *defaults(kind).checklist)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a platform's pack decided: question → rank, and where it stands."""

    ranks: Mapping[str, int]
    source: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A severity that the answers speak for. It is never set by itself."""

    rank: int
    reason: str
    source: str


def suggested(answers: Mapping[str, Mapping[str, str]], choice: Choice | None = None) -> Suggestion | None:
    """The worst rank any answer speaks for; None while nothing speaks for one.

    The pack's choice stands before the portal's default, question by question. Five times "no" suggests the mildest.
    """
    found: Suggestion | None = None
    for question in TRIAGE:
        if answers.get(question.key, {}).get("answer") != "yes":
            continue
        chosen = choice is not None and question.key in choice.ranks
        rank = choice.ranks[question.key] if choice is not None and chosen else PORTAL_RANKS[question.key]
        if found is None or rank < found.rank:
            source = choice.source if choice is not None and chosen else "portal default"
            found = Suggestion(rank, question.text.lower(), source)
    if found is None and all(answers.get(question.key, {}).get("answer") == "no" for question in TRIAGE):
        return Suggestion(MILDEST, "five times no", "portal default")
    return found
