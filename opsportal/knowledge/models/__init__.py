"""What the team knows: decisions, runbooks and their runs."""

from opsportal.knowledge.models.decisions import Decision, DecisionQuerySet, DecisionStatus
from opsportal.knowledge.models.runbooks import Runbook, RunbookQuerySet, RunbookVersion
from opsportal.knowledge.models.runs import (
    RunbookRun,
    RunbookRunQuerySet,
    RunbookStepAnswer,
    RunbookStepRun,
    RunState,
    StepOutcome,
)

__all__ = [
    "Decision",
    "DecisionQuerySet",
    "DecisionStatus",
    "RunState",
    "Runbook",
    "RunbookQuerySet",
    "RunbookRun",
    "RunbookRunQuerySet",
    "RunbookStepAnswer",
    "RunbookStepRun",
    "RunbookVersion",
    "StepOutcome",
]
