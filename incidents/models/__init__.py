"""Incidents and what hangs on them."""

from incidents.models.clock import CalendarFeed, ClockPolicy, ContactPage, IncidentClock
from incidents.models.incident import Incident, IncidentAccess, IncidentWave, RoleAssignment
from incidents.models.marks import Attachment, EntryMark, LastLook, ResponseTask
from incidents.models.problem import AlarmOwner, IncidentLink, Problem, ProblemIncident, ProblemText, UserReport
from incidents.models.retrospective import Retrospective, RetrospectiveText
from incidents.models.review import (
    ActionItem,
    Cause,
    CauseText,
    Review,
    ReviewApproval,
    ReviewEdition,
    ReviewSection,
    SectionText,
)
from incidents.models.runbook import IncidentRunbookRun
from incidents.models.situation import DeclaredSituation
from incidents.models.timeline import AlarmClaim, ClaimCursor, StatusUpdate, TimelineEntry, TimelineHead

__all__ = [
    "ActionItem",
    "AlarmClaim",
    "AlarmOwner",
    "Attachment",
    "CalendarFeed",
    "Cause",
    "CauseText",
    "ClaimCursor",
    "ClockPolicy",
    "ContactPage",
    "DeclaredSituation",
    "EntryMark",
    "Incident",
    "IncidentAccess",
    "IncidentClock",
    "IncidentLink",
    "IncidentRunbookRun",
    "IncidentWave",
    "LastLook",
    "Problem",
    "ProblemIncident",
    "ProblemText",
    "ResponseTask",
    "Retrospective",
    "RetrospectiveText",
    "Review",
    "ReviewApproval",
    "ReviewEdition",
    "ReviewSection",
    "RoleAssignment",
    "SectionText",
    "StatusUpdate",
    "TimelineEntry",
    "TimelineHead",
    "UserReport",
]
