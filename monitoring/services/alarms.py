"""Alarm events: the one place that changes an alarm's state."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from monitoring.models import Alarm, AlarmOrigin, AlarmState, AlarmTransition, AwsAccount, MetricSource, Silence
from opsportal.core.formats import plural
from opsportal.core.live import touch
from opsportal.platforms.models import Platform
from opsportal.schedule.wake import wake

WAKE_CHANNEL: Final = "alarms"
BLIND_KEY: Final = "monitoring-blind"
FLAP_CHANGES: Final = 6  # of alarms without a rule of the portal
FLAP_MINUTES: Final = 60


def alarm_transition(
    *,
    alarm: Alarm,
    to_state: str,
    at: datetime,
    recorded_at: datetime,
    value: float | None = None,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> AlarmTransition | None:
    """Move an alarm to a state and leave the event, once: None when it already stood there or the event exists.

    Incidents claim the event; the wake-up leaves with the commit. One change too many is marked, and says so.
    """
    with transaction.atomic():
        row = Alarm.objects.select_related("rule").select_for_update(of=("self",)).get(pk=alarm.pk)
        if row.state == to_state:
            return None
        flaps = _flaps(row, at)
        silenced = Alarm.objects.filter(Exists(Silence.objects.over_alarm(at)), pk=row.pk).exists()
        try:
            with transaction.atomic():
                event = _leave_event(
                    row,
                    to_state=to_state,
                    at=at,
                    recorded_at=recorded_at,
                    value=value,
                    reason=f"{reason} {flaps.pop('said')}".strip() if flaps else reason,
                    silenced=silenced,
                    flapping=bool(flaps),
                    data=dict(data or {}),
                )
        except IntegrityError:  # another copy of this pass was first
            return None
        row.update_versioned(expected=row.version, state=to_state, since=at, value=value, reason=reason, **flaps)
    alarm.refresh_from_db()
    return event


def _flaps(row: Alarm, at: datetime) -> dict[str, Any]:
    """What a change at `at` makes of the locked alarm: until when it flaps and the words for it, or nothing.

    It goes on as long as more than half as many changes come: its end is not flapping too.
    """
    rule = row.rule
    limit, minutes = (rule.flap_changes, rule.flap_minutes) if rule else (FLAP_CHANGES, FLAP_MINUTES)
    span, goes_on = timedelta(minutes=minutes), row.is_flapping(at)
    recent = row.transitions.filter(at__gt=at - span, at__lte=at).exclude(from_state=F("to_state"))
    changes = recent.count() + 1 if limit else 0
    if changes <= limit and not (goes_on and 2 * changes > limit):
        return {}
    return {
        "flapping_since": row.flapping_since if goes_on else at,
        "flapping_until": at + span,
        "said": f"Flapping: {plural(changes, 'change')} in {minutes} min.",
    }


def _leave_event(row: Alarm, **values: Any) -> AlarmTransition:
    """The event, as the locked alarm stands; the wake-up leaves with the commit."""
    event: AlarmTransition = AlarmTransition.objects.create(
        alarm=row,
        platform_id=row.platform_id,
        service_id=row.service_id,
        severity_id=row.severity_id,
        signal=row.signal,
        opens_incident=row.opens_incident,
        from_state=row.state,
        **values,
    )
    touch("today", event.pk)
    wake(WAKE_CHANNEL)
    return event


def outlasting_silences(at: datetime) -> QuerySet[Alarm]:
    """Firing alarms that open incidents and began under a silence, which covers them no more."""
    newest = AlarmTransition.objects.filter(alarm=OuterRef("pk")).order_by("-at", "-pk").values("silenced")[:1]
    firing = Alarm.objects.judged().filter(state=AlarmState.ALARM, opens_incident=True)
    began: QuerySet[Alarm] = firing.annotate(was_silenced=Subquery(newest)).filter(was_silenced=True)
    return began.exclude(Exists(Silence.objects.over_alarm(at)))


@transaction.atomic
def alarm_call_again(*, alarm: Alarm, at: datetime) -> AlarmTransition | None:
    """Leave an event of an alarm that outlasts its silence, once: None when another dispatcher was first."""
    row = Alarm.objects.select_for_update().get(pk=alarm.pk)
    if not outlasting_silences(at).filter(pk=row.pk).exists():
        return None
    return _leave_event(
        row,
        to_state=row.state,
        at=at,
        recorded_at=at,
        value=row.value,
        reason=f"{row.reason} The silence over it has ended.".strip(),
        data={"since": row.since.isoformat()},
    )


@transaction.atomic
def alarm_worsen(
    *, alarm: Alarm, to_state: str, at: datetime, recorded_at: datetime, value: float, reason: str,
    data: Mapping[str, Any],
) -> AlarmTransition | None:  # fmt: skip
    """Leave an event of an alarm that goes on and means worse than was told of it; None when it moved meanwhile."""
    row = Alarm.objects.select_for_update().get(pk=alarm.pk)
    if row.state != to_state:
        return None
    silenced = Alarm.objects.filter(Exists(Silence.objects.over_alarm(at)), pk=row.pk).exists()
    return _leave_event(
        row,
        to_state=to_state,
        at=at,
        recorded_at=recorded_at,
        value=value,
        reason=reason,
        silenced=silenced,
        data=dict(data),
    )


def alarms_release(
    *, at: datetime, reason: str, platform: Platform | None = None, account: AwsAccount | None = None
) -> int:
    """Move to unknown what nothing judges any more, of a platform or of those an account carries. How many moved."""
    rows = Alarm.objects.exclude(state=AlarmState.UNKNOWN).exclude(pk__in=Alarm.objects.judged().values("pk"))
    if platform is not None:
        rows = rows.filter(platform=platform)
    if account is not None:
        carried = MetricSource.objects.filter(account=account).values("platform_id")
        rows = rows.filter(Q(account=account) | Q(platform__in=carried))
    moved = 0
    for alarm in rows.order_by("pk"):
        event = alarm_transition(alarm=alarm, to_state=AlarmState.UNKNOWN, at=at, recorded_at=at, reason=reason)
        moved += event is not None
    return moved


def mirrored_forget(*, account: AwsAccount, region: str, at: datetime, reason: str, seen: Collection[int] = ()) -> int:
    """Let go of the CloudWatch alarms of a region that are not among those `seen`. How many moved."""
    mirrored = Alarm.objects.filter(origin=AlarmOrigin.CLOUDWATCH, account=account, fetched_at__isnull=False)
    mirrored = mirrored.filter(key__contains=f":cloudwatch:{region}:").exclude(pk__in=seen)
    if not mirrored.update(fetched_at=None):
        return 0
    return alarms_release(account=account, at=at, reason=reason)


def blind_alarm_put(*, platform: Platform, is_blind: bool, at: datetime, reason: str) -> AlarmTransition | None:
    """The one alarm that says that nothing can be seen, instead of a hundred that say "unknown"."""
    alarm, _ = Alarm.objects.get_or_create(
        platform=platform,
        origin=AlarmOrigin.PORTAL,
        key=BLIND_KEY,
        defaults={
            "name": "Monitoring is blind",
            "signal": BLIND_KEY,
            "since": at,
            "state": AlarmState.OK,
            "opens_incident": False,
        },
    )
    Alarm.objects.filter(pk=alarm.pk).update(evaluated_until=at, fetched_at=at)
    return alarm_transition(
        alarm=alarm, to_state=AlarmState.ALARM if is_blind else AlarmState.OK, at=at, recorded_at=at, reason=reason
    )
