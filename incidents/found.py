"""Origins of this room: an alarm that fires, a user's report."""

from datetime import datetime

from incidents.choices import DetectionSource
from incidents.models import Incident, UserReport
from incidents.models.problem import ReportState
from incidents.origins import Origin
from incidents.selectors.named import severity_of_rank
from incidents.services.reports import report_attach
from monitoring.models import Alarm
from opsportal.core.actor import Actor
from opsportal.platforms.models import SchemeKind

TITLE = 120


def of_alarm(actor: Actor, pk: int) -> Origin | None:
    """A firing alarm: its severity, its signal, when it began."""
    rows = Alarm.objects.visible_to(actor).select_related("severity__scheme")
    alarm: Alarm | None = rows.filter(pk=pk).first()
    if alarm is None:
        return None
    severity = alarm.severity
    if severity is not None and severity.scheme.kind != SchemeKind.INCIDENT:
        severity = severity_of_rank(alarm.platform_id, severity.rank)
    return Origin(
        name=f"alarm {alarm.name}",
        url=f"/monitoring/alarms/{alarm.pk}/",
        platform_id=alarm.platform_id,
        service_id=alarm.service_id,
        title=alarm.name,
        detection_source=DetectionSource.AUTOMATED_ALERT,
        severity_id=severity.pk if severity is not None else None,
        summary=alarm.reason,
        signal=alarm.signal,
        since=alarm.since if alarm.state == "alarm" else None,
    )


def of_report(actor: Actor, pk: int) -> Origin | None:
    """A user's report that waits; it becomes part of the incident."""
    report: UserReport | None = UserReport.objects.visible_to(actor).filter(pk=pk, state=ReportState.WAITING).first()
    if report is None:
        return None

    def settle(incident: Incident, by: Actor, at: datetime) -> object:
        return report_attach(by=by, at=at, report=report, incident=incident)

    first = report.text.strip().splitlines()[0]
    return Origin(
        name=report.reference,
        url=report.url,
        platform_id=report.platform_id,
        service_id=report.service_id,
        title=first if len(first) <= TITLE else f"{first[:TITLE]}…",
        detection_source=DetectionSource.USER_REPORT,
        summary=report.text,
        since=report.reported_at,
        settle=settle,
    )
