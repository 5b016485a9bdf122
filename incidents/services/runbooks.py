"""Runbooks carried out for an incident: every step lands on its timeline."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from incidents.choices import EntryKind, StateChoice
from incidents.errors import IncidentError, UnknownNameError
from incidents.models import Incident, IncidentRunbookRun
from incidents.services.timeline import append
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.knowledge.models import Runbook, RunbookRun, RunState
from opsportal.knowledge.selectors.runbooks import runbook_named
from opsportal.knowledge.services.runbooks import RunbookError
from opsportal.knowledge.services.runs import run_start


@transaction.atomic
def runbook_start(*, by: Actor, at: datetime, incident: Incident, runbook: Runbook) -> RunbookRun:
    """Begin a run for the incident; one that still runs is gone on with. Raises IncidentError."""
    if runbook.platform_id != incident.platform_id:
        raise IncidentError("This runbook belongs to another platform.")
    # Held, so that of two who begin it at once the second goes on with the first one's run.
    current: Incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)
    if current.state == StateChoice.CLOSED:
        raise IncidentError(f"{current.reference} is closed: reopen it, or practise the runbook on its own page.")
    running = RunbookRun.objects.filter(incident_link__incident=incident, runbook=runbook, state=RunState.RUNNING)
    going_on: RunbookRun | None = running.first()
    if going_on is not None:
        return going_on

    def attach(run: RunbookRun) -> None:
        IncidentRunbookRun.objects.create(incident=incident, run=run)
        said = f"began the runbook {runbook.title}"
        append(incident, kind=EntryKind.RUNBOOK, body=said, by=by, at=at, data={"run": run.pk})

    try:
        run = run_start(by=by, at=at, runbook=runbook, subject=incident.reference, attach=attach)
    except RunbookError as error:
        raise IncidentError(str(error)) from error
    touch(f"incident:{incident.pk}", incident.pk)
    return run


def runbook_meant(incident: Incident, name: str) -> Runbook:
    """The one written runbook that `name` means. Raises UnknownNameError."""
    found = runbook_named(incident.platform_id, name)
    if not found:
        raise UnknownNameError("runbook", f"No written runbook of this platform is called {name}.")
    if len(found) > 1:
        known = ", ".join(row.title for row in found)
        raise UnknownNameError("runbook", f"{name} could be {known}; write more of it.")
    return found[0]


def runbook_told(run: RunbookRun, text: str, by: Actor, at: datetime) -> None:
    """What happened in a run, on the timeline of its incident."""
    link = IncidentRunbookRun.objects.filter(run=run).select_related("incident").first()
    if link is not None:
        append(link.incident, kind=EntryKind.RUNBOOK, body=text, by=by, at=at, data={"run": run.pk})


def hidden_runs(actor: Actor) -> QuerySet[Any, Any]:
    """The runs of incidents that this actor may not know to exist."""
    hidden = Incident.objects.all().hidden_from(actor)
    return IncidentRunbookRun.objects.filter(incident__in=hidden).values("run_id")
