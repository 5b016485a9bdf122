"""Lists, windows and jobs for tests."""

from datetime import datetime
from typing import Any

from maintenance.models import ChecklistItemTemplate, ChecklistRun, ChecklistTemplate, Window
from maintenance.services.checklists import checklist_run_open
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform

PORTAL = system_actor("tests")


def checklist_template(platform: Platform, *, at: datetime, items: int = 3, **values: Any) -> ChecklistTemplate:
    """A daily list at 09:00 Berlin time, open half an hour before and due an hour after."""
    template = ChecklistTemplate.objects.create(
        platform=platform,
        **{"key": "morning", "name": "Morning", "rule": "0 9 * * *", "zone": "Europe/Berlin", "active_since": at}
        | values,
    )
    ChecklistItemTemplate.objects.bulk_create(
        ChecklistItemTemplate(template=template, key=f"item-{n}", position=n, text=f"Check thing {n}")
        for n in range(1, items + 1)
    )
    return template


def checklist_run(platform: Platform, *, at: datetime, items: int = 3) -> ChecklistRun:
    return checklist_run_open(by=PORTAL, at=at, template=checklist_template(platform, at=at, items=items), slot_at=at)


def window(platform: Platform, **values: Any) -> Window:
    return Window.objects.create(
        platform=platform,
        **{"key": "sunday", "name": "Sunday window", "rule": "0 4 * * 0", "zone": "UTC", "duration_minutes": 60}
        | values,
    )
