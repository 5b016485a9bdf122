"""Kill the worker while it carries out approved plans on the simulated AWS: nothing is done twice, nothing is guessed.

At each fail-point one plan of every kind is cut off once, then a worker that lives goes on with it.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from opsportal.local.terminal import say
from tests.faults.trial import Trial

RATE: Final = 6.0  # a reboot is over before the worker is missed, so that nothing proves it
SETTLE_SECONDS: Final = 180.0
BEFORE, AFTER = "plans.before_call", "plans.after_call"
# By kind of plan: what the simulator calls its act.
ACTS: Final = {
    "scale-service": "scale",
    "take-snapshot": "snapshot",
    "restart-tasks": "restart",
    "reboot-instance": "reboot",
}
EARLIER: Final = "was begun before"
PROVEN: Final = "read back"
# By fail-point and kind: how the plan ends, how often the call was made in all, and what its record says.
WANTED: Final = {
    (BEFORE, "scale-service"): ("done", 1, ""),
    (BEFORE, "take-snapshot"): ("done", 1, ""),
    (BEFORE, "restart-tasks"): ("unknown", 0, "the worker was lost"),
    (BEFORE, "reboot-instance"): ("unknown", 0, "the worker was lost"),
    (AFTER, "scale-service"): ("done", 1, EARLIER),
    (AFTER, "take-snapshot"): ("done", 1, EARLIER),
    (AFTER, "restart-tasks"): ("done", 1, PROVEN),
    (AFTER, "reboot-instance"): ("unknown", 1, "the worker was lost"),
}
ENDED = """
SELECT p.kind, c.risk, p.state, r.attempts, c.result
  FROM plans_plan p JOIN plans_plancall c ON c.plan_id = p.id JOIN schedule_run r ON r.key = 'plan-run:' || p.id
 WHERE p.id > %s AND p.state IN ('done', 'failed', 'unknown')
"""
HOLDERS = "SELECT holder FROM schedule_run WHERE key LIKE 'plan-run:%%' AND state = 'running'"
NEWEST = "SELECT coalesce(max(id), 0) FROM plans_plan"


class Outcome(NamedTuple):
    """What became of one plan. `made` counts how often the simulator did it, `tries` the workers that held it."""

    point: str
    kind: str
    risk: str
    state: str
    made: int
    tries: int
    said: str

    @property
    def is_right(self) -> bool:
        state, made, said = WANTED[self.point, self.kind]
        return (self.state, self.made) == (state, made) and self.tries > 1 and said in self.said

    @property
    def line(self) -> str:
        word = "" if self.is_right else "  WRONG"
        said = self.said[:70] or "made once, by the worker that went on"
        return f"{self.point:18}{self.kind:17}{self.risk:10}{self.state:9}made {self.made}  {said}{word}"


@dataclass
class Report:
    """What the trial found."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        asked = {(one.point, one.kind) for one in self.outcomes}
        return asked == set(WANTED) and all(one.is_right for one in self.outcomes)

    def lines(self) -> list[str]:
        return [one.line for one in self.outcomes]


def plans() -> Report:
    """Cut one plan of each kind off at each fail-point, let a worker go on, and look."""
    report = Report()
    with Trial(("plans",), rate=RATE, faults=f"{BEFORE}=1") as trial:
        for number, point in enumerate((BEFORE, AFTER)):
            if number:
                trial.arm("worker", f"{point}=1", SETTLE_SECONDS)
            newest, before = trial.one(NEWEST), _acts(trial)
            ask = (sys.executable, "-m", "tests.faults.prepare", "ask", str(number))
            trial.supervisor.run_steps((f"ask-{number}", ask))
            trial.wait_for("workers that were lost", lambda: _are_lost(trial), SETTLE_SECONDS)
            say(f"  {len(ACTS)} workers killed at {point}")
            trial.arm("worker", "", SETTLE_SECONDS)
            found = trial.wait_for("the plans' end", lambda since=newest: _ended(trial, since), SETTLE_SECONDS)
            made = _acts(trial)
            report.outcomes += [
                Outcome(point, kind, risk, state, made[kind] - before[kind], tries, _said(result))
                for kind, risk, state, tries, result in sorted(found)
            ]
    return report


def _ended(trial: Trial, since: int) -> list[tuple[Any, ...]] | None:
    rows = trial.rows(ENDED, since)
    return rows if len(rows) == len(ACTS) else None


def _are_lost(trial: Trial) -> bool:
    """Whether every plan is held by a process that is no more."""
    holders = [row[0] for row in trial.rows(HOLDERS)]
    return len(holders) == len(ACTS) and not any(_lives(int(holder.split(":")[1])) for holder in holders)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _acts(trial: Trial) -> dict[str, int]:
    """How often the simulator has done each."""
    path = trial.home.path / "aws.json"
    kinds = [act["kind"] for act in json.loads(path.read_text())["acts"]] if path.exists() else []
    return {kind: kinds.count(act) for kind, act in ACTS.items()}


def _said(result: dict[str, Any]) -> str:
    return str(result.get("error") or result.get("note") or result.get("proven") or "")
