"""Runbooks of the script: followed in incidents that got a review, practised now and then."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from incidents.models import Incident
from incidents.selectors.runbooks import runbooks_matching
from incidents.services.runbooks import runbook_start
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Runbook, RunbookRun, StepOutcome
from opsportal.knowledge.services.runs import run_finish, run_start, step_finish
from opsportal.local.demo.steps import Step

PACE: Final = timedelta(minutes=3)
PRACTISED: Final = ((33, "verify-backups"), (19, "database-restore"))  # days ago


def follow(incident: Incident, *, by: Actor, at: datetime, within: timedelta) -> None:
    """Carry out the first written runbook that matches the incident, in the time `within`."""
    match = next((match for match in runbooks_matching(incident) if match.runbook.is_written), None)
    if match is not None:
        run = runbook_start(by=by, at=at, incident=incident, runbook=match.runbook)
        _walk(run, by=by, at=at, pace=within / (len(run.text.parsed.steps) + 2))


def practice_steps(*, by: Actor, until: datetime) -> Iterator[Step]:
    """Each of the runbooks that are drills by nature, once."""
    for days, slug in PRACTISED:
        yield Step(until - timedelta(days=days), partial(_practise, slug, by))


def _practise(slug: str, by: Actor, at: datetime) -> None:
    """Carry a runbook out in practice; its end asks for a change."""
    runbook = Runbook.objects.select_related("current").get(slug=slug)
    run = run_start(by=by, at=at, runbook=runbook, is_practice=True)
    _walk(run, by=by, at=at, pace=PACE, change="Say who may open the database's network for the drill.")


def _walk(run: RunbookRun, *, by: Actor, at: datetime, pace: timedelta, change: str = "") -> None:
    """Every step on its way by hand, at each fork the first way."""
    while (step := run.text.parsed.step(run.position)) is not None and run.position < 30:
        at += pace
        choice = step.choices[0].anchor if step.choices else ""
        outcome = StepOutcome.CHOSEN if choice else StepOutcome.DONE
        run = step_finish(by=by, at=at, run=run, expected=run.version, step=step.number, outcome=outcome, choice=choice)
    run_finish(by=by, at=at + pace, run=run, expected=run.version, needs_change=bool(change), wanted_change=change)
