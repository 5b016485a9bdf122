"""The queue of what pages nobody (M-CLK-07): incidents that become planned work, alarms somebody looks after."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from incidents.choices import EntryKind
from incidents.errors import AlarmTakenError, IncidentError
from incidents.lifecycle import QUEUE_RANK
from incidents.models import AlarmOwner, Incident
from incidents.services.base import change, finish, lock
from incidents.services.timeline import append
from monitoring.models import Alarm, AlarmState, AlarmTransition
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text, is_safe_url
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Membership


@transaction.atomic
def incident_plan(
    *, by: Actor, at: datetime, incident: Incident, expected: int, planned_for: str, planned_url: str = ""
) -> Incident:
    """Make a mild incident planned work of a sprint, so that it leaves the queue; without a sprint it returns.

    Raises IncidentError, VersionConflictError.
    """
    planned_for, planned_url = clean_text(planned_for).strip()[:120], planned_url.strip()[:400]
    if planned_url and not is_safe_url(planned_url):
        raise IncidentError("The link must begin with http:// or https://.")
    current = lock(incident, expected=expected)
    if not current.is_open:
        raise IncidentError(f"The incident is {current.state}: there is nothing left to plan.")
    if planned_for and current.rank < QUEUE_RANK:
        raise IncidentError(f"{current.severity.label} is worked on now; lower the severity before you plan it.")
    if (planned_for, planned_url) == (current.planned_for, current.planned_url):
        return current
    change(current, planned_for=planned_for, planned_url=planned_url if planned_for else "")
    body = f"planned for {planned_for}" if planned_for else "back in the queue"
    append(current, kind=EntryKind.STATE, body=body, by=by, at=at, data={"planned_for": planned_for})
    finish(current, by=by, at=at, verb="incident.planned", data={"planned": bool(planned_for)})
    return current


@transaction.atomic
def alarm_own(*, by: Actor, at: datetime, alarm: Alarm, instead_of: int | None = None) -> None:
    """Look after a firing alarm: of two at once one does; `instead_of` is whom one knowingly relieves of it.

    Raises AlarmTakenError with the name of who looks after it, IncidentError.
    """
    if not Alarm.objects.filter(pk=alarm.pk, state=AlarmState.ALARM).exists():
        raise IncidentError(f"{alarm.name} does not fire any more: nobody needs to look after it.")
    members = Membership.objects.filter(platform_id=alarm.platform_id, user_id=by.user_id or 0, user__is_active=True)
    if not members.exists():
        raise IncidentError("Only an active member of the platform can look after its alarms.")
    mine = {"owner_id": by.user_id, "since": at}
    is_new = bool(AlarmOwner.objects.filter(alarm=alarm, owner_id=instead_of).update(**mine)) if instead_of else False
    if not is_new:
        owned, is_new = AlarmOwner.objects.select_related("owner").get_or_create(alarm=alarm, defaults=mine)
        if owned.owner_id != by.user_id:
            raise AlarmTakenError(owned.owner.name, owned.since.astimezone(zone_of(alarm.platform_id)))
    if is_new:
        owner_recorded(alarm, by.user_id, by=by, at=at)


@transaction.atomic
def alarm_give_back(*, by: Actor, at: datetime, alarm: Alarm) -> None:
    """Look after an alarm no longer; another person's is left alone."""
    if AlarmOwner.objects.filter(alarm=alarm, owner_id=by.user_id).delete()[0]:
        owner_recorded(alarm, None, by=by, at=at)


def owner_of_recovered(transition: AlarmTransition) -> bool:
    """Take away who looked after an alarm that recovered, inside the caller's transaction, which audits it last.

    Whoever took it when it fired anew keeps it.
    """
    owned = AlarmOwner.objects.filter(alarm_id=transition.alarm_id)
    ended = Q(since__lte=transition.at) | ~Q(alarm__state=AlarmState.ALARM)
    return bool(owned.filter(ended).delete()[0])


def owner_recorded(alarm: Alarm, owner_id: int | None, *, by: Actor, at: datetime) -> None:
    """Who looks after an alarm from now on, in the record; None: nobody."""
    touch("today", alarm.pk)
    record(
        by=by,
        at=at,
        verb="incidents.alarm.owned",
        obj_kind="monitoring.alarm",
        obj_id=alarm.pk,
        platform_id=alarm.platform_id,
        data={"owner": owner_id},
    )
