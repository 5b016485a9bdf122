"""Work for the Celery worker: steps of a runbook that ask AWS's rows, a database or an address."""

from collections.abc import Mapping
from typing import Any

from opsportal.accounts.actors import user_actor
from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.knowledge.models import RunbookStepRun
from opsportal.knowledge.runbooks.step_kinds import Question, ask_step
from opsportal.knowledge.services.runs import ASK_TASK, step_answered
from opsportal.schedule.services import RunClaim
from opsportal.schedule.tasks import scheduled_task


def answer_step(claim: RunClaim) -> Mapping[str, Any]:
    """Carry out one step and keep its answer."""
    rows = RunbookStepRun.objects.select_related("run__platform", "run__text", "run__runbook", "by_user")
    asked = rows.get(pk=claim.args["step_run"])
    step = asked.run.text.parsed.step(asked.step)
    assert step is not None
    by = system_actor("knowledge.runbooks")
    # A plan is requested by the person, so that another one must approve it.
    who = user_actor(asked.by_user) if asked.by_user else by
    run = asked.run
    answer = ask_step(
        Question(
            platform=run.platform,
            kind=step.kind,
            params=step.params,
            at=clock.now(),
            by=who,
            subject=run.subject,
            is_practice=run.is_practice,
        )
    )
    step_answered(by=by, at=clock.now(), asked=asked, answer=answer)
    return {"verdict": answer.verdict}


ask = scheduled_task(name=ASK_TASK, queue="checks", time_limit=60)(answer_step)
