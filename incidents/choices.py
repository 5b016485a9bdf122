"""The words of the incidents room, as stored."""

from django.db import models

from incidents.clocks import DueRule, Outcome
from incidents.lifecycle import Stage, State
from incidents.types import TYPES, Type


class IncidentType(models.TextChoices):
    OUTAGE = Type.OUTAGE, "Outage"
    DEGRADATION = Type.DEGRADATION, "Degradation"
    SECURITY = Type.SECURITY, "Security"
    DATA_CORRUPTION = Type.DATA_CORRUPTION, "Data corruption"
    DATA_BREACH = Type.DATA_BREACH, "Personal-data breach"
    PLANNED_WORK = Type.PLANNED_WORK, "Planned work gone wrong"


# These are known to those named only, until someone lifts it.
RESTRICTED_TYPES = frozenset(kind for kind, row in TYPES.items() if row.is_restricted)


class DetectionSource(models.TextChoices):
    """M-INC-05."""

    AUTOMATED_ALERT = "automated_alert", "Automated alert"
    USER_REPORT = "user_report", "User report"
    TEAM_OBSERVATION = "team_observation", "Team observation"
    EXTERNAL_MONITOR = "external_monitor", "External monitor"


class StageChoice(models.TextChoices):
    DETECT = Stage.DETECT, "Detect"
    ASSESS = Stage.ASSESS, "Assess"
    RESPOND = Stage.RESPOND, "Respond"
    COMMUNICATE = Stage.COMMUNICATE, "Communicate"
    RESOLVE = Stage.RESOLVE, "Resolve"
    DOCUMENT = Stage.DOCUMENT, "Document"


class StateChoice(models.TextChoices):
    OPEN = State.OPEN, "Open"
    RESOLVED = State.RESOLVED, "Resolved"
    CLOSED = State.CLOSED, "Closed"


class IncidentRole(models.TextChoices):
    COMMANDER = "commander", "Commander"
    COMMUNICATIONS = "communications", "Communications"
    SCRIBE = "scribe", "Scribe"
    LIAISON = "liaison", "Liaison"
    EXPERT = "expert", "Subject expert"


# Each of these is one person at a time; experts may be many.
SINGLE_ROLES = tuple(role for role in IncidentRole.values if role != IncidentRole.EXPERT)


class EntryKind(models.TextChoices):
    LOG = "log", "Log"
    DECISION = "decision", "Decision"
    ALARM = "alarm", "Alarm"
    METRIC = "metric", "Metric"
    STATE = "state", "State"
    STAGE = "stage", "Stage"
    SEVERITY = "severity", "Severity"
    ROLE = "role", "Role"
    UPDATE = "update", "Update"
    CLOCK = "clock", "Clock"
    TRIAGE = "triage", "Triage"
    ACCESS = "access", "Access"
    REVIEW = "review", "Review"
    RUNBOOK = "runbook", "Runbook"
    PLAN = "plan", "Plan"
    TASK = "task", "Task"
    GRAPH = "graph", "Graph"
    FILE = "file", "File"


class MarkKind(models.TextChoices):
    PIN = "pin", "Pinned"
    STAR = "star", "Starred"
    TAG = "tag", "Tagged"


# What a review quotes: the moments that changed the course, not the chatter between them.
KEY_KINDS = (
    EntryKind.ALARM,
    EntryKind.DECISION,
    EntryKind.FILE,
    EntryKind.METRIC,
    EntryKind.PLAN,
    EntryKind.ROLE,
    EntryKind.SEVERITY,
    EntryKind.STATE,
    EntryKind.TASK,
    EntryKind.TRIAGE,
    EntryKind.UPDATE,
)
# What a person may write or correct; all other kinds are the portal's own record of an act.
WRITTEN_KINDS = (EntryKind.LOG, EntryKind.DECISION)


class ClaimOutcome(models.TextChoices):
    OPENED = "opened", "Opened an incident"
    ATTACHED = "attached", "Attached to the open incident"
    RECOVERED = "recovered", "Noted that the metric is back"
    IGNORED = "ignored", "Not an incident"


class ClockKind(models.TextChoices):
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    RESPOND = "respond", "Respond"
    ESCALATE = "escalate", "Escalate"
    UPDATE = "update", "Status update"
    RESOLVE = "resolve", "Resolve"
    STAKEHOLDER = "stakeholder", "Stakeholders told"
    REVIEW = "review", "Review published"
    BREACH = "breach", "Authority told"
    PAGE = "page", "Page"


# A law's or a review's time runs whatever happens; a page is a moment.
UNPAUSABLE = frozenset({ClockKind.REVIEW, ClockKind.BREACH, ClockKind.PAGE})
# What a person ticks off: the portal cannot see it happen.
DONE_BY_HAND = (ClockKind.STAKEHOLDER, ClockKind.BREACH)


class DueRuleChoice(models.TextChoices):
    MINUTES = DueRule.MINUTES, "Minutes"
    NEXT_BUSINESS_DAY = DueRule.NEXT_BUSINESS_DAY, "Next business day"
    NEXT_SPRINT = DueRule.NEXT_SPRINT, "Next sprint"


class OutcomeChoice(models.TextChoices):
    RUNNING = Outcome.RUNNING, "running"
    MET = Outcome.MET, "met"
    MISSED = Outcome.MISSED, "missed"
    STOPPED = Outcome.STOPPED, "stopped"


class UpdateState(models.TextChoices):
    INVESTIGATING = "investigating", "Investigating"
    IDENTIFIED = "identified", "Identified"
    MONITORING = "monitoring", "Monitoring"
    RESOLVED = "resolved", "Resolved"


class Audience(models.TextChoices):
    PUBLIC = "public", "Public"
    INTERNAL = "internal", "Internal"


class ReviewState(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    PUBLISHED = "published", "Published"


class Verdict(models.TextChoices):
    AGREED = "agreed", "Read and agreed"
    SENT_BACK = "sent_back", "Sent back"


class LookBack(models.TextChoices):
    BIWEEKLY = "biweekly", "Retrospective of two weeks"
    MONTHLY = "monthly", "Retrospective of the month"
    TECH_TALK = "tech_talk", "Tech talk of the week"
    LEARNINGS = "learnings", "Incident learnings of the week"


class CauseKind(models.TextChoices):
    ROOT = "root", "Root cause"
    CONTRIBUTING = "contributing", "Contributing"
    TRIGGER = "trigger", "Trigger"


class ActionState(models.TextChoices):
    OPEN = "open", "Open"
    STARTED = "started", "Started"
    DONE = "done", "Done"
    DROPPED = "dropped", "Dropped"


# What is still to be done.
UNFINISHED = (ActionState.OPEN, ActionState.STARTED)


class ActionPriority(models.IntegerChoices):
    HIGH = 1, "High"
    NORMAL = 2, "Normal"
    LOW = 3, "Low"


class ActionKind(models.TextChoices):
    DETECT = "detect", "Detect"
    PREVENT = "prevent", "Prevent"
    MITIGATE = "mitigate", "Mitigate"
    PROCESS = "process", "Process"


TRIAGE_ANSWERS = (("yes", "Yes"), ("no", "No"), ("unknown", "Not known"))
