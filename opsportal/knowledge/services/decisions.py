"""Writing decisions: proposed, changed while they are, decided once, superseded by a later one."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.refusals import RefusedError
from opsportal.knowledge.models import Decision, DecisionStatus
from opsportal.platforms.models import Platform, PolicySource

SECTIONS: Final = ("context", "decision", "consequences", "alternatives", "implementation")
REPLACEABLE: Final = (DecisionStatus.ACCEPTED, DecisionStatus.DEPRECATED, DecisionStatus.UNKNOWN)


class DecisionError(RefusedError):
    """The decision cannot be written so; the text says why."""


@transaction.atomic
def decision_add(*, by: Actor, at: datetime, day: date, platform: Platform, values: Mapping[str, Any]) -> Decision:
    """Record a decision under the platform's next number; `day` is the writer's. Raises DecisionError.

    `values` holds title, status, supersedes and the sections.
    """
    Platform.objects.hold(platform.pk)  # two at once get two numbers
    last = Decision.objects.filter(platform=platform).aggregate(last=Max("number"))["last"]
    decision = Decision(platform=platform, number=(last or 0) + 1, date=day, source=PolicySource.EDITED, **values)
    decision.save(force_insert=True)
    _supersede(decision, by=by, at=at)
    _record(decision, "added", by=by, at=at)
    return decision


@transaction.atomic
def decision_edit(
    *, by: Actor, at: datetime, day: date, decision: Decision, expected: int, values: Mapping[str, Any]
) -> Decision:
    """Change a proposed decision, or decide it; its date is then `day`. Raises DecisionError, VersionConflictError."""
    if not decision.is_open:
        raise DecisionError(f"{decision.label} is {decision.get_status_display()}: it stands as it was decided.")
    decided = {} if values["status"] == DecisionStatus.PROPOSED else {"date": day}
    decision.update_versioned(expected=expected, **values, **decided)
    _supersede(decision, by=by, at=at)
    _record(decision, "edited", by=by, at=at)
    return decision


def _supersede(decision: Decision, *, by: Actor, at: datetime) -> None:
    """Once accepted, a decision takes the place of the one it names."""
    if decision.supersedes_id is None:
        return
    earlier = Decision.objects.select_for_update(no_key=True).get(pk=decision.supersedes_id)
    if earlier.platform_id != decision.platform_id:
        raise DecisionError("A decision supersedes one of its own platform.")
    if earlier.status not in REPLACEABLE:
        raise DecisionError(f"{earlier.label} is {earlier.get_status_display()}: it cannot be superseded.")
    if decision.status == DecisionStatus.ACCEPTED:
        earlier.update_versioned(expected=earlier.version, status=DecisionStatus.SUPERSEDED)
        _record(earlier, "superseded", by=by, at=at)


def _record(decision: Decision, done: str, *, by: Actor, at: datetime) -> None:
    record(
        by=by,
        at=at,
        verb=f"knowledge.decision.{done}",
        obj_kind="decision",
        obj_id=decision.pk,
        platform_id=decision.platform_id,
        data={"number": decision.number, "status": str(decision.status), "supersedes": decision.supersedes_id},
    )
