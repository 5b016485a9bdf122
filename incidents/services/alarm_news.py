"""Which incident a change of an alarm is news of: found, and held where it is written."""

from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from incidents.choices import ClaimOutcome, ReviewState, StateChoice
from incidents.models import AlarmClaim, Incident, Review
from incidents.querysets import IncidentPartQuerySet
from monitoring.models import AlarmState, AlarmTransition
from monitoring.services.alarms import FLAP_MINUTES

GROUP_LOCK: Final = 0x1C1A2  # the advisory lock class of a service's group; the second key is the service
GROUP_QUIET: Final = timedelta(hours=1)  # an incident none of whose alarms fired for so long is another fault's
MERGES_MEANWHILE: Final = 5  # how often an incident may be merged on or resolved while its alarm looks for it


def open_for_signal(transition: AlarmTransition) -> Incident | None:
    """The open incident of the signal, or the open one that it was merged into."""
    if not transition.signal:
        return None
    same = Incident.objects.filter(
        Q(platform_id=transition.platform_id, service_id=transition.service_id, signal=transition.signal)
    )
    found: Incident | None = same.open().first()
    if found is not None:
        return found
    merged = same.filter(merged_into__state=StateChoice.OPEN).select_related("merged_into")
    last = merged.order_by("-closed_at", "-pk").first()
    return last.merged_into if last is not None else None


def held_for_signal(transition: AlarmTransition) -> Incident | None:
    """The open incident of the signal, held until this transaction ends, so that no merge slips in between."""
    for _ in range(MERGES_MEANWHILE):
        found = open_for_signal(transition)
        if found is None:
            return None
        held: Incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=found.pk)
        if held.is_open:
            return held
    return None


def held_for_group(transition: AlarmTransition) -> Incident | None:
    """The open incident that another symptom of the same service opened, held; None when the alarm stands alone.

    It is the group's as long as one of its alarms fires, or did within the hour. The lock makes two symptoms that two
    dispatchers claim at the same moment one after the other.
    """
    rule = transition.alarm.rule
    if transition.service_id is None or (rule is not None and not rule.grouped):
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [GROUP_LOCK, transition.service_id & 0x7FFFFFFF])
    claims = AlarmClaim.objects.filter(incident_id=OuterRef("pk")).exclude(transition__alarm__rule__grouped=False)
    fired = claims.filter(
        transition__to_state=AlarmState.ALARM, outcome__in=[ClaimOutcome.OPENED, ClaimOutcome.ATTACHED]
    )
    lately = Q(transition__at__gt=transition.at - GROUP_QUIET) | Q(transition__alarm__state=AlarmState.ALARM)
    rows = Incident.objects.open().filter(
        Exists(claims.filter(outcome=ClaimOutcome.OPENED)),
        Exists(fired.filter(lately)),
        service_id=transition.service_id,
    )
    found = rows.order_by("rank", "number").values_list("pk", flat=True).first()
    if found is None:
        return None
    held: Incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=found)
    return held if held.is_open else None


def paged_while_flapping(transition: AlarmTransition) -> Incident | None:
    """The incident that this alarm opened or joined since its present row of changes began."""
    alarm = transition.alarm
    if alarm.flapping_since is None:
        return None
    minutes = alarm.rule.flap_minutes if alarm.rule else FLAP_MINUTES
    told = AlarmClaim.objects.filter(
        transition__alarm_id=alarm.pk,
        transition__at__gt=alarm.flapping_since - timedelta(minutes=minutes),
        transition_id__lt=transition.pk,
        incident__isnull=False,
    )
    last = told.select_related("incident").order_by("-transition_id").first()
    return last.incident if last is not None else None


def open_for_service(transition: AlarmTransition) -> Incident | None:
    """An alarm that opens nothing by itself is still news for whoever works on its service."""
    if transition.service_id is None:
        return None
    return Incident.objects.open().filter(service_id=transition.service_id).order_by("rank", "number").first()


def told_before(transition: AlarmTransition) -> IncidentPartQuerySet[AlarmClaim]:
    """What incidents were told of this alarm, of moments up to this one."""
    return AlarmClaim.objects.filter(
        transition__alarm_id=transition.alarm_id,
        transition__at__lte=transition.at,
        transition_id__lt=transition.pk,
        outcome__in=[ClaimOutcome.OPENED, ClaimOutcome.ATTACHED],
        incident__isnull=False,
    )


def held_where_told(transition: AlarmTransition) -> Incident | None:
    """The incident that was last told of this alarm, or that it was merged into, held."""
    for _ in range(MERGES_MEANWHILE):
        last = told_before(transition).select_related("incident").order_by("-transition_id").first()
        incident = last.incident if last is not None else None
        if incident is None:
            return None
        found = incident.merged_into_id or incident.pk
        held: Incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=found)
        if held.merged_into_id is None:
            return held
    return None


def is_still_written(incident: Incident) -> bool:
    """Until it is closed, or as long as its review is not published."""
    if incident.closed_at is None:
        return True
    return Review.objects.filter(incident=incident).exclude(state=ReviewState.PUBLISHED).exists()
