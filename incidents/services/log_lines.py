"""What a question to the logs found, noted on an incident's timeline."""

import re
from datetime import datetime
from typing import Final

from django.db import transaction

from incidents.choices import StateChoice
from incidents.errors import IncidentError
from incidents.models import Incident, TimelineEntry
from incidents.services.timeline import entry_log
from monitoring.models import LogAnswer, LogRun
from opsportal.core.actor import Actor
from opsportal.core.formats import plural
from opsportal.core.live import touch

PAGE: Final = "/monitoring/logs/runs/"
_LEADS: Final = re.compile(rf"{PAGE}(\d+)")


@transaction.atomic
def log_run_note(*, by: Actor, at: datetime, incident: Incident, run: LogRun) -> TimelineEntry:
    """Log a line that names the run and leads to what it kept; the same run twice is one line. Raises IncidentError."""
    if run.platform_id != incident.platform_id:
        raise IncidentError("These lines are another platform's.")
    if incident.state == StateChoice.CLOSED:
        raise IncidentError(f"{incident.reference} is closed: reopen it first.")
    if run.is_open:
        raise IncidentError("The question is still being asked: wait for its answer.")
    LogRun.objects.select_for_update(no_key=True).filter(pk=run.pk).first()  # kept while its line is written
    if not LogAnswer.objects.filter(run=run).exists():
        raise IncidentError(f"The question was not answered, so there is nothing to note. {run.said}")
    # What the run says of accounts and refusals stays on its page: a line of the timeline goes out with exports.
    found = f"{plural(run.records_matched, 'line')} matched" + (", and the answer is not whole" if run.said else "")
    entry = entry_log(
        by=by,
        at=at,
        incident=incident,
        body=f"noted what {run.asked_by_name} asked the log of {run.query.service.name}, "
        f"{run.starts_at:%H:%M} to {run.ends_at:%H:%M} UTC: "
        f"{run.query.name}, {found} ([what was found]({PAGE}{run.pk}/))",
        client_key=note_key(run),
        data={"log_run": run.pk},
    )
    touch(f"incident:{incident.pk}", entry.number)
    return entry


def note_key(run: LogRun) -> str:
    """By which a line about this run is known."""
    return f"log-run-{run.pk}"


def noted_runs() -> set[int]:
    """Every run that a line of some timeline leads to, by the button or by a link somebody pasted."""
    lines = TimelineEntry.objects.filter(body__contains=PAGE).values_list("body", flat=True)
    return {int(pk) for body in lines for pk in _LEADS.findall(body)}
