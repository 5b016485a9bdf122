"""Pausing a clock, letting it go on, and ticking off what the portal cannot see."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from incidents.choices import DONE_BY_HAND, UNPAUSABLE
from incidents.forms import ClockDoneForm, ClockPauseForm, ClockResumeForm
from incidents.models import Incident
from incidents.services import clock_done, clock_pause, clock_resume
from incidents.views.acts import Act, Data
from opsportal.core.actor import Actor


def _first(condition: Q) -> Callable[[Incident], dict[str, Any]]:
    """The clock that the form names first: the next due of those it is about."""

    def initial(incident: Incident) -> dict[str, Any]:
        rows = incident.clocks.filter(condition, stopped_at__isnull=True).order_by("due_at", "pk")
        return {"kind": rows.values_list("kind", flat=True).first()}

    return initial


def _pause(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    return clock_pause(by=by, at=at, incident=incident, expected=expected, kind=data["kind"], why=data["why"])


def _resume(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    return clock_resume(by=by, at=at, incident=incident, expected=expected, kind=data["kind"])


def _done(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    return clock_done(by=by, at=at, incident=incident, expected=expected, kind=data["kind"], note=data["note"])


CLOCK_ACTS: Final = (
    Act(
        name="clock-pause",
        action="incidents.clock_pause",
        form=ClockPauseForm,
        title="Pause a clock",
        submit="Pause clock",
        text="What is left of its time is kept. It stays visible as paused, with the reason, for ever.",
        initial=_first(Q(paused_at__isnull=True, fired_at__isnull=True) & ~Q(kind__in=UNPAUSABLE)),
        run=_pause,
    ),
    Act(
        name="clock-resume",
        action="incidents.clock_pause",
        form=ClockResumeForm,
        title="Let a clock go on",
        submit="Go on",
        initial=_first(Q(paused_at__isnull=False)),
        run=_resume,
    ),
    Act(
        name="clock-done",
        action="incidents.clock_done",
        form=ClockDoneForm,
        title="Tick off a clock",
        submit="Done",
        text="For what happens outside the portal: the authority told of a breach, stakeholders told by phone.",
        initial=_first(Q(kind__in=DONE_BY_HAND)),
        run=_done,
    ),
)
