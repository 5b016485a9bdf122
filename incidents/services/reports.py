"""What users reported: kept, then made part of an incident or answered (M-INC-12)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from incidents.choices import EntryKind
from incidents.errors import IncidentError
from incidents.models import Incident, UserReport
from incidents.models.problem import ReportState
from incidents.services.base import finish
from incidents.services.timeline import append, check_occurred
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Service

MAX_TEXT: Final = 8000
QUOTED: Final = 300


def _finish(report: UserReport, *, by: Actor, at: datetime, verb: str, data: Mapping[str, Any] | None = None) -> None:
    touch("user-reports", report.pk)
    record(
        by=by,
        at=at,
        verb=f"incidents.user_report.{verb}",
        obj_kind="user_report",
        obj_id=report.pk,
        platform_id=report.platform_id,
        data=dict(data or {}),
    )


@transaction.atomic
def report_add(  # noqa: PLR0913 - one row, its fields by name
    *,
    by: Actor,
    at: datetime,
    platform_id: int,
    text: str,
    kind: str,
    channel: str,
    service: Service | None = None,
    reporter: str = "",
    reported_at: datetime | None = None,
) -> UserReport:
    """Keep what somebody told us. Raises IncidentError."""
    text = clean_text(text).strip()
    if not text:
        raise IncidentError("Write what was reported.")
    if service is not None and service.platform_id != platform_id:
        raise IncidentError("This service belongs to another platform.")
    check_occurred(reported_at, at)
    report = UserReport.objects.create(
        platform_id=platform_id,
        service=service,
        kind=kind,
        text=text[:MAX_TEXT],
        reporter=clean_text(reporter).strip()[:120],
        channel=channel,
        reported_at=reported_at or at,
        recorded_by_id=by.user_id,
        recorded_at=at,
    )
    _finish(report, by=by, at=at, verb="recorded", data={"kind": kind, "channel": channel})
    return report


def _waiting(report: UserReport, expected: int | None) -> UserReport:
    """The report, held, while nobody settled it. Raises IncidentError, VersionConflictError."""
    current: UserReport = UserReport.objects.select_for_update(of=("self",), no_key=True).get(pk=report.pk)
    if current.state != ReportState.WAITING:
        raise IncidentError("Somebody dealt with this report already.")
    if expected is not None and current.version != expected:
        raise VersionConflictError(current)
    return current


@transaction.atomic
def report_attach(
    *, by: Actor, at: datetime, report: UserReport, incident: Incident, expected: int | None = None
) -> UserReport:
    """Make a report part of an incident, whose timeline quotes it. Raises IncidentError, VersionConflictError."""
    current = _waiting(report, expected)
    if current.platform_id != incident.platform_id:
        raise IncidentError("This incident belongs to another platform.")
    quoted = current.text if len(current.text) <= QUOTED else f"{current.text[:QUOTED]}…"
    who = f" by {current.reporter}" if current.reporter else ""
    append(
        incident,
        kind=EntryKind.STATE,
        body=f"attached a user's report{who}: {quoted}",
        by=by,
        at=at,
        data={"report": current.pk},
    )
    current.update_versioned(
        expected=current.version,
        state=ReportState.INCIDENT,
        incident=incident,
        settled_by_id=by.user_id,
        settled_at=at,
    )
    finish(incident, by=by, at=at, verb="report.attached", data={"report": current.pk})
    # Without the incident's number: the report is read by people who may not know of a restricted one.
    _finish(current, by=by, at=at, verb="attached")
    return current


@transaction.atomic
def report_answer(*, by: Actor, at: datetime, report: UserReport, expected: int, answer: str) -> UserReport:
    """Settle a report without an incident, with what was answered. Raises IncidentError, VersionConflictError."""
    answer = clean_text(answer).strip()
    if not answer:
        raise IncidentError("Write what was answered, or why it is no incident.")
    current = _waiting(report, expected)
    current.update_versioned(
        expected=current.version,
        state=ReportState.ANSWERED,
        answer=answer[:MAX_TEXT],
        settled_by_id=by.user_id,
        settled_at=at,
    )
    _finish(current, by=by, at=at, verb="answered")
    return current
