"""Acknowledging, taking command, and the other roles."""

from datetime import datetime
from functools import partial

from django.db import transaction

from incidents import events
from incidents.choices import SINGLE_ROLES, EntryKind, IncidentRole
from incidents.errors import CommandTakenError, IncidentError
from incidents.models import Incident, IncidentAccess, RoleAssignment
from incidents.services import notices
from incidents.services.access import check_may_know
from incidents.services.base import change, finish, lock
from incidents.services.declare import set_commander, take_command
from incidents.services.timeline import append
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.gate import authorize
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Membership


@transaction.atomic
def incident_acknowledge(*, by: Actor, at: datetime, incident: Incident, expected: int) -> Incident:
    """Acknowledge and take command: a race that one person wins.

    Raises CommandTakenError with the winner's name, VersionConflictError, TransitionError.
    """
    current: Incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)
    if current.commander_id is not None and current.commander_id != by.user_id:
        holder = (
            RoleAssignment.objects.filter(incident=current, role=IncidentRole.COMMANDER, renounced_at__isnull=True)
            .select_related("user")
            .get()
        )
        raise CommandTakenError(holder.user.name, holder.assumed_at)
    if current.commander_id == by.user_id:
        return current
    if current.version != expected:
        raise VersionConflictError(current)
    take_command(current, by=by, at=at)
    finish(current, by=by, at=at, verb="incident.acknowledged", tells=partial(events.acknowledged, current))
    return current


@transaction.atomic
def role_assign(
    *, by: Actor, at: datetime, incident: Incident, expected: int, role: str, user_id: int, note: str = ""
) -> Incident:
    """Give a role to a member of the platform; a role of one person passes on. Raises IncidentError."""
    note = clean_text(note).strip()
    current = lock(incident, expected=expected)
    if not current.is_open:
        raise IncidentError("Roles are held while an incident is open.")
    member = Membership.objects.filter(platform_id=current.platform_id, user_id=user_id, user__is_active=True).first()
    if member is None:
        raise IncidentError("Only an active member of the platform can hold a role.")
    if role == IncidentRole.COMMANDER and member.role not in notices.RESPONDERS:
        raise IncidentError(f"A {member.role} may not command: choose an operator, a commander or an admin.")
    check_may_know(current, user_id)
    held = RoleAssignment.objects.filter(incident=current, role=role, renounced_at__isnull=True)
    person = User.objects.get(pk=user_id)
    label = IncidentRole(role).label
    if held.filter(user_id=user_id).exists():
        kept = "; log your note as a line" if note else ""
        raise IncidentError(f"{person.name} is {label} already, nothing was changed{kept}.")
    if role == IncidentRole.COMMANDER and current.commander_id is None and user_id == by.user_id:
        take_command(current, by=by, at=at)
    else:
        if role in SINGLE_ROLES:
            for assignment in held:
                assignment.update_versioned(expected=assignment.version, renounced_at=at, note=note)
        assignment = RoleAssignment.objects.create(incident=current, role=role, user_id=user_id, assumed_at=at)
        said = f"took {label}" if user_id == by.user_id else f"gave {label} to {person.name}"
        if role == IncidentRole.COMMANDER:
            _keep_access(current, by=by, at=at)
            said = set_commander(current, user_id, at) + said
        else:
            change(current)
        said += f": {note}" if note else ""
        append(current, kind=EntryKind.ROLE, body=said, by=by, at=at, data={"role": role, "user": user_id})
        if user_id != by.user_id:
            notices.tell_role(current, label, user_id, assignment.pk, at)
    finish(current, by=by, at=at, verb="role.assigned", data={"role": role, "user": user_id})
    return current


def role_give(
    *, by: Actor, at: datetime, incident: Incident, expected: int, role: str, user_id: int, note: str = ""
) -> Incident:
    """Assign a role; command that another person holds passes only by its holder or a commander.

    Raises DeniedError, IncidentError.
    """
    if role == IncidentRole.COMMANDER and incident.commander_id not in (None, by.user_id):
        authorize(by, "incidents.command_pass", incident)
    return role_assign(by=by, at=at, incident=incident, expected=expected, role=role, user_id=user_id, note=note)


def _keep_access(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Who passes command of a restricted incident on goes on knowing of it."""
    if incident.is_restricted and incident.commander_id is not None:
        IncidentAccess.objects.get_or_create(
            incident=incident,
            user_id=incident.commander_id,
            defaults={"named_by_id": by.user_id, "named_at": at},
        )
