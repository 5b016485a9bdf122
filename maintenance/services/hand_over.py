"""Draft the hand-over note from the record, keep the person's words, sign it at the pause point."""

from datetime import datetime

from django.db import transaction

from maintenance.models import ChecklistRun, HandOver, ItemState, LogKind
from maintenance.services.operations_log import log_add
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.models import VersionConflictError


def hand_over_draft(run: ChecklistRun) -> str:
    """Lines the record already knows: what stayed open, what was set aside and what evidence says otherwise."""
    lines = []
    for item in run.items.select_related("evidence").order_by("position"):
        if item.state == ItemState.OPEN:
            lines.append(f"Open: {item.text}.")
        if item.state == ItemState.NOT_APPLICABLE:
            lines.append(f"Not applicable: {item.text}.")
        if item.evidence is not None and item.evidence.verdict != "ok":
            lines.append(f"{item.text}: {item.evidence.summary.rstrip('.')}.")
        if item.note:
            lines.append(f"{item.text}: {item.note}")
    return "\n".join(lines)


@transaction.atomic
def hand_over_save(*, by: Actor, at: datetime, run: ChecklistRun, body: str, expected: int, sign: bool) -> HandOver:
    """Create or change the note of a run; signing makes it the one the next shift reads.

    `expected` is the version of the run's newest note, 0 when there is none. A signed note stands: the next words
    begin a new one. Raises VersionConflictError when someone saved or signed first.
    """
    ChecklistRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
    note = HandOver.objects.filter(run=run).order_by("-pk").first()
    if note is not None and note.version != expected:
        raise VersionConflictError(note)
    signed_at = at if sign else None
    if note is None or note.signed_at is not None:
        note = HandOver.objects.create(
            platform_id=run.platform_id, run=run, body=body, author_id=by.user_id, created_at=at, signed_at=signed_at
        )
    else:
        note.update_versioned(expected=expected, body=body, author_id=by.user_id, signed_at=signed_at)
    if sign:
        log_add(
            by=by,
            at=at,
            platform_id=run.platform_id,
            kind=LogKind.HAND_OVER,
            text=f"Handed over after {run.name}.",
            url=f"/checklists/{run.pk}/",
        )
    touch("today", note.pk)
    touch(f"checklist-run:{run.pk}", note.pk)
    record(
        by=by,
        at=at,
        verb="maintenance.hand_over.signed" if sign else "maintenance.hand_over.saved",
        obj_kind="hand_over",
        obj_id=note.pk,
        platform_id=run.platform_id,
        data={"run": run.pk},
    )
    return note
