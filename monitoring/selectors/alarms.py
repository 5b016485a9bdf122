"""Alarms for pages: firing first, silenced and stale shown as such."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, QuerySet

from monitoring.models import Alarm, AlarmOrigin, AlarmState, AlarmTransition, CloudWatchChange, Silence
from monitoring.thresholds import SIGNS
from opsportal.core.actor import Actor
from opsportal.core.formats import number
from opsportal.core.pagination import Head, head, rank_of

STALE_GRACE = timedelta(minutes=2)
HEARD_FOR = timedelta(hours=24)
PROBE_EVERY = 30
SHOWN = 200


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm as a table shows it. `state` is ok, alarm, unknown, or stale (last judged too long ago)."""

    alarm: Alarm
    state: str
    is_silenced: bool
    silence: Silence | None
    is_flapping: bool = False

    @property
    def kind(self) -> str:
        """The word of the state language; what an outside source told last is over, which is not the same as fine."""
        if self.alarm.origin == AlarmOrigin.ALERT and self.state == AlarmState.OK:
            return "off"
        return {"ok": "ok", "alarm": "fail", "warning": "warn", "stale": "stale"}.get(self.state, "unknown")

    @property
    def state_text(self) -> str:
        return "over" if self.kind == "off" else self.state

    @property
    def now_text(self) -> str:
        unit = self.alarm.rule.unit if self.alarm.rule else ""
        return number(self.alarm.value, unit)

    @property
    def limit_text(self) -> str:
        rule = self.alarm.rule
        return f"{SIGNS[rule.comparison]} {number(rule.threshold, rule.limit_unit)}" if rule else ""


@dataclass(frozen=True, slots=True)
class SymptomGroup:
    """What one service shows now: its alarms that are not fine, worst first; they page as one."""

    rows: Sequence[AlarmRow]

    @property
    def worst(self) -> AlarmRow:
        return self.rows[0]

    @property
    def firing(self) -> int:
        return sum(row.state == AlarmState.ALARM for row in self.rows)

    @property
    def since(self) -> datetime:
        """When the first of those that fire began, else the first of all."""
        fires = [row.alarm.since for row in self.rows if row.state == AlarmState.ALARM]
        return min(fires or [row.alarm.since for row in self.rows])


def symptom_groups(rows: Sequence[AlarmRow]) -> tuple[list[SymptomGroup], list[AlarmRow]]:
    """The services with more than one symptom among these rows, and the rows that stand alone, in their order."""
    by_service: dict[int, list[AlarmRow]] = {}
    for row in rows:
        if row.alarm.service_id is not None and row.state in (AlarmState.ALARM, AlarmState.WARNING):
            by_service.setdefault(row.alarm.service_id, []).append(row)
    groups = [SymptomGroup(found) for found in by_service.values() if len(found) > 1]
    grouped = {row.alarm.pk for group in groups for row in group.rows}
    return groups, [row for row in rows if row.alarm.pk not in grouped]


def shown_state(alarm: Alarm, at: datetime) -> str:
    """A state older than two periods is stale, whatever it says; of an outside source, one not repeated for a day."""
    if alarm.origin == AlarmOrigin.ALERT and alarm.state == AlarmState.ALARM:
        return "stale" if alarm.fetched_at is None or at - alarm.fetched_at > HEARD_FOR else alarm.state
    if alarm.origin == AlarmOrigin.ALERT:
        return alarm.state
    if alarm.origin == AlarmOrigin.HEARTBEAT:
        until = alarm.evaluated_until
        return "stale" if until is not None and at - until > STALE_GRACE else alarm.state
    every = PROBE_EVERY if alarm.origin == AlarmOrigin.PROBE else 300
    if alarm.rule:
        every = max(alarm.rule.period, alarm.rule.poll_every)
    limit = timedelta(seconds=2 * every) + STALE_GRACE
    if alarm.fetched_at is None:
        return AlarmState.UNKNOWN
    return "stale" if at - alarm.fetched_at > limit else alarm.state


def active_silences(actor: Actor, at: datetime) -> list[Silence]:
    """Silences that hold now."""
    rows = Silence.objects.visible_to(actor).filter(starts_at__lte=at, ends_at__gt=at)
    return list(rows.select_related("platform", "service", "alarm", "created_by").order_by("ends_at", "pk")[:SHOWN])


def _covering(alarm: Alarm, silences: Sequence[Silence]) -> Silence | None:
    for silence in silences:
        if silence.platform_id != alarm.platform_id:
            continue
        if silence.alarm_id is not None:
            if silence.alarm_id == alarm.pk:
                return silence
        elif silence.service_id in (None, alarm.service_id):
            return silence
    return None


def alarm_rows(
    actor: Actor,
    *,
    at: datetime,
    platform_id: int | None = None,
    service_id: int | None = None,
    state: str = "",
    size: int = SHOWN,
) -> Head[AlarmRow]:
    """Alarms the actor may see, firing first, then warnings, then unknown, then the rest."""
    rows = Alarm.objects.visible_to(actor).judged()
    rows = rows.of_platform(platform_id)
    if service_id is not None:
        rows = rows.filter(service_id=service_id)
    if state:
        rows = rows.filter(state=state)
    return _shown(actor, rows, at=at, size=size)


def _shown(actor: Actor, rows: QuerySet[Alarm], *, at: datetime, size: int) -> Head[AlarmRow]:
    order = rank_of("state", (AlarmState.ALARM, AlarmState.WARNING, AlarmState.UNKNOWN))
    joined = rows.select_related("rule", "severity", "platform", "service")
    found = head(joined.order_by(order, "severity__rank", "-since", "pk"), size)
    silences = active_silences(actor, at)
    result = []
    for alarm in found.rows:
        silence = _covering(alarm, silences)
        result.append(AlarmRow(alarm, shown_state(alarm, at), silence is not None, silence, alarm.is_flapping(at)))
    return Head(result, found.total)


def counted_alarms(actor: Actor, *, at: datetime) -> QuerySet[Alarm]:
    """Alarms with `is_silenced`, for counts and Today; mirrored twins of portal rules do not count twice."""
    rows = Alarm.objects.visible_to(actor).judged().exclude(origin=AlarmOrigin.CLOUDWATCH)
    counted: QuerySet[Alarm] = rows.annotate(is_silenced=Exists(Silence.objects.over_alarm(at)))
    return counted


def firing_rows(
    actor: Actor, *, at: datetime, platform_id: int | None = None, size: int = SHOWN
) -> tuple[Head[AlarmRow], int]:
    """What fires, counted as on Today, and how many of them are silenced."""
    counted: Any = counted_alarms(actor, at=at).filter(state=AlarmState.ALARM)
    counted = counted.of_platform(platform_id)
    found = _shown(actor, counted, at=at, size=size)
    if len(found.rows) < found.total:
        return found, counted.filter(is_silenced=True).count()
    return found, sum(row.is_silenced for row in found.rows)


def firing_alarms(actor: Actor, *, at: datetime) -> QuerySet[Alarm]:
    """Alarms that fire now and are not silenced: the number in the rail."""
    counted: QuerySet[Any] = counted_alarms(actor, at=at)
    return counted.filter(state=AlarmState.ALARM, is_silenced=False)


def transitions_of(alarm: Alarm) -> list[AlarmTransition]:
    """The alarm's last events, newest first."""
    return list(alarm.transitions.select_related("severity").order_by("-at", "-pk")[:100])


def history_of(alarm: Alarm) -> list[CloudWatchChange]:
    """What CloudWatch said happened to its alarm, newest first; nothing for alarms of the portal."""
    if alarm.origin != AlarmOrigin.CLOUDWATCH:
        return []
    return list(alarm.history.order_by("-at", "-pk")[:60])
