"""How steps that ask are carried out. The room that owns the data registers; a step that asks only reads."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from opsportal.core.actor import Actor
from opsportal.knowledge.runbooks.lint import lint
from opsportal.knowledge.runbooks.text import Problem, Step, StepKind, parse
from opsportal.platforms.models import Platform

logger = structlog.get_logger(__name__)

MAX_ROWS: Final = 50
MAX_CELL: Final = 300
NO_PLAN_IN_PRACTICE: Final = (
    "In practice no plan is made; in earnest one would wait here for another person's approval."
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a step asks, about which platform, at which (business) time, who wants to know, and what the run is for.

    In practice nothing is asked for that would change anything.
    """

    platform: Platform
    kind: StepKind
    params: Mapping[str, Any]
    at: datetime
    by: Actor
    subject: str = ""
    is_practice: bool = False


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """What was found. `verdict` is ok, warn, fail, unknown (could not check), or "" where nothing is judged."""

    verdict: str
    summary: str
    fetched_at: datetime
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of a plan since a step asked for it. `kind` is a word of the state language.

    `may_ask` says that it came to nothing: asking for another does not do the same thing twice.
    """

    kind: str
    summary: str
    may_ask: bool


Ask = Callable[[Question], StepAnswer]
Follow = Callable[[Collection[str]], Mapping[str, Followed]]
Judge = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class _Executor:
    ask: Ask
    problem: Judge


_executors: Final[dict[str, _Executor]] = {}
_plans: Final[dict[str, Ask]] = {}
_followers: Final[list[Follow]] = []


def register_step(kind: str, *, ask: Ask, problem: Judge) -> None:
    """Say how steps of a kind are carried out; `problem` says why the fields of one make no sense, or ""."""
    _executors[kind] = _Executor(ask, problem)


def register_plan(kind: str, make: Ask) -> None:
    """Say how an action of this kind is written down as a plan; another person approves it there."""
    _plans[kind] = make


def register_follow(follow: Follow) -> None:
    """Say what became of the plans at the addresses that answers lead to; one call for all of them."""
    _followers.append(follow)


def followed(urls: Collection[str]) -> dict[str, Followed]:
    """What became of the plans at these addresses, by address."""
    return {url: found for follow in _followers if urls for url, found in follow(urls).items()}


def can_ask(step: Step) -> bool:
    """Whether the portal itself carries the step out; an action without a kind of plan is done by hand."""
    return step.is_asked or (step.kind == StepKind.ACTION and step.params.get("plan") in _plans)


def ask_step(question: Question) -> StepAnswer:
    """Carry out a step that asks. Whatever goes wrong is *could not check*."""
    if question.is_practice and question.kind == StepKind.ACTION:
        return StepAnswer("", NO_PLAN_IN_PRACTICE, question.at)
    executor = _executors.get(_executor_name(question.kind))
    ask = _plans.get(question.params.get("plan", "")) if question.kind == StepKind.ACTION else None
    if executor is not None:
        problem = executor.problem(question.params)
        if problem:
            return StepAnswer("unknown", problem, question.at)
        ask = executor.ask
    if ask is None:
        return StepAnswer("unknown", f"This portal cannot carry out this {question.kind}.", question.at)
    try:
        return ask(question)
    except Exception as error:  # one broken step must not end the run
        logger.warning("knowledge.step_failed", kind=question.kind, exc_info=True)
        return StepAnswer("unknown", f"{type(error).__name__}: {error}"[:300], question.at)


def _executor_name(kind: StepKind) -> str:
    return StepKind.CHECK if kind == StepKind.WAIT else kind


def problems_of(text: str) -> tuple[Problem, ...]:
    """The lint of a text, with what only the rooms above know: checks that are not registered, unfit parameters."""
    return tuple(sorted([*lint(text), *(found for step in parse(text).steps for found in _unfit(step))]))


def _unfit(step: Step) -> list[Problem]:
    executor = _executors.get(_executor_name(step.kind))
    if not step.is_asked or executor is None or not step.params:
        return []
    problem = executor.problem(step.params)
    return [Problem(step.line, f"“{step.title}”: {problem}")] if problem else []
