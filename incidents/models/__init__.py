"""Incidents and what hangs on them."""

from incidents.models.clock import ClockPolicy, IncidentClock
from incidents.models.incident import Incident, IncidentAccess, RoleAssignment
from incidents.models.marks import Attachment, EntryMark, LastLook, ResponseTask
from incidents.models.retrospective import Retrospective
from incidents.models.review import ActionItem, Cause, Review, ReviewApproval, ReviewSection
from incidents.models.runbook import IncidentRunbookRun
from incidents.models.timeline import AlarmClaim, ClaimCursor, StatusUpdate, TimelineEntry, TimelineHead

__all__ = [
    "ActionItem",
    "AlarmClaim",
    "Attachment",
    "Cause",
    "ClaimCursor",
    "ClockPolicy",
    "EntryMark",
    "Incident",
    "IncidentAccess",
    "IncidentClock",
    "IncidentRunbookRun",
    "LastLook",
    "ResponseTask",
    "Retrospective",
    "Review",
    "ReviewApproval",
    "ReviewSection",
    "RoleAssignment",
    "StatusUpdate",
    "TimelineEntry",
    "TimelineHead",
]
