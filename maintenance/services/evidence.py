"""Run an open list's checks and put their answers beside the items."""

from datetime import datetime

from django.db import transaction
from monitoring.evidence.runner import run_check

from maintenance.models import ChecklistItem, ChecklistRun, TickEvent, TickKind
from monitoring.models import EvidenceResult
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch

# An item with several checks shows the worst: a failure hides behind no success, and nor does ignorance.
WORST_FIRST = ("fail", "unknown", "warn", "ok")


def checklist_evidence_collect(*, by: Actor, at: datetime, run: ChecklistRun) -> int:
    """Run every check of the list, each answer in its own transaction; returns how many ran.

    Answered items get fresh evidence too: a tick is a person's word, evidence stays AWS's.
    """
    ran = 0
    for item in run.items.order_by("position"):
        results = [
            run_check(platform=run.platform, name=line["check"], params=line.get("params", {}), at=at, by=by)
            for line in item.checks
        ]
        if results:
            _attach(at=at, item=item, result=min(results, key=lambda one: WORST_FIRST.index(one.verdict)))
            ran += len(results)
    with transaction.atomic():
        run.refresh_from_db()
        run.update_versioned(expected=run.version, evidence_due_at=None, evidence_at=at)
        touch("today", run.pk)
        record(
            by=by,
            at=at,
            verb="maintenance.checklist.evidence_collected",
            obj_kind="checklist_run",
            obj_id=run.pk,
            platform_id=run.platform_id,
            data={"checks": ran},
        )
    return ran


@transaction.atomic
def _attach(*, at: datetime, item: ChecklistItem, result: EvidenceResult) -> None:
    # The item's version guards people's answers; evidence stands beside them and must not make a tick fail.
    ChecklistItem.objects.filter(pk=item.pk).update(evidence=result)
    TickEvent.objects.create(item=item, kind=TickKind.EVIDENCE, at=at, reason=result.summary, evidence=result)
    touch(f"checklist-run:{item.run_id}", item.pk)
