"""Run an open list's checks and put their answers beside the items."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from maintenance.models import ChecklistItem, ChecklistRun, RunState, TickEvent, TickKind
from monitoring.evidence.runner import run_check
from monitoring.models import WORST_FIRST, EvidenceResult
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch

# While a list is open its evidence is kept fresh; what failed may be healed, and what could not be checked be seen.
ASK_AGAIN: Final = timedelta(minutes=15)
ASK_AGAIN_AFTER: Final = {"unknown": timedelta(minutes=2), "fail": timedelta(minutes=5)}


def checklist_evidence_collect(*, by: Actor, at: datetime, run: ChecklistRun) -> int:
    """Run every check of the list, each answer in its own transaction; returns how many ran.

    Answered items get fresh evidence too: a tick is a person's word, evidence stays AWS's.
    """
    ran, again_in = 0, ASK_AGAIN
    for item in run.items.select_related("evidence").order_by("position"):
        results = [
            run_check(platform=run.platform, name=line["check"], params=line.get("params", {}), at=at, by=by)
            for line in item.checks
        ]
        if results:  # an item with several checks shows the worst
            _attach(at=at, item=item, result=min(results, key=lambda one: WORST_FIRST.index(one.verdict)))
            ran += len(results)
            again_in = min(again_in, *(ASK_AGAIN_AFTER.get(one.verdict, ASK_AGAIN) for one in results))
    with transaction.atomic():
        run.refresh_from_db(from_queryset=ChecklistRun.objects.select_for_update(of=("self",)))
        again = at + again_in
        is_worth_it = ran and run.state == RunState.OPEN and again < run.due_at
        run.update_versioned(expected=run.version, evidence_due_at=again if is_worth_it else None, evidence_at=at)
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
    # Asked every quarter of an hour, an answer is an event only when it says something else than before.
    if item.evidence is None or item.evidence.verdict != result.verdict:
        TickEvent.objects.create(item=item, kind=TickKind.EVIDENCE, at=at, reason=result.summary, evidence=result)
    touch(f"checklist-run:{item.run_id}", item.pk)
