"""What alerts do: each is kept once, moves its subject, and through it the alarm of its group.

An alarm of origin *alert* fires while one of its subjects does. A source that begins more groups within a minute than
anybody can look at is in a storm: what begins then counts in one alarm, and nothing is left out of the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Count as CountOf
from django.db.models import Exists, Max, Q

from monitoring.intake.alerts import AlertIn, digest, signal_slug
from monitoring.intake.mapping import Rule, fitting, rules_of
from monitoring.models import Alarm, AlarmOrigin, AlarmState, Alert, AlertSource, AlertSubject, Silence
from monitoring.services.alarms import alarm_transition, alarm_worsen
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Service, Severity, SeverityAlias

STORM_GROUPS: Final = 5  # groups of one source that begin within STORM_WINDOW; more are a storm
STORM_WINDOW: Final = timedelta(minutes=1)
STORM_CALMS_AFTER: Final = timedelta(minutes=5)  # without a new group
ANY_SENDER: Final = "any"
_LOCK: Final = 0xA1E47  # the advisory lock class; the second key is the source
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Incoming:
    """The alerts of one message. `name_id` names those that have no name of their own, also when judged anew."""

    source: AlertSource
    message_id: int
    name_id: int
    received_at: datetime
    alerts: Sequence[AlertIn]


@dataclass(slots=True)
class Count:
    """Of one message: alerts that were new, and those known already."""

    new: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class _Event:
    message: Incoming
    alert: AlertIn
    dedup: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an alert means on this platform."""

    service_id: int | None
    severity: Severity | None
    signal: str
    opens_incident: bool


def alerts_apply(incoming: Iterable[Incoming], *, at: datetime) -> dict[int, Count]:
    """Keep the alerts and move what they are about; how many were new, by message. Within the caller's transaction.

    Two dispatchers never work at one source at the same time: the order of its alerts is their meaning.
    """
    by_source: dict[int, list[Incoming]] = {}
    for one in incoming:
        by_source.setdefault(one.source.pk, []).append(one)
    counts: dict[int, Count] = {}
    for source_id in sorted(by_source):
        _hold(source_id)
        counts |= _Batch(by_source[source_id], at).apply()
    return counts


def _hold(source_id: int) -> None:
    """Nobody else moves this source's subjects until the transaction ends. Before the first look at them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, source_id & 0x7FFFFFFF])


class Meanings:
    """How a source's words are read: its rules, the platform's aliases, services and levels."""

    def __init__(self, source: AlertSource, rules: Sequence[Rule] | None = None) -> None:
        self._source = source
        self._rules = rules_of(source.mapping) if rules is None else rules
        services = Service.objects.filter(platform=source.platform_id).order_by("-pk").values_list("pk", "key", "name")
        self._services = {word.lower(): pk for pk, key, name in services for word in (name, key)}
        levels = Severity.objects.filter(scheme__platform=source.platform_id).select_related("scheme")
        # Where both schemes have a word, it is an alert that speaks.
        self._labels = {level.label.lower(): level for level in levels.order_by("-scheme__kind", "-pk")}
        self._aliases = self._read_aliases()

    def _read_aliases(self) -> dict[str, Severity]:
        """The source's own words before those of its kind, and these before anybody's."""
        order = [ANY_SENDER, self._source.kind, self._source.name.lower()]
        rows = SeverityAlias.objects.filter(platform=self._source.platform_id).select_related("severity__scheme")
        found = [row for row in rows.order_by("severity__scheme__kind", "pk") if row.source.lower() in order]
        found.sort(key=lambda row: (order.index(row.source.lower()), row.severity.scheme.kind == "alert"))
        return {row.word.lower(): row.severity for row in found}

    def of(self, alert: AlertIn, twin: Alarm | None = None) -> Meaning:
        """`twin` is the mirrored CloudWatch alarm that the alert tells of: service and signal are its."""
        rule = fitting(self._rules, alert)
        service = rule.service if rule and rule.service else alert.service
        service_id = self._services.get(service.lower()) if service else None
        signal = rule.signal if rule else ""
        severity = self._level(rule.severity) if rule and rule.severity else None
        if twin is not None:
            service_id, signal = service_id or twin.service_id, signal or twin.signal
            severity = severity or self._level(alert.severity) or twin.severity
        opens = rule.opens_incident if rule else None
        return Meaning(
            service_id=service_id or self._source.service_id,
            severity=severity or self._level(alert.severity) or self._source.severity,
            signal=signal or signal_slug(alert.signal),
            opens_incident=self._source.opens_incident if opens is None else opens,
        )

    def _level(self, word: str) -> Severity | None:
        return self._aliases.get(word.lower()) or self._labels.get(word.lower())


@dataclass(slots=True)
class _Group:
    """An alarm as the batch goes on: how many subjects fire, and the changes that must be told."""

    alarm: Alarm
    firing: int = 0
    is_moved: bool = False
    changes: list[tuple[str, _Event, int]] = field(default_factory=list)

    @property
    def fires(self) -> bool:
        return self.firing > 0

    def turn(self, event: _Event, by: int) -> None:
        before, self.firing = self.firing, max(0, self.firing + by)
        self.is_moved = True
        if (before > 0) != (self.firing > 0):
            state = AlarmState.ALARM if self.firing else AlarmState.OK
            self.changes.append((state, event, self.firing))

    def worsen(self, said: Meaning, event: _Event) -> None:
        """What fires takes the worse level, and the call for an incident, of one more alert: told as it is new."""
        alarm = self.alarm
        level = said.severity
        is_worse = level is not None and (alarm.severity is None or level.rank < alarm.severity.rank)
        if not is_worse and (alarm.opens_incident or not said.opens_incident):
            return
        alarm.severity = level if is_worse else alarm.severity
        alarm.opens_incident = alarm.opens_incident or said.opens_incident
        if not self.changes:  # an event that this batch leaves anyway says it too
            self.changes.append((AlarmState.ALARM, event, self.firing + 1))


class _Batch:
    """The alerts of one source, in order."""

    def __init__(self, incoming: Sequence[Incoming], at: datetime) -> None:
        self.source, self.at = incoming[0].source, at
        self.counts = {one.message_id: Count() for one in incoming}
        self.repeated: set[str] = set()
        self.events = self._fresh(incoming)
        self.meanings = Meanings(self.source)
        self.twins = self._twins()
        prints = {event.alert.fingerprint for event in self.events} | self.repeated
        rows = AlertSubject.objects.filter(source=self.source, fingerprint__in=prints).select_related("alarm")
        self.subjects = {row.fingerprint: row for row in rows}
        self.read = {event.dedup: self._meaning(event.alert) for event in self.events}
        self.new: dict[str, AlertSubject] = {}
        self.storm_key = f"{self.source.pk}:storm"
        self.groups = self._groups()
        self.begun = self._lately_begun()

    def _fresh(self, incoming: Sequence[Incoming]) -> list[_Event]:
        """Alerts not known yet, each once."""
        events = []
        for one in incoming:
            for number, alert in enumerate(one.alerts):
                dedup = alert.dedup or digest("message", one.name_id, number)
                events.append(_Event(one, alert, dedup, min(alert.at or one.received_at, self.at)))
        seen = set(
            Alert.objects.filter(source=self.source, dedup__in={event.dedup for event in events}).values_list(
                "dedup", flat=True
            )
        )
        fresh = []
        for event in events:
            count = self.counts[event.message.message_id]
            if event.dedup in seen:
                count.repeats += 1
                self.repeated.add(event.alert.fingerprint)
                continue
            seen.add(event.dedup)
            count.new += 1
            fresh.append(event)
        return fresh

    def _twins(self) -> dict[str, Alarm]:
        arns = {event.alert.arn for event in self.events if event.alert.arn}
        if not arns:
            return {}
        rows = Alarm.objects.filter(
            platform=self.source.platform_id, origin=AlarmOrigin.CLOUDWATCH, key__in=arns
        ).select_related("severity")
        return {row.key: row for row in rows}

    def _meaning(self, alert: AlertIn) -> Meaning:
        return self.meanings.of(alert, self.twins.get(alert.arn))

    def _key(self, event: _Event) -> str:
        return f"{self.source.pk}:{self.read[event.dedup].service_id or 0}:{event.alert.group}"

    def _groups(self) -> dict[str, _Group]:
        """The alarms that the batch may move, with how many of their subjects fire."""
        keys = {self._key(event) for event in self.events} | {self.storm_key}
        of_subjects = {row.alarm_id for row in self.subjects.values() if row.alarm_id is not None}
        rows = Alarm.objects.filter(platform=self.source.platform_id, origin=AlarmOrigin.ALERT)
        rows = rows.filter(Q(key__in=keys) | Q(pk__in=of_subjects)).select_related("severity")
        alarms = {row.pk: row for row in rows}
        firing = AlertSubject.objects.filter(alarm__in=alarms, is_firing=True).values("alarm_id")
        counts = dict(firing.annotate(n=CountOf("pk")).values_list("alarm_id", "n"))
        return {row.key: _Group(row, counts.get(row.pk, 0)) for row in alarms.values()}

    def _lately_begun(self) -> int:
        """Groups that began within the window and fire still."""
        since = self.at - STORM_WINDOW
        rows = Alarm.objects.filter(alert_source=self.source, state=AlarmState.ALARM, since__gte=since)
        return rows.exclude(key=self.storm_key).count()

    def apply(self) -> dict[int, Count]:
        """Write it all; returns the counts by message."""
        late = {event.dedup for event in self.events if not self._move(event)}
        self._write_subjects()
        heard = {row.alarm_id for row in self.subjects.values()}
        # In the order in which a release locks alarms. A subject may have left the group that it moved.
        for group in sorted(self.groups.values(), key=lambda one: one.alarm.pk):
            if group.is_moved or group.alarm.pk in heard:
                self._tell(group)
        self._write_alerts(late)
        return self.counts

    def _move(self, event: _Event) -> bool:
        """Let the event change its subject; False when something younger was known of it."""
        subject = self.subjects.get(event.alert.fingerprint)
        if subject is None:
            subject = AlertSubject(
                source=self.source, fingerprint=event.alert.fingerprint, since=event.at, last_at=event.at
            )
            self.subjects[event.alert.fingerprint] = self.new[event.alert.fingerprint] = subject
        subject.count += 1
        if event.at < subject.last_at:
            return False
        subject.last_at, subject.title, subject.url = event.at, event.alert.title, event.alert.url
        if event.alert.is_firing == subject.is_firing:
            return True
        if event.alert.is_firing:
            group = self._group_for(event)
            subject.alarm = group.alarm
        else:
            assert subject.alarm is not None  # it fires, so it counts somewhere
            group = self.groups[subject.alarm.key]
        subject.is_firing, subject.since = event.alert.is_firing, event.at
        group.turn(event, 1 if event.alert.is_firing else -1)
        return True

    def _group_for(self, event: _Event) -> _Group:
        """The group's own alarm; the storm's when too many begin at once."""
        own = self.groups.get(self._key(event))
        if own is not None and own.fires:
            own.worsen(self.read[event.dedup], event)
            return own
        if self._is_storm():
            return self._storm(event)
        self.begun += 1
        return self._begin(self._key(event), event.alert.title, self.read[event.dedup], event)

    def _is_storm(self) -> bool:
        storm = self.groups.get(self.storm_key)
        if storm is not None and storm.fires:
            heard = storm.alarm.fetched_at
            if heard is None or self.at - heard < STORM_CALMS_AFTER:
                return True
        return self.begun >= STORM_GROUPS

    def _storm(self, event: _Event) -> _Group:
        """One alarm for all that begins now, as grave as the worst of it."""
        said, group = self.read[event.dedup], self.groups.get(self.storm_key)
        if group is None or not group.fires:
            storm = Meaning(None, said.severity, "alert-storm", said.opens_incident)
            return self._begin(self.storm_key, f"Alert storm from {self.source.name}", storm, event)
        group.worsen(said, event)
        return group

    def _begin(self, key: str, title: str, said: Meaning, event: _Event) -> _Group:
        """The group, about to fire under what its first alert says."""
        known = self.groups.get(key)
        group = known or _Group(
            Alarm(
                platform_id=self.source.platform_id,
                origin=AlarmOrigin.ALERT,
                alert_source=self.source,
                key=key,
                since=event.at,
            )
        )
        alarm = group.alarm
        alarm.name, alarm.service_id, alarm.severity = title[:255], said.service_id, said.severity
        alarm.signal, alarm.opens_incident = said.signal, said.opens_incident
        if known is None:
            alarm.save()
            self.groups[key] = group
        return group

    def _write_subjects(self) -> None:
        AlertSubject.objects.bulk_create(self.new.values())
        known = [self.subjects[name] for name in {event.alert.fingerprint for event in self.events} - self.new.keys()]
        columns = ["alarm", "title", "url", "is_firing", "since", "last_at", "count"]
        AlertSubject.objects.bulk_update(known, columns)

    def _tell(self, group: _Group) -> None:
        """The alarm's figures and its changes, in order, each an event of its own."""
        alarm = group.alarm
        Alarm.objects.filter(pk=alarm.pk).update(
            name=alarm.name,
            service_id=alarm.service_id,
            severity=alarm.severity,
            signal=alarm.signal,
            opens_incident=alarm.opens_incident,
            evaluated_until=self.at,
            fetched_at=self.at,
        )
        for state, event, firing in group.changes:
            reason = _reason(event.alert, self.source)
            self._turn(alarm, state, event.at, firing, reason, {"source": self.source.pk, "alert": event.dedup})
        if group.fires and alarm.state == AlarmState.UNKNOWN:  # nobody judged it for a while; it was still going on
            self._turn(alarm, AlarmState.ALARM, self.at, group.firing, f"{self.source.name} tells of it again.", {})
        Alarm.objects.filter(pk=alarm.pk).exclude(value=group.firing).update(value=group.firing)

    def _turn(
        self, alarm: Alarm, state: str, at: datetime, firing: int, reason: str, data: Mapping[str, object]
    ) -> None:
        """Time goes on within one alarm: two changes of one instant are two events."""
        told_at = alarm.transitions.aggregate(newest=Max("at"))["newest"] or alarm.since
        leave = alarm_worsen if state == alarm.state == AlarmState.ALARM else alarm_transition
        leave(
            alarm=alarm,
            to_state=state,
            at=max(at, alarm.since + _TICK, told_at + _TICK),
            recorded_at=self.at,
            value=firing,
            reason=reason,
            data=data,
        )

    def _write_alerts(self, late: set[str]) -> None:
        told = [group.alarm.pk for group in self.groups.values()]
        covered = Alarm.objects.filter(Exists(Silence.objects.over_alarm(self.at)), pk__in=told)
        silenced = set(covered.values_list("pk", flat=True))
        Alert.objects.bulk_create(
            Alert(
                source=self.source,
                platform_id=self.source.platform_id,
                alarm_id=self.subjects[event.alert.fingerprint].alarm_id,
                subject=self.subjects[event.alert.fingerprint],
                message_number=event.message.message_id,
                dedup=event.dedup,
                title=event.alert.title,
                text=event.alert.text,
                url=event.alert.url,
                severity_word=event.alert.severity,
                labels=dict(event.alert.labels),
                is_firing=event.alert.is_firing,
                is_late=event.dedup in late,
                silenced=self.subjects[event.alert.fingerprint].alarm_id in silenced,
                at=event.at,
                received_at=event.message.received_at,
            )
            for event in self.events
        )


def _reason(alert: AlertIn, source: AlertSource) -> str:
    text = " ".join(alert.text.split())[:300]
    return f"{source.name}: {alert.title}{f' – {text}' if text and text != alert.title else ''}"


@transaction.atomic
def group_end(*, by: Actor, at: datetime, alarm: Alarm, expected: int, reason: str) -> None:
    """A person says that what outside sources told is over: for alerts whose end nobody sends.

    Raises VersionConflictError.
    """
    assert alarm.alert_source_id is not None  # its origin is a source
    _hold(alarm.alert_source_id)
    alarm.update_versioned(expected=expected, value=0)
    subjects = AlertSubject.objects.filter(alarm=alarm, is_firing=True)
    ended = subjects.update(is_firing=False, since=at, last_at=at)
    said = clean_text(reason).strip()[:240]
    text = f"Ended by hand{f': {said}' if said else '.'}"
    changed_at = max(at, alarm.since + _TICK)
    alarm_transition(alarm=alarm, to_state=AlarmState.OK, at=changed_at, recorded_at=at, value=0, reason=text)
    record(
        by=by,
        at=at,
        verb="monitoring.alert_group.ended",
        obj_kind="monitoring.alarm",
        obj_id=alarm.pk,
        platform_id=alarm.platform_id,
        data={"subjects": ended},
    )


def meanings_of(source: AlertSource, alerts: Sequence[AlertIn], rules: Sequence[Rule]) -> Mapping[str, Meaning]:
    """What alerts would mean under other rules, by fingerprint; for the editor's preview."""
    meanings = Meanings(source, rules)
    return {alert.fingerprint: meanings.of(alert) for alert in alerts}
