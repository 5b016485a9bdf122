"""Open a list, answer its items, and call it done or missed."""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from maintenance.models import (
    ChecklistItem,
    ChecklistRun,
    ChecklistTemplate,
    ItemState,
    LogKind,
    RunState,
    TickEvent,
    TickKind,
)
from maintenance.services.operations_log import log_add
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import ConflictingError, RefusedError
from opsportal.schedule.wake import wake


class ItemAnsweredError(ConflictingError):
    """Someone else answered the item first; `item` says who and when."""

    def __init__(self, item: ChecklistItem) -> None:
        who = item.answered_by.name if item.answered_by else "the portal"
        when = f", at {item.answered_at.isoformat()}" if item.answered_at else ""
        super().__init__(f"{who} was first{when}; nothing was changed.")
        self.item = item
        self.who = who


class ReasonMissingError(RefusedError):
    """Unticking, and setting an item aside, need a reason."""


def checklist_run_open(*, by: Actor, at: datetime, template: ChecklistTemplate, slot_at: datetime) -> ChecklistRun:
    """Open the run of one slot, or return the run that another process opened already."""
    try:
        with transaction.atomic():
            return _create_run(by=by, at=at, template=template, slot_at=slot_at)
    except IntegrityError:
        return ChecklistRun.objects.get(template=template, slot_at=slot_at)


def _create_run(*, by: Actor, at: datetime, template: ChecklistTemplate, slot_at: datetime) -> ChecklistRun:
    lines = list(template.items.order_by("position"))
    run = ChecklistRun.objects.create(
        platform_id=template.platform_id,
        template=template,
        slot_at=slot_at,
        name=template.name,
        zone=template.zone,
        opens_at=slot_at - timedelta(minutes=template.opens_before_minutes),
        due_at=slot_at + timedelta(minutes=template.due_after_minutes),
        item_count=len(lines),
        evidence_due_at=at if any(line.checks for line in lines) else None,
    )
    ChecklistItem.objects.bulk_create(
        ChecklistItem(run=run, item_template=line, position=n, section=line.section, text=line.text, checks=line.checks)
        for n, line in enumerate(lines, start=1)
    )
    touch("today", run.pk)
    record(
        by=by,
        at=at,
        verb="maintenance.checklist.opened",
        obj_kind="checklist_run",
        obj_id=run.pk,
        platform_id=run.platform_id,
        data={"template": template.key, "slot": slot_at.isoformat()},
    )
    return run


@transaction.atomic
def item_tick(*, by: Actor, at: datetime, item: ChecklistItem, expected: int) -> None:
    """Mark the item done. Raises ItemAnsweredError when someone was first."""
    _answer(by=by, at=at, item=item, expected=expected, state=ItemState.DONE, kind=TickKind.TICKED, reason="")


@transaction.atomic
def item_set_aside(*, by: Actor, at: datetime, item: ChecklistItem, expected: int, reason: str) -> None:
    """Mark the item not applicable; the reason is kept and reported."""
    if not reason.strip():
        raise ReasonMissingError("Say why the item does not apply; nothing was changed.")
    _answer(
        by=by,
        at=at,
        item=item,
        expected=expected,
        state=ItemState.NOT_APPLICABLE,
        kind=TickKind.NOT_APPLICABLE,
        reason=reason,
    )


@transaction.atomic
def item_untick(*, by: Actor, at: datetime, item: ChecklistItem, expected: int, reason: str) -> None:
    """Open an answered item again, with a reason; the earlier answer stays in its events."""
    if not reason.strip():
        raise ReasonMissingError("Say why the item is open again; nothing was changed.")
    if item.state == ItemState.OPEN:
        return
    item.update_versioned(expected=expected, state=ItemState.OPEN, answered_by_id=None, answered_at=None)
    ChecklistRun.objects.filter(pk=item.run_id).update(
        answered_count=F("answered_count") - 1, version=F("version") + 1, completed_at=None
    )
    if ChecklistRun.objects.filter(pk=item.run_id, state=RunState.DONE).update(state=RunState.OPEN):
        touch("today", item.run_id)
    _event(by=by, at=at, item=item, kind=TickKind.UNTICKED, reason=reason)


@transaction.atomic
def item_note(*, by: Actor, at: datetime, item: ChecklistItem, expected: int, note: str) -> None:
    """Write the item's note; earlier notes stay in its events."""
    item.update_versioned(expected=expected, note=note)
    _event(by=by, at=at, item=item, kind=TickKind.NOTED, reason=note)


def _answer(
    *, by: Actor, at: datetime, item: ChecklistItem, expected: int, state: ItemState, kind: TickKind, reason: str
) -> None:
    if item.state != ItemState.OPEN:
        raise ItemAnsweredError(item)
    answer = {"state": state, "by": by.user_id, "at": at, "kind": kind, "reason": reason, "evidence": item.evidence_id}
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, {**answer, "item": item.pk, "expected": expected})
        row = cursor.fetchone()
    if row is None:
        current = ChecklistItem.objects.select_related("answered_by", "run").get(pk=item.pk)
        raise ItemAnsweredError(current) if current.state != ItemState.OPEN else VersionConflictError(current)
    item.version, item.state, item.answered_by_id, item.answered_at = expected + 1, state, by.user_id, at
    run, (is_complete,) = item.run, row
    if is_complete:
        log_add(
            by=by,
            at=at,
            platform_id=run.platform_id,
            kind=LogKind.CHECKLIST,
            text=f"{run.name} complete, {run.item_count} items.",
            url=f"/checklists/{run.pk}/",
        )
        touch("today", run.pk)
    _recorded(by=by, at=at, item=item, kind=kind)


# The item as it was seen, its event and the run's count in one statement: every tick of a list waits for the run's row.
# Without a row the item's version moved. It says whether this answer was the last one of an open run.
_ANSWER: Final = """
WITH answered AS (
    UPDATE maintenance_checklistitem
       SET state = %(state)s, answered_by_id = %(by)s, answered_at = %(at)s, version = version + 1
     WHERE id = %(item)s AND version = %(expected)s RETURNING id, run_id
), event AS (
    INSERT INTO maintenance_tickevent (item_id, kind, by_user_id, at, reason, evidence_id)
    SELECT id, %(kind)s, %(by)s, %(at)s, %(reason)s, %(evidence)s FROM answered
)
UPDATE maintenance_checklistrun AS run SET answered_count = answered_count + 1, version = version + 1,
       state = CASE WHEN state = 'open' AND answered_count + 1 >= item_count THEN 'done' ELSE state END,
       completed_at = CASE WHEN state = 'open' AND answered_count + 1 >= item_count THEN %(at)s ELSE completed_at END
  FROM answered WHERE run.id = answered.run_id RETURNING run.state = 'done' AND run.completed_at = %(at)s
"""


def _event(*, by: Actor, at: datetime, item: ChecklistItem, kind: TickKind, reason: str) -> None:
    TickEvent.objects.create(
        item=item, kind=kind, by_user_id=by.user_id, at=at, reason=reason, evidence_id=item.evidence_id
    )
    _recorded(by=by, at=at, item=item, kind=kind)


def _recorded(*, by: Actor, at: datetime, item: ChecklistItem, kind: TickKind) -> None:
    # Last in its transaction: the audit locks its chain's head, and every writer locks the run's row before that.
    touch(f"checklist-run:{item.run_id}", item.pk)
    record(
        by=by,
        at=at,
        verb=f"maintenance.item.{kind}",
        obj_kind="checklist_item",
        obj_id=item.pk,
        platform_id=item.run.platform_id,
        data={"run": item.run_id, "evidence": item.evidence_id},
    )


@transaction.atomic
def checklist_run_miss(*, by: Actor, at: datetime, run: ChecklistRun) -> None:
    """Record that the list was not complete in time. Missed is final and shown; answers may still follow."""
    run.update_versioned(expected=run.version, state=RunState.MISSED, missed_at=at)
    log_add(
        by=by,
        at=at,
        platform_id=run.platform_id,
        kind=LogKind.CHECKLIST,
        text=f"{run.name} missed: {run.answered_count} of {run.item_count} items answered.",
        url=f"/checklists/{run.pk}/",
    )
    touch("today", run.pk)
    touch(f"checklist-run:{run.pk}", run.pk)
    record(
        by=by,
        at=at,
        verb="maintenance.checklist.missed",
        obj_kind="checklist_run",
        obj_id=run.pk,
        platform_id=run.platform_id,
        data={"answered": run.answered_count, "items": run.item_count},
    )


@transaction.atomic
def evidence_request(*, by: Actor, at: datetime, run: ChecklistRun) -> None:
    """Ask AWS again: the dispatcher hands the run's checks to a worker.

    Each request is a new time, so that checks which failed for good under the old one are tried anew.
    """
    run.update_versioned(expected=run.version, evidence_due_at=at)
    wake("checklists")
    record(
        by=by,
        at=at,
        verb="maintenance.checklist.evidence_requested",
        obj_kind="checklist_run",
        obj_id=run.pk,
        platform_id=run.platform_id,
    )
