"""A run as its page shows it: each step with what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from opsportal.knowledge.models import RunbookRun, RunbookStepAnswer, RunbookStepRun, StepOutcome
from opsportal.knowledge.runbooks.step_kinds import Followed, can_ask, followed
from opsportal.knowledge.runbooks.text import Step

_GLYPHS = {
    "done": "circle-check",
    "chosen": "git-fork",
    "skipped": "arrow-right",
    "failed": "circle-x",
    "now": "play",
    "passed": "circle-dashed",
    "todo": "circle",
}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step. `state` is done, chosen, skipped, failed, now, passed (a decision led past it) or todo."""

    step: Step
    state: str
    attempts: Sequence[RunbookStepRun]
    can_ask: bool
    followed: Mapping[str, Followed] = field(default_factory=dict)

    @property
    def glyph(self) -> str:
        return _GLYPHS[self.state]

    @property
    def last(self) -> RunbookStepRun | None:
        """The newest result."""
        closed = [row for row in self.attempts if row.outcome != StepOutcome.ASKED]
        return closed[-1] if closed else None

    @property
    def tries(self) -> int:
        """How often a person closed it; a question to the portal is none."""
        return sum(row.outcome != StepOutcome.ASKED for row in self.attempts)

    @property
    def answer(self) -> RunbookStepAnswer | None:
        """The newest answer of the portal."""
        for row in reversed(self.attempts):
            if hasattr(row, "answer"):
                found: RunbookStepAnswer = row.answer
                return found
        return None

    @property
    def plan(self) -> Followed | None:
        """What became of the plan that the newest answer asked for."""
        return self.followed.get(self.answer.url) if self.answer else None

    @property
    def may_ask(self) -> bool:
        """Whether the portal may be asked now: not while an answer or a plan is awaited, nor when one was done."""
        return self.can_ask and self.waiting is None and (self.plan is None or self.plan.may_ask)

    @property
    def shows_log(self) -> bool:
        """Whether its answer is lines of a log, which not everyone may read who may see the run."""
        return "logs" in self.step.params

    @property
    def waiting(self) -> RunbookStepRun | None:
        """The question that has no answer yet."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.outcome == StepOutcome.ASKED and not hasattr(last, "answer") else None

    @property
    def took(self) -> timedelta | None:
        return self.last.at - self.last.started_at if self.last else None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its steps."""

    run: RunbookRun
    steps: Sequence[StepView]

    @property
    def closed(self) -> int:
        return sum(view.last is not None for view in self.steps)


def run_view(run: RunbookRun) -> RunView:
    """Every step of the version the run keeps, its results, and what became of plans; two queries."""
    results: dict[int, list[RunbookStepRun]] = {}
    rows = run.step_runs.select_related("answer", "by_user").order_by("step", "attempt", "pk")
    for row in rows:
        results.setdefault(row.step, []).append(row)
    plans = followed({row.answer.url for row in rows if hasattr(row, "answer") and row.answer.url})
    return RunView(run, [_step(run, step, results.get(step.number, []), plans) for step in run.text.parsed.steps])


def _step(run: RunbookRun, step: Step, attempts: list[RunbookStepRun], plans: Mapping[str, Followed]) -> StepView:
    closed = [row.outcome for row in attempts if row.outcome != StepOutcome.ASKED]
    if run.is_running and step.number == run.position:
        state = "now"
    elif closed:
        state = str(closed[-1])
    else:
        state = "passed" if step.number < run.position else "todo"
    return StepView(step, state, attempts, can_ask(step), plans)
