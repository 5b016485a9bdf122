"""Which module plans which kind of job."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from maintenance.jobs import database_analyze
from maintenance.models import Job, WindowOccurrence
from opsportal.plans.services import PlanDraft

Planner = Callable[[Job, WindowOccurrence, datetime], PlanDraft]

PLANNERS: Final[Mapping[str, Planner]] = {
    database_analyze.KIND: database_analyze.plan,
}
