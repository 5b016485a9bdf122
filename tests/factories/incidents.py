"""Incidents as people and alarms open them: always through the services."""

from datetime import datetime, timedelta
from typing import Any

from incidents.models import ClockPolicy, Incident
from incidents.services import incident_declare
from incidents.services.declare import Declaration
from monitoring.models import Alarm, AlarmOrigin, AlarmState, AlarmTransition
from opsportal.core.actor import Actor, system_actor
from opsportal.platforms.models import Platform, Service, Severity


def severity(platform: Platform, label: str = "P1", kind: str = "incident") -> Severity:
    return Severity.objects.select_related("scheme").get(scheme__platform=platform, scheme__kind=kind, label=label)


def declare(platform: Platform, *, by: Actor, at: datetime, label: str = "P1", **values: Any) -> Incident:
    """An incident on the platform's service `web`, declared by `by`."""
    values.setdefault("title", "Checkout fails")
    values.setdefault("service", Service.objects.filter(platform=platform).first())
    declaration = Declaration(platform_id=platform.pk, severity=severity(platform, label), **values)
    return incident_declare(by=by, at=at, declaration=declaration)


def clock_policy(
    platform: Platform, kind: str, minutes: int | None, *, label: str = "P1", **values: Any
) -> ClockPolicy:
    return ClockPolicy.objects.create(
        platform=platform, severity=severity(platform, label), kind=kind, minutes=minutes, **values
    )


def alarm(platform: Platform, *, key: str = "db", signal: str = "db-connections", **values: Any) -> Alarm:
    """A portal alarm on `web` that opens incidents."""
    values.setdefault("service", Service.objects.filter(platform=platform).first())
    values.setdefault("severity", severity(platform, "P1", "alert"))
    values.setdefault("opens_incident", True)
    values.setdefault("since", datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
    return Alarm.objects.create(
        platform=platform, key=key, name=f"Alarm {key}", signal=signal, origin=AlarmOrigin.PORTAL, **values
    )


def transition(of: Alarm, to: str, at: datetime, **values: Any) -> AlarmTransition:
    """An event as monitoring writes it."""
    before = AlarmState.OK if to == AlarmState.ALARM else AlarmState.ALARM
    return AlarmTransition.objects.create(
        alarm=of,
        platform_id=of.platform_id,
        service_id=of.service_id,
        severity_id=of.severity_id,
        signal=of.signal,
        opens_incident=of.opens_incident,
        from_state=values.pop("from_state", before),
        to_state=to,
        at=at,
        recorded_at=values.pop("recorded_at", at + timedelta(seconds=5)),
        reason=values.pop("reason", "88 > 80 for 1 of 1 min"),
        **values,
    )


SYSTEM = system_actor("tests")
