"""What this room adds to the rail."""

from maintenance.selectors import open_checklists
from opsportal.core.shell import register_nav

register_nav(
    40,
    "checklists",
    "Checklists",
    "list-checks",
    "maintenance:checklists",
    "maintenance.checklist_view",
    count=lambda actor, _at: open_checklists(actor),
)
register_nav(50, "maintenance", "Maintenance", "wrench", "maintenance:calendar", "maintenance.window_view")
register_nav(
    55, "operations-log", "Operations log", "notebook-pen", "maintenance:operations-log", "maintenance.log_view"
)
