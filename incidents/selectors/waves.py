"""The waves of an incident that was reopened: each with its own times, causes and resolution."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Min, Q

from incidents.choices import EntryKind
from incidents.models import AlarmClaim, Incident, IncidentWave, TimelineEntry
from monitoring.models import AlarmState, AlarmTransition
from opsportal.core.formats import stamp


class Wave(NamedTuple):
    """From the impact, or from when it came back, to the next end; the last one's times are the incident's own."""

    number: int
    began_at: datetime
    mitigated_at: datetime | None
    resolved_at: datetime | None
    cause: str
    resolution: str
    why: str  # it was reopened; empty of the first
    reopened_at: datetime | None = None  # when a person said so, which may be after it began; None of the first
    causes_before: Sequence[str] = ()  # what was taken for its cause and then written anew, oldest first

    @property
    def times(self) -> str:
        """`from 2026-11-22 07:25:00 UTC, reopened … (It is back), mitigated …, resolved …`."""
        said = [f"from {stamp(self.began_at)}"] if self.is_known_before or not self.why else []
        said += [f"reopened {stamp(self.reopened_at or self.began_at)} ({self.why})"] if self.why else []
        said += [f"mitigated {stamp(self.mitigated_at)}"] if self.mitigated_at else []
        said.append(f"resolved {stamp(self.resolved_at)}" if self.resolved_at else "not resolved yet")
        return ", ".join(said)

    @property
    def is_known_before(self) -> bool:
        """Whether an alarm or another incident showed that it was back before a person reopened it."""
        return self.reopened_at is not None and self.began_at < self.reopened_at

    @property
    def ended(self) -> str:
        """What ended it, or that nobody knows."""
        return self.resolution or ("what ended it was not written down" if self.resolved_at else "not over")

    @property
    def words(self) -> str:
        """Its times and its end as one line."""
        ended = " ".join(self.resolution.split())
        return f"Wave {self.number}: {self.times}" + (f": {ended}" if ended else "")

    @property
    def because(self) -> str:
        """Its cause as one line, with what was taken for it before; "" while nobody wrote one."""
        if not self.cause and not self.causes_before:
            return ""
        before = "; ".join(" ".join(text.split()) for text in self.causes_before)
        said = f"Cause: {' '.join(self.cause.split()) or 'not written down'}"
        return f"{said} (written before: {before})" if before else said


def waves_of(incident: Incident) -> list[Wave]:
    """Every wave, the present or last one too; none when it was never reopened."""
    before = list(IncidentWave.objects.filter(incident=incident).order_by("number"))
    if not before:
        return []
    reopened = [None, *(row.reopened_at for row in before)]
    began = [incident.impact_started_at, *_came_back(incident, before)]
    reasons = ["", *(row.why for row in before)]
    ends = [
        *((row.mitigated_at, row.resolved_at, row.cause, row.resolution) for row in before),
        (incident.mitigated_at, incident.resolved_at, incident.cause, incident.resolution),
    ]
    found = zip(began, ends, reasons, reopened, strict=True)
    waves = [Wave(number, start, *end, why, again) for number, (start, end, why, again) in enumerate(found, start=1)]
    replaced = _replaced_causes(incident)
    return [wave._replace(causes_before=_of_wave(wave, waves, replaced)) for wave in waves]


def wave_at(waves: Sequence[Wave], at: datetime) -> int:
    """The number of the wave that a moment belongs to: what comes after an end is its wave's until the next begins."""
    return max((wave.number for wave in waves if wave.began_at <= at), default=1)


def _came_back(incident: Incident, before: Sequence[IncidentWave]) -> list[datetime]:
    """When each later wave began: an alarm of the incident fired again, the impact of one that was merged into it
    began, or a person reopened it, whichever was first.
    """
    merged = list(Incident.objects.filter(merged_into=incident).values_list("declared_at", "impact_started_at"))
    theirs = Q(incident=incident) | Q(incident__merged_into=incident)
    alarms = AlarmClaim.objects.filter(theirs).values("transition__alarm_id")
    # What another incident, which is not merged into it, was told of is that one's.
    own = Q(incident_claim__incident=incident) | Q(incident_claim__incident__merged_into=incident)
    fired = AlarmTransition.objects.filter(own | Q(incident_claim__incident=None), alarm_id__in=alarms)
    fired = fired.filter(to_state=AlarmState.ALARM).exclude(from_state=AlarmState.ALARM)
    spans = {f"wave_{row.number}": Q(at__gt=row.resolved_at, at__lt=row.reopened_at) for row in before}
    first = fired.aggregate(**{name: Min("at", filter=span) for name, span in spans.items()})
    found = []
    for row in before:
        starts = [row.reopened_at, first[f"wave_{row.number}"] or row.reopened_at]
        starts += [max(impact, row.resolved_at) for declared, impact in merged if declared > row.resolved_at]
        found.append(min(starts))
    return found


def _replaced_causes(incident: Incident) -> list[tuple[datetime, str]]:
    """When which cause was written anew."""
    rows = TimelineEntry.objects.filter(
        incident=incident, kind=EntryKind.STATE, data__text="cause", data__has_key="was"
    )
    return list(rows.order_by("number").values_list("occurred_at", "data__was")[:200])


def _of_wave(wave: Wave, waves: Sequence[Wave], replaced: Iterable[tuple[datetime, str]]) -> tuple[str, ...]:
    """Those of this wave, each once, which a later wave's reopening ends."""
    until = next((later.reopened_at for later in waves if later.number > wave.number), None)
    own = (
        text
        for at, text in replaced
        if (wave.reopened_at is None or at >= wave.reopened_at) and (until is None or at < until)
    )
    return tuple(dict.fromkeys(text for text in own if text.strip() != wave.cause.strip()))
