"""Keeping what the situation panel showed when an incident was declared."""

from collections.abc import Iterable
from datetime import datetime
from math import isfinite
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from incidents.models import DeclaredSituation, Incident
from incidents.selectors.situation import Reading, situation_of
from opsportal.core.actor import Actor
from opsportal.knowledge.selectors.runbooks import Match

logger = structlog.get_logger(__name__)


def situation_keep(incident: Incident, matches: Iterable[Match], *, by: Actor, at: datetime) -> None:
    """Write it down, inside the caller's transaction; what cannot be read in time stays unknown and stops no incident.

    Earlier incidents are kept by number: who may know them is asked when it is read. Of the log nothing is kept: it is
    read when the incident stands. `matches` are the runbooks that match.
    """
    try:
        with transaction.atomic():
            DeclaredSituation.objects.create(incident=incident, at=at, data=_situation(incident, matches, by, at))
    except DatabaseError:
        logger.warning("incidents.situation_not_kept", incident=incident.pk, exc_info=True)


def _situation(incident: Incident, matches: Iterable[Match], by: Actor, at: datetime) -> dict[str, Any]:
    found = situation_of(by, incident, now=at, is_log_read=False)
    return {
        "state": found.state,
        "alarms": [{"name": row.name, "reason": row.reason, "since": row.since.isoformat()} for row in found.alarms],
        "metrics": [_reading(row) for row in found.readings],
        "changes": [{"kind": row.kind, "title": row.title, "at": row.at.isoformat()} for row in found.changes],
        "on_call": found.on_call.name if found.on_call is not None else None,
        "runbooks": [{"title": row.runbook.title, "why": row.why} for row in matches],
        "similar": [row.incident.number for row in found.similar],
    }


def _reading(row: Reading) -> dict[str, Any]:
    return {
        "name": row.metric.name,
        "unit": row.metric.unit,
        "value": row.value if row.value is not None and isfinite(row.value) else None,  # JSON knows no others
        "at": row.at.isoformat() if row.at is not None else None,
        "is_stale": row.is_stale,
    }
