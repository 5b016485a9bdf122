"""Carrying out one line of the composer: the same services as the buttons."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from incidents.choices import Audience, EntryKind, IncidentRole
from incidents.commands import Command
from incidents.errors import IncidentError
from incidents.models import Incident
from incidents.services.command import role_assign
from incidents.services.graphs import metric_keep, metric_named
from incidents.services.marks import line_pin
from incidents.services.progress import incident_advance, incident_mitigate, incident_resolve
from incidents.services.record import incident_set_severity
from incidents.services.runbooks import runbook_start_named
from incidents.services.tasks import task_add
from incidents.services.timeline import entry_log
from incidents.services.updates import update_post
from opsportal.core.actor import Actor
from opsportal.core.gate import authorize
from opsportal.platforms.models import Membership, SchemeKind, Severity

_STATUS_ACTIONS: Final = {"mitigated": "incidents.incident_mitigate", "resolved": "incidents.incident_resolve"}
_ACTIONS: Final = {
    "log": "incidents.entry_log",
    "decision": "incidents.entry_log",
    "severity": "incidents.incident_set_severity",
    "role": "incidents.role_assign",
    "assign": "incidents.role_assign",
    "update": "incidents.update_post",
    "runbook": "incidents.runbook_start",
    "metric": "incidents.entry_log",
    "pin": "incidents.entry_mark",
    "task": "incidents.task_add",
}


def action_of(command: Command) -> str:
    """The right that the line needs."""
    if command.name == "status":
        return _STATUS_ACTIONS.get(command.word, "incidents.incident_advance")
    return _ACTIONS[command.name]


def role_action(incident: Incident, by: Actor, role: str) -> str:
    """Command that another person holds passes only by its holder or a commander."""
    is_held = incident.commander_id not in (None, by.user_id)
    return "incidents.command_pass" if role == IncidentRole.COMMANDER and is_held else "incidents.role_assign"


def person_named(platform_id: int, text: str) -> int:
    """The one active member whose name or address begins with `text`. Raises IncidentError."""
    rows = Membership.objects.filter(platform_id=platform_id, user__is_active=True)
    people = list(rows.order_by("user_id").values_list("user_id", "user__name", "user__email"))
    wanted = text.casefold()
    exact = [pk for pk, name, email in people if wanted in (name.casefold(), email.casefold())]
    begins = [pk for pk, name, email in people if name.casefold().startswith(wanted) or email.startswith(wanted)]
    found = exact or begins
    if not text or not found:
        raise IncidentError(f"Nobody on this platform is called {text or 'nothing'}.")
    if len(found) > 1:
        raise IncidentError(f"{text} could be {len(found)} people; write more of the name.")
    return int(found[0])


def _severity_said(incident: Incident, text: str) -> tuple[Severity, str]:
    """The severity that `text` begins with, as "P1", "sev 1", "SEV1" or plain "1", and the why that follows.

    Raises IncidentError.
    """
    rows = Severity.objects.filter(scheme__platform_id=incident.platform_id).select_related("scheme").order_by("rank")
    known: dict[str, Severity] = {}
    for row in sorted(rows, key=lambda row: row.scheme.kind != SchemeKind.INCIDENT):
        label = row.label.casefold().replace(" ", "")
        for said in (label, label.lstrip("abcdefghijklmnopqrstuvwxyz")):
            known.setdefault(said, row)
    words = text.split()
    for count in (2, 1):
        found = known.get("".join(words[:count]).casefold())
        if found is not None:
            return found, text.split(maxsplit=count)[count] if len(words) > count else ""
    labels = ", ".join(row.label for row in rows if row.scheme.kind == SchemeKind.INCIDENT)
    raise IncidentError(f"{words[0]} is no severity here. Known: {labels}.")


def _role_of(word: str) -> str:
    begins = [value for value, label in IncidentRole.choices if value.startswith(word) or label.lower() == word]
    if len(begins) != 1:
        raise IncidentError(f"{word} is no role. Known: {', '.join(IncidentRole.values)}.")
    return str(begins[0])


def role_and_person(command: Command, incident: Incident, by: Actor) -> tuple[str, int]:
    """Which role goes to whom by `/role` or `/assign`. Raises IncidentError."""
    role = IncidentRole.COMMANDER.value if command.name == "assign" else _role_of(command.word)
    if command.person:
        return role, person_named(incident.platform_id, command.person)
    if by.user_id is None:
        raise IncidentError("Name a person.")
    return role, by.user_id


def authorize_line(by: Actor, incident: Incident, command: Command) -> None:
    """Whether `by` may do what the line asks. Raises DeniedError, IncidentError."""
    authorize(by, action_of(command), incident)
    if command.name in ("role", "assign"):
        role, _ = role_and_person(command, incident, by)
        authorize(by, role_action(incident, by, role), incident)


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

    Raises IncidentError, TransitionError, VersionConflictError.
    """
    if command.name in ("log", "decision"):
        late = written_at if command.occurred_at is None else None
        entry_log(
            by=by,
            at=at,
            incident=incident,
            body=command.body,
            kind=EntryKind.DECISION if command.name == "decision" else EntryKind.LOG,
            occurred_at=command.occurred_at or late,
            client_key=client_key,
            data={"sent_late": True} if late else None,
        )
    elif command.name in _KEEP:
        _KEEP[command.name](by, at, incident, command, client_key)
    else:
        _RUN[command.name](by, at, incident, expected, command)


def _keep_metric(by: Actor, at: datetime, incident: Incident, command: Command, key: str) -> None:
    metric = metric_named(incident, command.body)
    metric_keep(by=by, at=at, incident=incident, metric=metric, client_key=key)


def _keep_pin(by: Actor, at: datetime, incident: Incident, command: Command, key: str) -> None:
    line_pin(by=by, at=at, incident=incident, body=command.body, client_key=key)


def _keep_task(by: Actor, at: datetime, incident: Incident, command: Command, key: str) -> None:
    owner = person_named(incident.platform_id, command.person) if command.person else None
    task_add(
        by=by,
        at=at,
        incident=incident,
        title=command.body,
        owner_id=owner,
        within=command.within,
        client_key=key,
    )


# What adds a line and changes nothing else: its key makes a resend harmless, no version is asked.
_KEEP: Final[dict[str, Callable[[Actor, datetime, Incident, Command, str], None]]] = {
    "metric": _keep_metric,
    "pin": _keep_pin,
    "task": _keep_task,
}


def _run_severity(by: Actor, at: datetime, incident: Incident, expected: int, command: Command) -> None:
    severity, why = _severity_said(incident, command.body)
    incident_set_severity(by=by, at=at, incident=incident, expected=expected, severity=severity, why=why)


def _run_status(by: Actor, at: datetime, incident: Incident, expected: int, command: Command) -> None:
    if command.word == "mitigated":
        incident_mitigate(by=by, at=at, incident=incident, expected=expected, note=command.body)
    elif command.word == "resolved":
        incident_resolve(by=by, at=at, incident=incident, expected=expected, resolution=command.body)
    else:
        incident_advance(by=by, at=at, incident=incident, expected=expected, stage=command.word)


def _run_role(by: Actor, at: datetime, incident: Incident, expected: int, command: Command) -> None:
    role, user_id = role_and_person(command, incident, by)
    role_assign(by=by, at=at, incident=incident, expected=expected, role=role, user_id=user_id, note=command.body)


def _run_update(by: Actor, at: datetime, incident: Incident, expected: int, command: Command) -> None:
    audience = Audience.INTERNAL if command.is_internal else Audience.PUBLIC
    update_post(
        by=by, at=at, incident=incident, expected=expected, state=command.word, audience=audience, body=command.body
    )


def _run_runbook(by: Actor, at: datetime, incident: Incident, expected: int, command: Command) -> None:
    del expected  # beginning a runbook changes no column of the incident
    runbook_start_named(by=by, at=at, incident=incident, name=command.body)


_RUN: Final[dict[str, Callable[[Actor, datetime, Incident, int, Command], None]]] = {
    "severity": _run_severity,
    "status": _run_status,
    "role": _run_role,
    "assign": _run_role,
    "update": _run_update,
    "runbook": _run_runbook,
}
