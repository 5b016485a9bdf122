"""Carrying out one line of the composer: an act of the table, with what the line says as its values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from incidents.choices import Audience, IncidentRole
from incidents.commands import Command
from incidents.errors import UnknownNameError
from incidents.models import Incident
from incidents.selectors.named import person_leading, person_named, severity_said
from incidents.services.acts import ACTS, Act
from incidents.services.graphs import metric_named
from incidents.services.runbooks import runbook_meant
from opsportal.core.actor import Actor
from opsportal.core.gate import authorize

# Commands that are no act's name; `/status` is also how an incident is mitigated or resolved.
_ACT_OF: Final = {"at": "log", "assign": "role", "status": "stage"}
_ACT_OF_STATUS: Final = {"mitigated": "mitigate", "resolved": "resolve"}


def act_of(name: str, word: str = "") -> Act:
    """The act that a command carries out."""
    by_word = _ACT_OF_STATUS.get(word) if name == "status" else None
    return ACTS[by_word or _ACT_OF.get(name, name)]


def composer_run(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    expected: int,
    command: Command,
    client_key: str,
    written_at: datetime | None = None,
) -> None:
    """Carry out one line; `written_at` is the device's time of one that came late.

    Raises DeniedError, IncidentError, VersionConflictError.
    """
    act = act_of(command.name, command.word)
    authorize(by, act.action, incident)
    said = _Said(by, incident, command, client_key, written_at)
    act.perform(by=by, at=at, incident=incident, expected=expected, values=_VALUES[act.name](said))


@dataclass(frozen=True, slots=True)
class _Said:
    by: Actor
    incident: Incident
    command: Command
    key: str
    written_at: datetime | None

    def person(self) -> int | None:
        """Who is named, if anyone is."""
        return person_named(self.incident.platform_id, self.command.person) if self.command.person else None


def _logged(said: _Said) -> dict[str, Any]:
    """What every line that is added carries: when it happened, and whether it was held back."""
    return {
        "occurred_at": said.command.occurred_at or said.written_at,
        "client_key": said.key,
        "data": {"sent_late": True} if said.written_at else None,
    }


def _line(said: _Said) -> dict[str, Any]:
    return {"body": said.command.body, **_logged(said)}


def _task(said: _Said) -> dict[str, Any]:
    command = said.command
    title, owner_id = command.body, None
    if title:
        owner_id = said.person()
    else:
        owner_id, title = person_leading(said.incident.platform_id, command.person)
    return {
        "title": title,
        "owner_id": owner_id,
        "within": command.within,
        "asked_at": said.written_at,
        "client_key": said.key,
    }


def _severity(said: _Said) -> dict[str, Any]:
    severity, why = severity_said(said.incident.platform_id, said.command.body)
    return {"severity": severity, "why": why}


def _role_of(word: str) -> str:
    begins = [value for value, label in IncidentRole.choices if value.startswith(word) or label.lower() == word]
    if len(begins) != 1:
        raise UnknownNameError("role", f"{word} is no role. Known: {', '.join(IncidentRole.values)}.")
    return str(begins[0])


def _role(said: _Said) -> dict[str, Any]:
    role = IncidentRole.COMMANDER.value if said.command.name == "assign" else _role_of(said.command.word)
    user_id, note = _held_by(said)
    if user_id is None:
        raise UnknownNameError("person", "Name a person.")
    return {"role": role, "user_id": user_id, "note": note}


def _held_by(said: _Said) -> tuple[int | None, str]:
    """Who is to hold a role, and the note: behind a colon, or what the name does not need, as of a task."""
    command = said.command
    try:
        return said.person() or said.by.user_id, command.body
    except UnknownNameError:
        if command.body or " " not in command.person:
            raise
        return person_leading(said.incident.platform_id, command.person)


def _update(said: _Said) -> dict[str, Any]:
    audience = Audience.INTERNAL if said.command.is_internal else Audience.PUBLIC
    return {"state": said.command.word, "audience": audience, "body": said.command.body}


_VALUES: Final[Mapping[str, Callable[[_Said], dict[str, Any]]]] = {
    "log": _line,
    "decision": _line,
    "pin": _line,
    "task": _task,
    "metric": lambda said: {"metric": metric_named(said.incident, said.command.body), **_logged(said)},
    "runbook": lambda said: {"runbook": runbook_meant(said.incident, said.command.body)},
    "severity": _severity,
    "stage": lambda said: {"stage": said.command.word},
    "mitigate": lambda said: {"note": said.command.body},
    "resolve": lambda said: {"resolution": said.command.body},
    "role": _role,
    "update": _update,
}
