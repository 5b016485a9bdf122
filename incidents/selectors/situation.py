"""What a commander looks at first (M-INC-07), read at once when an incident is declared."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F

from incidents.models import Incident
from incidents.models.incident import INCIDENT_WORDS
from incidents.selectors.lists import ROW, IncidentRow
from incidents.selectors.related import Change, alarms_nearby, changes_nearby, metrics_of
from incidents.types import Choice, Suggestion, suggested
from monitoring.evidence.logs import CHECK
from monitoring.models import Alarm, EvidenceResult, ServiceMetric
from monitoring.selectors.services import newest_values
from opsportal.core.actor import Actor
from opsportal.core.formats import plural
from opsportal.platforms.models import Contact, Severity

BEFORE: Final = timedelta(minutes=30)
AFTER: Final = timedelta(hours=1)
FRESH: Final = timedelta(minutes=12)
COUNTED: Final = ("Sum", "SampleCount")
CANDIDATES: Final = 300  # the newest that share a word are ranked; older ones hardly help
SIMILAR: Final = 5


class Reading(NamedTuple):
    """The newest figure of a metric."""

    metric: ServiceMetric
    value: float | None
    per: str  # of a count: the time it was counted in
    at: datetime | None
    is_stale: bool


class Similar(NamedTuple):
    """An earlier incident that reads alike, and what ended it."""

    incident: IncidentRow
    remedy: str
    problem: str


@dataclass(frozen=True, slots=True)
class Situation:
    """All of the panel."""

    alarms: Sequence[Alarm]
    readings: Sequence[Reading]
    changes: Sequence[Change]
    similar: Sequence[Similar]
    on_call: Contact | None
    errors: EvidenceResult | None

    @property
    def state(self) -> str:
        """The state of the service: green only when all that is read of it is fresh."""
        if self.alarms:
            return "fail"
        fresh = [reading for reading in self.readings if reading.value is not None and not reading.is_stale]
        if len(fresh) < len(self.readings) and fresh:
            return "stale"
        return "ok" if fresh else "stale" if any(reading.at for reading in self.readings) else "unknown"

    @property
    def words(self) -> str:
        """`no alarm, 2 of 3 metrics fresh`."""
        if self.alarms:
            return plural(len(self.alarms), "alarm firing", "alarms firing")
        fresh = sum(not reading.is_stale for reading in self.readings)
        return service_words(self.state, fresh, len(self.readings))


def service_words(state: str, fresh: int, total: int) -> str:
    """How the state of a service is said of which `fresh` of `total` metrics were read in time."""
    if state == "ok" and fresh == total:
        return "no alarm, metrics fresh"
    if state not in ("ok", "stale"):
        return {"fail": "alarms firing"}.get(state, "not read")
    return f"no alarm, {fresh} of {plural(total, 'metric')} fresh" if fresh else "metrics stale"


def situation_of(actor: Actor, incident: Incident, *, now: datetime, is_log_read: bool = True) -> Situation:
    """Service state, changes, alarms, metrics, who is on call, and what fixed it the last time."""
    return Situation(
        alarms=alarms_nearby(incident),
        readings=_readings(incident, now),
        changes=changes_nearby(incident)[:8],
        similar=similar_incidents(actor, incident),
        on_call=Contact.objects.chain_of(incident.platform_id).first(),
        errors=error_sample(incident) if is_log_read else None,
    )


def _readings(incident: Incident, now: datetime) -> list[Reading]:
    metrics = metrics_of(incident)
    values = newest_values(metrics, at=now)
    found = []
    for metric in metrics:
        newest = values.get(metric.pk)
        if newest is None:
            found.append(Reading(metric, None, "", None, is_stale=True))
            continue
        per = f"in {newest.period // 60} min" if metric.stats[0] in COUNTED else ""
        found.append(Reading(metric, newest.value, per, newest.ended_at, is_stale=now - newest.ended_at > FRESH))
    return found


def error_sample(incident: Incident) -> EvidenceResult | None:
    """The newest error lines that were read of the service's log while this incident lasted, by whomever."""
    if incident.service is None:
        return None
    rows = EvidenceResult.objects.filter(
        platform_id=incident.platform_id, check_name=CHECK, params__service=incident.service.key
    )
    rows = rows.filter(created_at__gte=incident.declared_at - BEFORE)
    if (end := sample_end(incident)) is not None:
        rows = rows.filter(created_at__lte=end)
    found: EvidenceResult | None = rows.order_by("-created_at", "-pk").first()
    return found


def sample_end(incident: Incident) -> datetime | None:
    """From when on the log says nothing about this incident any more."""
    ended = incident.closed_at or incident.resolved_at
    return ended + AFTER if ended is not None else None


def similar_incidents(actor: Actor, incident: Incident, *, after: datetime | None = None) -> list[Similar]:
    """Incidents of the platform that share words with this one, ranked by how much and whether by service.

    Those declared before it, or those declared after an instant.
    """
    words = sorted(set(re.findall(r"\w{3,}", f"{incident.title} {incident.summary}".casefold())))[:20]
    if not words:
        return []
    query = SearchQuery(" | ".join(words), config="simple", search_type="raw")
    rows = Incident.objects.visible_to(actor).filter(platform_id=incident.platform_id, merged_into__isnull=True)
    rows = rows.filter(declared_at__gt=after) if after else rows.filter(declared_at__lt=incident.declared_at)
    alike = rows.annotate(words=INCIDENT_WORDS).filter(words=query).exclude(pk=incident.pk)
    newest = alike.order_by("-number").values("pk")[:CANDIDATES]
    ranked: Any = Incident.objects.filter(pk__in=newest).annotate(
        alike=SearchRank(INCIDENT_WORDS, query, normalization=1), problem=F("problem_link__problem__number")
    )
    found = ranked.order_by("-alike", "-number").values_list(*ROW, "resolution", "problem", "service_id", "alike")[:40]
    best = sorted(found, key=lambda row: -row[-1] * (1.5 if row[-2] == incident.service_id else 1))
    return [
        Similar(IncidentRow(*row[: len(ROW)]), row[len(ROW)], f"PRB-{row[len(ROW) + 1]}" if row[len(ROW) + 1] else "")
        for row in best[:SIMILAR]
    ]


class Advice(NamedTuple):
    """A severity that the triage speaks for, as a severity of the platform."""

    severity: Severity
    suggestion: Suggestion
    fits: bool
    is_milder: bool  # than what somebody set: a worse severity needs no defence


def advice_for(
    answers: Mapping[str, Mapping[str, str]], severities: Sequence[Severity], rank: int, choice: Choice | None
) -> Advice | None:
    """The platform's severity nearest to what the answers suggest; None while they suggest nothing."""
    suggestion = suggested(answers, choice)
    if suggestion is None or not severities:
        return None
    nearest = min(severities, key=lambda row: (abs(row.rank - suggestion.rank), row.rank))
    return Advice(nearest, suggestion, nearest.rank == rank, nearest.rank > rank)
