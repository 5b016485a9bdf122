"""Opening an incident: by a person or by an alarm, always with clocks, timeline, notices and audit at once."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from incidents import events
from incidents.choices import RESTRICTED_TYPES, DetectionSource, EntryKind, IncidentRole, IncidentType
from incidents.errors import IncidentError
from incidents.lifecycle import START, Stage, acknowledge, check_times
from incidents.models import Incident, RoleAssignment
from incidents.registries.origins import Origin
from incidents.selectors.named import place_named, severity_named, severity_of_rank
from incidents.selectors.runbooks import runbooks_matching
from incidents.services import clocks, notices
from incidents.services.base import change, finish, mark_charts, moved, next_number
from incidents.services.paging import page_first
from incidents.services.samples import log_sample_run
from incidents.services.situations import situation_keep
from incidents.services.timeline import append, check_occurred, start_timeline
from incidents.types import defaults
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Service, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What is known at the start. Everything but platform and title has a reasoned default."""

    platform_id: int
    title: str
    service: Service | None = None
    severity: Severity | None = None
    type: str = IncidentType.DEGRADATION
    detection_source: str = DetectionSource.TEAM_OBSERVATION
    summary: str = ""
    impact_started_at: datetime | None = None
    detected_at: datetime | None = None
    signal: str = ""
    take_command: bool = True
    declare_key: str | None = None
    external_source: str = ""
    external_id: str = ""


def declaration_of(by: Actor, *, platform: str, service: str = "", severity: str = "", **known: Any) -> Declaration:
    """A declaration in the keys and labels that a program or a shell writes, if `by` may declare there.

    `known` are the other fields. Raises UnknownNameError, DeniedError.
    """
    place, found = place_named(by, "incidents.incident_declare", platform, service)
    rated = severity_named(place.pk, severity) if severity else None
    return Declaration(platform_id=place.pk, service=found, severity=rated, **known)


DEFAULT_RANK = 2  # of an alarm without a severity; people's declarations take their type's


def incident_declare(*, by: Actor, at: datetime, declaration: Declaration) -> Incident:
    """Open an incident and, for a person, take command of it.

    The same `declare_key`, or the same external id of one source, again returns the incident that exists.
    Raises IncidentError, TimeOrderError, and IntegrityError when one is open for the same signal.
    """
    return _declare(by=by, at=at, declaration=declaration)


def _declare(*, by: Actor, at: datetime, declaration: Declaration, origin: Origin | None = None) -> Incident:
    title = clean_text(declaration.title).strip()
    if not title:
        raise IncidentError("Say in a few words what is wrong.")
    if bool(declaration.external_id) != bool(declaration.external_source):
        raise IncidentError("An external id needs its source, and a source its id.")
    check_occurred(declaration.impact_started_at, at)
    check_occurred(declaration.detected_at, at)
    try:
        with transaction.atomic():
            return _open(by=by, at=at, declaration=declaration, title=title, origin=origin)
    except IntegrityError:
        if (found := _same(declaration)) is not None:
            return found
        raise


def _same(declaration: Declaration) -> Incident | None:
    """The incident that this declaration made before."""
    rows = Incident.objects.filter(platform_id=declaration.platform_id)
    names: list[dict[str, str]] = []
    if declaration.declare_key:
        names.append({"declare_key": declaration.declare_key})
    if declaration.external_id:
        names.append({"external_source": declaration.external_source, "external_id": declaration.external_id})
    return next((row for name in names if (row := rows.filter(**name).first()) is not None), None)


def refuse_twin(platform_id: int, service: Service | None, signal: str, way_out: str = "go on there") -> None:
    """Say which incident is open for a signal, and what to do. Raises IncidentError when there is one."""
    rows = Incident.objects.open().filter(platform_id=platform_id, service=service, signal=signal)
    twin = rows.first() if signal else None
    if twin is not None:
        named = "An incident" if twin.is_restricted else twin.reference
        raise IncidentError(f"{named} is open for the same signal; {way_out}.")


def incident_declare_from(*, by: Actor, at: datetime, declaration: Declaration, origin: Origin) -> Incident:
    """Open an incident from an alarm, a report, an item of a list; that is said on its timeline, and there.

    Later alarms of the origin's signal join it. Raises IncidentError, TimeOrderError.
    """
    service_id = declaration.service.pk if declaration.service else None
    signal = origin.signal if service_id == origin.service_id else ""
    refuse_twin(declaration.platform_id, declaration.service, signal)
    try:
        return _declare(by=by, at=at, declaration=replace(declaration, signal=signal), origin=origin)
    except IntegrityError:
        refuse_twin(declaration.platform_id, declaration.service, signal)
        raise


def _open(*, by: Actor, at: datetime, declaration: Declaration, title: str, origin: Origin | None) -> Incident:
    incident = _row(by=by, at=at, declaration=declaration, title=title)
    start_timeline(incident)
    label, source = incident.severity.label, DetectionSource(declaration.detection_source).label.lower()
    append(
        incident,
        kind=EntryKind.STATE,
        body=f"declared {label}, found by {source}" + (f": {incident.summary}" if incident.summary else ""),
        by=by,
        at=at,
        data={"state": "open", "severity": label},
    )
    clocks.start_all(incident, incident.detected_at)
    if declaration.take_command and by.user_id is not None:
        take_command(incident, by=by, at=at)
    matches = runbooks_matching(incident)
    situation_keep(incident, matches, by=by, at=at)
    notices.tell_opened(incident, matches, at)
    page_first(incident, at)
    log_sample_run(incident, at)
    if origin is not None:
        _settle(origin, incident, by=by, at=at)
    mark_charts(incident, by=by, at=at)
    finish(
        incident,
        by=by,
        at=at,
        verb="incident.declared",
        data={"number": incident.number, "rank": incident.rank},
        tells=partial(events.declared, incident),
    )
    return incident


def _row(*, by: Actor, at: datetime, declaration: Declaration, title: str) -> Incident:
    severity = declaration.severity or severity_of_rank(declaration.platform_id, defaults(declaration.type).rank)
    detected_at = declaration.detected_at or at
    times = {
        "impact_started_at": min(declaration.impact_started_at or detected_at, detected_at),
        "detected_at": detected_at,
        "declared_at": at,
    }
    check_times(times)
    row: Incident = Incident.objects.create(
        number=next_number("incidents_incident_number"),
        platform_id=declaration.platform_id,
        service=declaration.service,
        title=title[:200],
        summary=clean_text(declaration.summary),
        type=declaration.type,
        severity=severity,
        rank=severity.rank,
        state=START.state.value,
        stage=START.stage.value,
        stage_times={Stage.DETECT.value: detected_at.isoformat()},
        detection_source=declaration.detection_source,
        signal=declaration.signal,
        declare_key=declaration.declare_key,
        external_source=declaration.external_source,
        external_id=declaration.external_id,
        is_restricted=declaration.type in RESTRICTED_TYPES,
        declared_by_id=by.user_id,
        **times,
    )
    if declaration.service is not None:
        row.platform = declaration.service.platform  # who named the service has read it; nobody asks again
    return row


def _settle(origin: Origin, incident: Incident, *, by: Actor, at: datetime) -> None:
    """Before the incident's own audit row: the origin's rows are locked, and the chain comes after every other row."""
    body = f"declared from {origin.name}"
    append(incident, kind=EntryKind.STATE, body=body, by=by, at=at, data={"origin": origin.url})
    if origin.settle is not None:
        origin.settle(incident, by, at)


def take_command(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Make `by` the commander of a locked incident that has none, and acknowledge it."""
    assert by.user_id is not None
    RoleAssignment.objects.create(incident=incident, role=IncidentRole.COMMANDER, user_id=by.user_id, assumed_at=at)
    said = f"{set_commander(incident, by.user_id, at)}took command"
    append(incident, kind=EntryKind.ROLE, body=said, by=by, at=at, data={"role": "commander", "user": by.user_id})


def set_commander(incident: Incident, user_id: int, at: datetime) -> str:
    """Write down who commands a locked incident. The first one acknowledges it: that is said before what follows."""
    first = incident.acknowledged_at is None
    changes = moved(incident, acknowledge(incident.position), at) | {"commander_id": user_id}
    if first:
        changes["acknowledged_at"] = at
    change(incident, **changes)
    took = clocks.acknowledge_clocks(incident, at)
    return f"acknowledged{took}, " if first else ""
