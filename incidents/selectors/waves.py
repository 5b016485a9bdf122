"""The waves of an incident that was reopened: each with its own times, cause and resolution."""

from datetime import datetime
from typing import NamedTuple

from incidents.models import Incident, IncidentWave
from opsportal.core.formats import stamp


class Wave(NamedTuple):
    """From the impact or the reopening to the next end; the last one's times are the incident's own."""

    number: int
    began_at: datetime
    mitigated_at: datetime | None
    resolved_at: datetime | None
    cause: str
    resolution: str
    why: str  # it was reopened; empty of the first

    @property
    def times(self) -> str:
        """`from 2026-11-22 07:25:00 UTC, mitigated …, resolved …`."""
        said = [f"{'reopened' if self.why else 'from'} {stamp(self.began_at)}" + (f" ({self.why})" if self.why else "")]
        said += [f"mitigated {stamp(self.mitigated_at)}"] if self.mitigated_at else []
        said.append(f"resolved {stamp(self.resolved_at)}" if self.resolved_at else "not resolved yet")
        return ", ".join(said)

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
        """Its cause as one line; "" while nobody wrote it."""
        return f"Cause: {' '.join(self.cause.split())}" if self.cause else ""


def waves_of(incident: Incident) -> list[Wave]:
    """Every wave, the present or last one too; none when it was never reopened. One query."""
    before = list(IncidentWave.objects.filter(incident=incident).order_by("number"))
    if not before:
        return []
    began = [incident.impact_started_at, *(row.reopened_at for row in before)]
    reasons = ["", *(row.why for row in before)]
    ends = [
        *((row.mitigated_at, row.resolved_at, row.cause, row.resolution) for row in before),
        (incident.mitigated_at, incident.resolved_at, incident.cause, incident.resolution),
    ]
    found = zip(began, ends, reasons, strict=True)
    return [Wave(number, start, *end, why) for number, (start, end, why) in enumerate(found, start=1)]
