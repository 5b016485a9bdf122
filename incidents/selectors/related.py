"""What stands around an incident: metrics, changes, alarms, other incidents."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from incidents.choices import ClaimOutcome
from incidents.models import Incident, ReviewSection, TimelineEntry
from incidents.models.incident import BODY_WORDS
from incidents.selectors.lists import ROW as INCIDENT_ROW
from incidents.selectors.lists import IncidentFilter, IncidentRow, filtered, word_query
from incidents.selectors.plans import plans_begun
from monitoring.models import Alarm, AlarmState, Annotation, AnnotationKind, Deployment, RuleTerm, ServiceMetric
from opsportal.core.actor import Actor

NEARBY: Final = timedelta(hours=2)
MOST_FIRING: Final = 200
CHART_MARGIN: Final = timedelta(minutes=30)


class Change(NamedTuple):
    """Something that changed near the start of an incident."""

    kind: str
    title: str
    at: datetime
    ended_at: datetime | None
    url: str
    glyph: str


class Mention(NamedTuple):
    """A line of an incident's timeline or a section of its review."""

    number: int
    title: str
    text: str
    url: str


def changes_nearby(incident: Incident) -> list[Change]:
    """Deployments, plans carried out, windows and other marks of the platform within two hours of the impact.

    Newest first. A restart of the same version is said to be one, and no deployment.
    """
    start, end = incident.impact_started_at - NEARBY, incident.impact_started_at + NEARBY
    deployments = Deployment.objects.filter(platform_id=incident.platform_id, started_at__range=(start, end))
    found = [
        Change("Restart, same version" if row.is_restart else "Deployment",
               f"{row.service.name if row.service else ''} {row.label} {row.state}".strip(),
               row.started_at, row.finished_at, "", "rotate-ccw" if row.is_restart else "rocket")
        for row in deployments.select_related("service").order_by("-started_at")[:30]
    ]  # fmt: skip
    found += [
        Change("Plan", f"{row.title} (plan {row.short_hash}), {row.get_state_display().lower()}",
               row.started_at, row.finished_at, reverse("plans:plan", args=[row.pk]), "list-checks")
        for row in plans_begun(incident, start, end)[:30] if row.started_at is not None
    ]  # fmt: skip
    marks = (
        Annotation.objects.filter(platform_id=incident.platform_id, starts_at__lte=end, restricted=False)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gte=start))
        .exclude(kind__in=[AnnotationKind.DEPLOYMENT, AnnotationKind.INCIDENT])
    )
    found += [
        Change(AnnotationKind(row.kind).label, row.title, row.starts_at, row.ends_at, row.url, "wrench")
        for row in marks.order_by("-starts_at")[:30]
    ]
    # A window has a mark on each of its services.
    return sorted(dict.fromkeys(found), key=lambda change: change.at, reverse=True)


def alarms_nearby(incident: Incident) -> list[Alarm]:
    """Alarms that fire now on the incident's service, or platform when it has none, newest first.

    Each name once, whoever tells of it: the gravest, then the first of those.
    """
    rows = Alarm.objects.judged().filter(platform_id=incident.platform_id, state=AlarmState.ALARM)
    if incident.service_id is not None:
        rows = rows.filter(Q(service_id=incident.service_id) | Q(service__isnull=True))
    rows = rows.order_by("name", F("severity__rank").asc(nulls_last=True), "since", "pk").distinct("name")
    return sorted(rows.select_related("severity")[:MOST_FIRING], key=lambda alarm: alarm.since, reverse=True)[:20]


def metrics_of(incident: Incident) -> list[ServiceMetric]:
    """What the alarm watches that opened the incident, then what else is read of its service, as its pack orders it."""
    opening = RuleTerm.objects.filter(
        series_id=OuterRef("series_id"),
        rule__alarm__transitions__incident_claim__incident=incident,
        rule__alarm__transitions__incident_claim__outcome=ClaimOutcome.OPENED,
    )
    rows = ServiceMetric.objects.filter(platform_id=incident.platform_id, series__isnull=False)
    rows = rows.annotate(is_opening=Exists(opening))
    if incident.service_id is not None:
        rows = rows.filter(Q(service_id=incident.service_id) | Q(is_opening=True))
    return list(rows.order_by("-is_opening", "position", "pk")[:4])


def chart_span(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """What a chart of the incident shows: half an hour around its impact, an hour to a day, nothing to come."""
    start = incident.impact_started_at - CHART_MARGIN
    end = min((incident.resolved_at or now) + CHART_MARGIN, now, start + timedelta(days=1))
    return min(start, end - timedelta(hours=1)), end


def related_incidents(actor: Actor, incident: Incident, *, now: datetime) -> list[IncidentRow]:
    """Earlier incidents of the same signal or service, newest first."""
    same = Q(service_id=incident.service_id) if incident.service_id else Q(type=incident.type)
    if incident.signal:
        same |= Q(signal=incident.signal)
    rows = filtered(actor, IncidentFilter(platform_id=incident.platform_id), now=now).filter(same)
    rows = rows.exclude(pk=incident.pk).order_by("-number").values_list(*INCIDENT_ROW)
    return [IncidentRow(*row) for row in rows[:10]]


def recent_incidents(actor: Actor, text: str, *, now: datetime, limit: int = 8) -> list[IncidentRow]:
    """For the command palette: incidents that match the words typed, newest first."""
    rows: Any = filtered(actor, IncidentFilter(text=text), now=now)
    return [IncidentRow(*row) for row in rows.order_by("-number").values_list(*INCIDENT_ROW)[:limit]]


def incidents_that_say(actor: Actor, text: str, *, limit: int = 8) -> list[Mention]:
    """For the command palette: the newest timeline lines and review sections that hold the words typed."""
    query = word_query(text)
    if query is None:
        return []
    lines = TimelineEntry.objects.visible_to(actor).annotate(words=BODY_WORDS).filter(words=query)
    sections = ReviewSection.objects.visible_to(actor).annotate(words=BODY_WORDS).filter(words=query)
    said = lines.order_by("-pk").values_list("incident__number", "incident__title", "body")[:limit]
    written = sections.order_by("-pk").values_list("review__incident__number", "review__incident__title", "body")
    return [
        *(Mention(number, title, body, f"/incidents/{number}/") for number, title, body in said),
        *(Mention(number, title, body, f"/incidents/{number}/review/") for number, title, body in written[:limit]),
    ]
