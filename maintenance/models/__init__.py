"""Checklists, the operations log, windows and jobs."""

from maintenance.models.checklists import (
    ChecklistItem,
    ChecklistItemTemplate,
    ChecklistRun,
    ChecklistTemplate,
    HandOver,
    ItemState,
    RunState,
    TickEvent,
    TickKind,
)
from maintenance.models.jobs import Job, JobRun, JobRunState
from maintenance.models.operations_log import LogKind, OperationsLogEntry
from maintenance.models.windows import OccurrenceState, Window, WindowKind, WindowOccurrence

__all__ = [
    "ChecklistItem",
    "ChecklistItemTemplate",
    "ChecklistRun",
    "ChecklistTemplate",
    "HandOver",
    "ItemState",
    "Job",
    "JobRun",
    "JobRunState",
    "LogKind",
    "OccurrenceState",
    "OperationsLogEntry",
    "RunState",
    "TickEvent",
    "TickKind",
    "Window",
    "WindowKind",
    "WindowOccurrence",
]
