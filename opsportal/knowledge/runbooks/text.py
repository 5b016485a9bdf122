"""A runbook's text taken apart: sections, steps, and where each step leads. Pure: no Django, no I/O.

`## Section` headings hold text and steps; a step is `### Title`, text, commands in fences, and at most one fence that
says what kind of step it is: `check`, `query`, `http`, `decision`, `wait` or `action`, in YAML. Without one it is done
by hand. `Then: anchor` on a line of its own names the step that follows when it is not the next one; a step's anchor
is its title in kebab. The section *Verification* says how one knows that it worked, and is obligatory.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import yaml

VERIFICATION: Final = "verification"
END: Final = "end"
MAX_STEPS: Final = 60
_FENCE: Final = re.compile(r"^ {0,3}(```+|~~~+)\s*([\w-]*)\s*$")
_THEN: Final = re.compile(r"^Then: #?([a-z0-9-]+)$")


class StepKind(StrEnum):
    MANUAL = "manual"
    CHECK = "check"
    QUERY = "query"
    HTTP = "http"
    DECISION = "decision"
    WAIT = "wait"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Command:
    """A fence that a person copies; `language` is what stands behind the back-ticks."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One way out of a decision: what a person sees, and the anchor it leads to."""

    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a step as it is shown: Markdown text, or a command to copy."""

    text: str = ""
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `number` counts from 1 over the whole runbook."""

    number: int
    anchor: str
    title: str
    section: str
    kind: StepKind
    parts: tuple[Part, ...]
    params: Mapping[str, Any]
    choices: tuple[Choice, ...]
    then: str
    line: int

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(part.command for part in self.parts if part.command)

    @property
    def is_verification(self) -> bool:
        return anchor_of(self.section) == VERIFICATION

    @property
    def is_asked(self) -> bool:
        """Whether the portal itself can find out: a check, a query, a request, something to wait for."""
        waits = self.kind == StepKind.WAIT and "check" in self.params
        return waits or self.kind in (StepKind.CHECK, StepKind.QUERY, StepKind.HTTP)


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below one `##` heading; the text before the first has no title."""

    title: str
    text: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in the text. An error keeps it from being published."""

    line: int
    text: str = field(compare=False)
    is_error: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A runbook's text, understood; `problems` are those of its form."""

    sections: tuple[Section, ...]
    problems: tuple[Problem, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for section in self.sections for step in section.steps)

    def step(self, number: int) -> Step | None:
        steps = self.steps
        return steps[number - 1] if 0 < number <= len(steps) else None

    def number_of(self, anchor: str) -> int | None:
        """The number of the step an anchor leads to; one past the last for the end, None when there is none."""
        if anchor == END:
            return len(self.steps) + 1
        for step in self.steps:
            if step.anchor == anchor or (anchor == VERIFICATION and step.is_verification):
                return step.number
        return None

    def after(self, number: int, choice: str = "") -> int:
        """The number of the step that follows `number`; `choice` is the anchor chosen there."""
        step = self.step(number)
        assert step is not None
        anchor = choice or step.then
        target = self.number_of(anchor) if anchor else None
        return target if target is not None else number + 1


def anchor_of(title: str) -> str:
    """`roll-back-the-deployment` for "Roll back the deployment"."""
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words)[:60] or "step"


def parse(text: str) -> Parsed:
    """Take a runbook's text apart."""
    problems: list[Problem] = []
    sections: list[Section] = []
    anchors: set[str] = set()
    count = 0
    for title, lines, first in _cut(text.split("\n"), "## ", 1):
        head, *blocks = list(_cut(lines, "### ", first + 1))
        steps = []
        for step_title, body, line in blocks:
            count += 1
            step = _step(count, step_title, title, body, line, problems)
            if step.anchor in anchors or step.anchor in (END, VERIFICATION):
                problems.append(Problem(line, f"Two steps are called “{step_title}”; choose another title."))
            anchors.add(step.anchor)
            steps.append(step)
        sections.append(Section(title, "\n".join(head[1]).strip(), tuple(steps)))
    parsed = Parsed(tuple(sections), ())
    problems += _whole(parsed)
    return Parsed(parsed.sections, tuple(sorted(problems)))


def _cut(lines: Sequence[str], mark: str, first: int) -> Iterator[tuple[str, list[str], int]]:
    """(heading, lines below it, line number of the heading); what stands before the first heading comes as ""."""
    title, body, line, fence = "", list[str](), first - 1, ""
    for number, text in enumerate(lines, start=first):
        found = _FENCE.match(text)
        if found and not fence:
            fence = found[1]
        elif found and fence and found[1].startswith(fence) and not found[2]:
            fence = ""
        if not fence and text.startswith(mark):
            yield title, body, line
            title, body, line = text[len(mark) :].strip(), [], number
        else:
            body.append(text)
    yield title, body, line


def _step(number: int, title: str, section: str, lines: list[str], line: int, problems: list[Problem]) -> Step:
    kind, params, choices, then = StepKind.MANUAL, dict[str, Any](), tuple[Choice, ...](), ""
    parts: list[Part] = []
    for text, language, at in _fences(lines, line + 1):
        if language is None:
            kept = []
            for row in text.split("\n"):
                found = _THEN.match(row)
                then = found[1] if found else then
                if not found:
                    kept.append(row)
            prose = "\n".join(kept).strip()
            parts += [Part(text=prose)] if prose else []
        elif language in _KINDS:
            if kind != StepKind.MANUAL:
                problems.append(Problem(at, f"“{title}” is of two kinds; make two steps of it."))
            kind = StepKind(language)
            params, choices = _params(kind, text, at, problems)
        else:
            parts.append(Part(command=Command(language, text, at)))
    if not title:
        problems.append(Problem(line, "A step has no title."))
    return Step(number, anchor_of(title), title, section, kind, tuple(parts), params, choices, then, line)


_KINDS: Final = frozenset(kind.value for kind in StepKind if kind != StepKind.MANUAL)


def _fences(lines: Sequence[str], first: int) -> Iterator[tuple[str, str | None, int]]:
    """(text, language, line): language is None for prose, "" for a fence that names none."""
    held: list[str] = []
    fence, language, began = "", "", first
    for number, row in enumerate(lines, start=first):
        found = _FENCE.match(row)
        if found and not fence:
            yield "\n".join(held), None, began
            held, fence, language, began = [], found[1], found[2].lower(), number
        elif found and fence and found[1].startswith(fence) and not found[2]:
            yield "\n".join(held), language, began
            held, fence, began = [], "", number + 1
        else:
            held.append(row)
    yield "\n".join(held), language if fence else None, began


def _params(kind: StepKind, text: str, line: int, problems: list[Problem]) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        problems.append(Problem(line, f"The {kind} is no valid YAML."))
        return {}, ()
    if kind == StepKind.DECISION:
        rows = data if isinstance(data, list) else []
        choices = tuple(
            Choice(str(said), str(anchor).removeprefix("#"))
            for row in rows
            if isinstance(row, Mapping)
            for said, anchor in row.items()
        )
        if len(choices) < 2:
            problems.append(Problem(line, "A decision has two lines or more such as “- It is the database: database”."))
        return {}, choices
    if not isinstance(data, Mapping):
        problems.append(Problem(line, f"The {kind} has lines such as “{_EXAMPLE[kind]}”."))
        return {}, ()
    params = {str(name): value for name, value in data.items()}
    problem = _unfit(kind, params)
    if problem:
        problems.append(Problem(line, problem))
    return params, ()


_EXAMPLE: Final = {
    StepKind.CHECK: "check: service.healthy",
    StepKind.QUERY: "metric: {service: web, metric: cpu, stat: Average, minutes: 60}",
    StepKind.HTTP: "url: https://example.com/health",
    StepKind.WAIT: "minutes: 10",
    StepKind.ACTION: "plan: database-analyze",
}
_FIELDS: Final[Mapping[StepKind, Mapping[str, type]]] = {
    StepKind.CHECK: {"check": str, "params": dict},
    StepKind.QUERY: {"metric": dict, "sql": str, "database": str, "logs": dict},
    StepKind.HTTP: {"url": str, "expect": int},
    StepKind.WAIT: {"check": str, "params": dict, "minutes": int},
    StepKind.ACTION: {"plan": str, "params": dict},
}
_NEEDED: Final = {
    StepKind.CHECK: ("check",), StepKind.HTTP: ("url",), StepKind.WAIT: ("minutes",), StepKind.ACTION: ("plan",),
}  # fmt: skip


def _unfit(kind: StepKind, params: Mapping[str, Any]) -> str:
    """Why the fields of a step's kind cannot be used, or ""."""
    known = _FIELDS[kind]
    for name, value in params.items():
        if name not in known:
            return f"A {kind} has no field {name}; it has {', '.join(known)}."
        if not isinstance(value, known[name]) or isinstance(value, bool):
            return f"{name} of a {kind} is written as in “{_EXAMPLE[kind]}”."
    missing = [name for name in _NEEDED.get(kind, ()) if name not in params]
    if missing:
        return f"The {kind} needs {missing[0]}: “{_EXAMPLE[kind]}”."
    if kind == StepKind.QUERY:
        if sum(name in params for name in ("metric", "sql", "logs")) != 1:
            return "A query asks for a metric, by sql or the logs, one of them."
        if "sql" in params:
            return "" if "database" in params else "A query by sql names its database."
    return ""


def _whole(parsed: Parsed) -> Iterator[Problem]:
    """What no single step can know."""
    steps = parsed.steps
    if not steps:
        yield Problem(1, "It has no step; a step begins with “### ” and its title.")
    elif not any(step.is_verification for step in steps):
        yield Problem(1, "It has no step below “## Verification”: how does one know that it worked?")
    if len(steps) > MAX_STEPS:
        yield Problem(1, f"It has more than {MAX_STEPS} steps; make two runbooks of it.")
    for step in steps:
        for anchor in (step.then, *(choice.anchor for choice in step.choices)):
            if anchor and parsed.number_of(anchor) is None:
                yield Problem(step.line, f"“{step.title}” leads to {anchor}, which is no step.")
