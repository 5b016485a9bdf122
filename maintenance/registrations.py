"""What this room adds to the rail."""

from incidents.choices import DetectionSource
from incidents.registries.origins import Origin, register_origin
from maintenance.models import ChecklistItem
from maintenance.selectors import open_checklists
from opsportal.core.actor import Actor
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


def of_item(actor: Actor, pk: int) -> Origin | None:
    """An item of a checklist: what it asked and what its evidence said."""
    rows = ChecklistItem.objects.visible_to(actor).select_related("run", "evidence")
    item: ChecklistItem | None = rows.filter(pk=pk).first()
    if item is None:
        return None
    said = item.evidence.summary if item.evidence is not None else item.note
    return Origin(
        name=f"{item.run.name}: {item.text}",
        url=f"/checklists/{item.run_id}/?item={item.pk}",
        platform_id=item.platform_id,
        title=f"{item.text}: {said}" if said else item.text,
        detection_source=DetectionSource.TEAM_OBSERVATION,
        summary=said,
    )


register_origin("item", of_item)
