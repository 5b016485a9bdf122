"""Telling people: a status update, which starts the next update clock."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from incidents import events
from incidents.choices import Audience, ClockKind, EntryKind, UpdateState
from incidents.errors import IncidentError
from incidents.lifecycle import Position, Stage, State
from incidents.models import Incident, StatusUpdate
from incidents.services import clocks, notices
from incidents.services.base import change, finish, lock, moved
from incidents.services.timeline import append
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text


@transaction.atomic
def update_post(
    *, by: Actor, at: datetime, incident: Incident, expected: int, state: str, audience: str, body: str
) -> StatusUpdate:
    """Post a status update. The update clock is met (or missed) and starts again. Raises IncidentError.

    Who responds goes on to Communicate; who still looks or assesses told people early, and responds after it: what was
    published marks Communicate as done then.
    """
    body = clean_text(body).strip()
    if not body:
        raise IncidentError("Write what people should know.")
    current = lock(incident, expected=expected)
    if current.state == State.CLOSED:
        raise IncidentError("The incident is closed; reopen it to post an update.")
    update = StatusUpdate.objects.create(
        incident=current, state=state, audience=audience, body=body, author_id=by.user_id, published_at=at
    )
    stages = moved(current, Position(State.OPEN, Stage.COMMUNICATE), at)
    is_before = current.is_open and current.stage == Stage.RESPOND
    change(current, **(stages if is_before else _told(current, audience, at)))
    for kind in (ClockKind.UPDATE, ClockKind.STAKEHOLDER):
        clocks.done(current, kind, at)
    if current.is_open:
        clocks.start(current, ClockKind.UPDATE, at)
    who = "published" if audience == Audience.PUBLIC else "told colleagues"
    append(
        current,
        kind=EntryKind.UPDATE,
        body=f"{who} **{UpdateState(state).label}**: “{body}”",
        by=by,
        at=at,
        data={"update": update.pk, "audience": audience, "state": state},
    )
    notices.tell_update(update, at)
    tells = partial(events.update_posted, update)
    finish(current, by=by, at=at, verb="update.posted", data={"update": update.pk}, tells=tells)
    return update


def _told(incident: Incident, audience: str, at: datetime) -> dict[str, Any]:
    """The column values that keep when the public was first told, out of the stage's turn."""
    stage = Stage.COMMUNICATE.value
    if audience != Audience.PUBLIC or not incident.is_open or stage in incident.stage_times:
        return {}
    return {"stage_times": {**incident.stage_times, stage: at.isoformat()}}
