"""What people do to an incident, once: its name, its right, when it makes sense, and the service that does it.

Pages, buttons, the composer and the API look an act up by its name; each brings only how its words become values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from incidents.choices import EntryKind
from incidents.lifecycle import QUEUE_RANK, State
from incidents.models import Incident
from incidents.services.access import incident_restrict
from incidents.services.attachments import attachment_add
from incidents.services.clock_acts import clock_done, clock_pause, clock_resume
from incidents.services.command import incident_acknowledge, role_give
from incidents.services.graphs import metric_keep
from incidents.services.links import incident_link, incident_merge
from incidents.services.marks import line_pin
from incidents.services.problems import problem_name
from incidents.services.progress import (
    incident_advance,
    incident_close,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
)
from incidents.services.queue import incident_plan
from incidents.services.record import incident_describe, incident_set_severity, incident_triage
from incidents.services.runbooks import runbook_start
from incidents.services.tasks import task_add
from incidents.services.timeline import entry_log
from incidents.services.updates import update_post
from opsportal.core.actor import Actor
from opsportal.core.gate import allows

_OPEN: Final = frozenset({State.OPEN})
_OVER: Final = frozenset({State.RESOLVED, State.CLOSED})
_NOT_CLOSED: Final = frozenset({State.OPEN, State.RESOLVED})
_ALWAYS: Final = frozenset(State)


@dataclass(frozen=True, slots=True)
class Act:
    """One row. What only adds a line changes no column: it names no version, a key makes its resend harmless."""

    name: str
    action: str
    service: Callable[..., object]
    states: frozenset[State]
    when: Callable[[Incident], bool] = lambda _incident: True
    adds_line: bool = False

    def is_possible(self, incident: Incident) -> bool:
        """Whether the incident stands so that it can succeed."""
        return State(incident.state) in self.states and self.when(incident)

    def is_offered(self, by: Actor, incident: Incident) -> bool:
        """Whether it can succeed, and `by` may."""
        return self.is_possible(incident) and allows(by, self.action, incident)

    def perform(
        self, *, by: Actor, at: datetime, incident: Incident, expected: int | None, values: Mapping[str, Any]
    ) -> None:
        """Do it, `values` being what its service takes. Raises IncidentError, DeniedError, VersionConflictError."""
        based_on = {} if self.adds_line else {"expected": expected}
        self.service(by=by, at=at, incident=incident, **based_on, **values)


_ROWS: Final = (
    Act(
        "acknowledge",
        "incidents.incident_acknowledge",
        incident_acknowledge,
        _OPEN,
        when=lambda incident: incident.commander_id is None,
    ),
    Act("severity", "incidents.incident_set_severity", incident_set_severity, _OPEN),
    Act("role", "incidents.role_assign", role_give, _OPEN),
    Act("stage", "incidents.incident_advance", incident_advance, _OPEN),
    Act("update", "incidents.update_post", update_post, _NOT_CLOSED),
    Act("triage", "incidents.incident_triage", incident_triage, _ALWAYS),
    Act("mitigate", "incidents.incident_mitigate", incident_mitigate, _OPEN),
    Act("resolve", "incidents.incident_resolve", incident_resolve, _OPEN),
    Act("close", "incidents.incident_close", incident_close, frozenset({State.RESOLVED})),
    Act(
        "reopen",
        "incidents.incident_reopen",
        incident_reopen,
        _OVER,
        when=lambda incident: incident.merged_into_id is None,
    ),
    Act("describe", "incidents.incident_describe", incident_describe, _ALWAYS),
    Act("restrict", "incidents.incident_restrict", incident_restrict, _ALWAYS),
    Act("merge", "incidents.incident_merge", incident_merge, _NOT_CLOSED),
    Act("link", "incidents.incident_link", incident_link, _ALWAYS),
    Act("problem", "incidents.problem_link", problem_name, _ALWAYS),
    Act(
        "plan",
        "incidents.incident_plan",
        incident_plan,
        _OPEN,
        when=lambda incident: incident.rank >= QUEUE_RANK,
    ),
    Act("clock-pause", "incidents.clock_pause", clock_pause, _ALWAYS),
    Act("clock-resume", "incidents.clock_pause", clock_resume, _ALWAYS),
    Act("clock-done", "incidents.clock_done", clock_done, _ALWAYS),
    Act("log", "incidents.entry_log", entry_log, _ALWAYS, adds_line=True),
    Act("decision", "incidents.entry_log", partial(entry_log, kind=EntryKind.DECISION), _ALWAYS, adds_line=True),
    Act("pin", "incidents.entry_mark", line_pin, _ALWAYS, adds_line=True),
    Act("task", "incidents.task_add", task_add, _NOT_CLOSED, adds_line=True),
    Act("metric", "incidents.entry_log", metric_keep, _ALWAYS, adds_line=True),
    Act("attach", "incidents.attachment_add", attachment_add, _ALWAYS, adds_line=True),
    Act("runbook", "incidents.runbook_start", runbook_start, _NOT_CLOSED, adds_line=True),
)
ACTS: Final[Mapping[str, Act]] = {act.name: act for act in _ROWS}


def acts_offered(by: Actor, incident: Incident) -> frozenset[str]:
    """The names of what `by` may do to the incident and can, as it stands."""
    return frozenset(name for name, act in ACTS.items() if act.is_offered(by, incident))
