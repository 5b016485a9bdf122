"""The run ledger's writes: plan slots, claim a run, keep its lease, finish it, reap what was lost.

A run is held by a lease and a fence number. Every write of a holder names its fence; once another process has
claimed the run, those writes change nothing and raise LeaseLostError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q

from opsportal.core.clock import real_now
from opsportal.schedule.models import CatchUp, OnLost, Run, RunState, Schedule
from opsportal.schedule.recurrence import Rule, Slot, next_slot, next_slots
from opsportal.schedule.wake import wake

MISSED_AFTER: Final = timedelta(minutes=5)  # a slot found later than this was missed, and the catch-up policy decides
BACK_OFF: Final = (10, 60, 300, 900)  # seconds before attempt 2, 3, 4, …
MAX_SLOTS_AT_ONCE: Final = 500


class LeaseLostError(Exception):
    """Another process holds this run now, or it ended; what this one still does must not count."""


@dataclass(frozen=True, slots=True)
class RunClaim:
    """A held run: what to do, and the fence that every later write must name."""

    run_id: int
    key: str
    slot_utc: datetime
    args: Mapping[str, Any]
    platform_id: int | None
    attempt: int
    fence: int
    lease_seconds: int


def schedule_put(  # noqa: PLR0913 - a schedule has that many columns
    *,
    key: str,
    task: str,
    rule: Rule,
    at: datetime,
    queue: str = "default",
    args: Mapping[str, Any] | None = None,
    platform_id: int | None = None,
    catch_up: str = CatchUp.LAST,
    on_lost: str = OnLost.RETRY,
    max_attempts: int = 3,
    lease_seconds: int = 15,
    is_enabled: bool = True,
) -> Schedule:
    """Create or change the schedule of that key; slots count from `at` when it is new or its rule changed."""
    values = {
        "task": task,
        "queue": queue,
        "args": dict(args or {}),
        "cron": rule.cron,
        "zone": rule.zone,
        "every_seconds": rule.every_seconds,
        "platform_id": platform_id,
        "catch_up": catch_up,
        "on_lost": on_lost,
        "max_attempts": max_attempts,
        "lease_seconds": lease_seconds,
        "is_enabled": is_enabled,
    }
    following = next_slot(rule, at)
    planned = {"planned_until": at, "next_slot_at": following.at_utc if following else None}
    with transaction.atomic():
        schedule, is_new = Schedule.objects.select_for_update().get_or_create(key=key, defaults=values | planned)
        if not is_new and any(getattr(schedule, name) != value for name, value in values.items()):
            changes: dict[str, Any] = dict(values)
            if schedule.rule != rule or (is_enabled and not schedule.is_enabled):
                changes |= planned
            schedule.update_versioned(expected=schedule.version, **changes)
        wake("slots")
    return schedule


def schedule_remove(*, key: str) -> None:
    """Stop making runs for that key and forget the rule; the ledger keeps its runs."""
    Schedule.objects.filter(key=key).delete()


def run_request(  # noqa: PLR0913 - a run has that many columns
    *,
    key: str,
    task: str,
    at: datetime,
    queue: str = "default",
    args: Mapping[str, Any] | None = None,
    platform_id: int | None = None,
    on_lost: str = OnLost.RETRY,
    max_attempts: int = 3,
    lease_seconds: int = 15,
) -> Run:
    """Ask for one run outside any schedule. Same `key` and `at` → the same run: repeating the request is harmless."""
    run, _ = Run.objects.get_or_create(
        key=key,
        slot_utc=at,
        defaults={
            "task": task,
            "queue": queue,
            "args": dict(args or {}),
            "platform_id": platform_id,
            "on_lost": on_lost,
            "max_attempts": max_attempts,
            "lease_seconds": lease_seconds,
        },
    )
    wake("runs")
    return run


def ensure_slots(*, now: datetime, limit: int = 200) -> int:
    """Put every slot due at `now` (business time) into the ledger, once; returns how many runs were made."""
    made, due = 0, Schedule.objects.filter(is_enabled=True, next_slot_at__lte=now)
    # Mostly there is none, and a transaction with locks costs three times this question.
    if not due.exists():
        return 0
    with transaction.atomic():
        for schedule in due.select_for_update(skip_locked=True).order_by("next_slot_at", "pk")[:limit]:
            made += _plan(schedule, now)
        if made:
            wake("runs")
    return made


def _plan(schedule: Schedule, now: datetime) -> int:
    slots = next_slots(schedule.rule, schedule.planned_until, now)
    kept, skipped = _by_policy(schedule, slots, now)
    runs = [_run_of(schedule, slot, RunState.DUE) for slot in kept]
    runs += [_run_of(schedule, slot, RunState.SKIPPED) for slot in skipped]
    Run.objects.bulk_create(runs, ignore_conflicts=True)
    if schedule.catch_up == CatchUp.LAST and kept:
        # While no worker took runs they piled up in the ledger: the policy speaks for those as well.
        waiting = Run.objects.filter(schedule=schedule, state=RunState.DUE, attempts=0, slot_utc__lt=kept[-1].at_utc)
        waiting.update(state=RunState.SKIPPED, error="A later slot is due.")
    following = next_slot(schedule.rule, now)
    Schedule.objects.filter(pk=schedule.pk).update(
        planned_until=now, next_slot_at=following.at_utc if following else None
    )
    return len(runs)


def _by_policy(schedule: Schedule, slots: list[Slot], now: datetime) -> tuple[list[Slot], list[Slot]]:
    grace = max(MISSED_AFTER, 2 * timedelta(seconds=schedule.every_seconds))
    missed = [slot for slot in slots if now - slot.at_utc > grace]
    fresh = slots[len(missed) :]
    if schedule.catch_up == CatchUp.ALL:
        return slots[-MAX_SLOTS_AT_ONCE:], slots[:-MAX_SLOTS_AT_ONCE][-MAX_SLOTS_AT_ONCE:]
    if schedule.catch_up == CatchUp.LAST:
        return slots[-1:], slots[:-1][-MAX_SLOTS_AT_ONCE:]
    return fresh, missed[-MAX_SLOTS_AT_ONCE:]


def _run_of(schedule: Schedule, slot: Slot, state: str) -> Run:
    return Run(
        schedule=schedule,
        key=schedule.key,
        slot_utc=slot.at_utc,
        slot_local=f"{slot.local:%Y-%m-%d %H:%M} {schedule.zone}",
        is_shifted=slot.is_shifted,
        task=schedule.task,
        queue=schedule.queue,
        args=schedule.args,
        platform_id=schedule.platform_id,
        state=state,
        on_lost=schedule.on_lost,
        max_attempts=schedule.max_attempts,
        lease_seconds=schedule.lease_seconds,
    )


def claim_run(*, run_id: int, holder: str) -> RunClaim | None:
    """Take a due run: exactly one caller gets it, all others None."""
    now = real_now()
    with transaction.atomic():
        run = (
            Run.objects.select_for_update(skip_locked=True)
            .filter(Q(not_before=None) | Q(not_before__lte=now), pk=run_id, state=RunState.DUE)
            .first()
        )
        if run is None:
            return None
        run.state, run.holder, run.error = RunState.RUNNING, holder[:120], ""
        run.fence, run.attempts = run.fence + 1, run.attempts + 1
        run.started_at = run.started_at or now
        run.lease_until = now + timedelta(seconds=run.lease_seconds)
        run.save(update_fields=["state", "holder", "error", "fence", "attempts", "started_at", "lease_until"])
    return RunClaim(
        run_id=run.pk,
        key=run.key,
        slot_utc=run.slot_utc,
        args=run.args,
        platform_id=run.platform_id,
        attempt=run.attempts,
        fence=run.fence,
        lease_seconds=run.lease_seconds,
    )


def _held_update(claim: RunClaim, **changes: Any) -> None:
    held = Run.objects.filter(pk=claim.run_id, fence=claim.fence, state=RunState.RUNNING)
    if not held.update(**changes):
        raise LeaseLostError(f"{claim.key} is held by another process now.")


def renew(*, claim: RunClaim) -> None:
    """Keep the lease for another `lease_seconds`. Raises LeaseLostError."""
    _held_update(claim, lease_until=real_now() + timedelta(seconds=claim.lease_seconds))


def finish_run(*, claim: RunClaim, result: Mapping[str, Any] | None = None) -> None:
    """Mark it done. Call it in the transaction of the effect itself: a lost lease then undoes the effect.

    Raises LeaseLostError.
    """
    _held_update(
        claim, state=RunState.DONE, result=dict(result or {}), finished_at=real_now(), lease_until=None, error=""
    )


def fail_run(*, claim: RunClaim, error: str, is_permanent: bool = False) -> str:
    """Record a failure: due again after a back-off, or failed for good. Returns the new state.

    Raises LeaseLostError.
    """
    run = Run.objects.get(pk=claim.run_id)
    if is_permanent or run.on_lost == OnLost.UNKNOWN or claim.attempt >= run.max_attempts:
        _held_update(claim, state=RunState.FAILED, error=error[:2000], finished_at=real_now(), lease_until=None)
        return RunState.FAILED
    wait = BACK_OFF[min(claim.attempt - 1, len(BACK_OFF) - 1)]
    _held_update(
        claim,
        state=RunState.DUE,
        error=error[:2000],
        lease_until=None,
        handed_at=None,
        handovers=0,
        not_before=real_now() + timedelta(seconds=wait),
    )
    return RunState.DUE


def defer_run(*, claim: RunClaim, seconds: float) -> None:
    """Give back a run that waits for something outside: due again after `seconds`, and no attempt was spent.

    Raises LeaseLostError.
    """
    _held_update(
        claim,
        state=RunState.DUE,
        attempts=F("attempts") - 1,
        lease_until=None,
        handed_at=None,
        handovers=0,
        not_before=real_now() + timedelta(seconds=seconds),
    )


def reap_runs(*, limit: int = 100) -> int:
    """Free runs whose holder vanished: due again, or unknown when repeating could do harm. Returns how many."""
    now = real_now()
    lost = Run.objects.filter(state=RunState.RUNNING, lease_until__lt=now)
    if not lost.exists():
        return 0
    with transaction.atomic():
        runs = list(lost.select_for_update(skip_locked=True).order_by("lease_until", "pk")[:limit])
        for run in runs:
            ends = run.on_lost == OnLost.UNKNOWN or run.attempts >= run.max_attempts
            ended = RunState.UNKNOWN if run.on_lost == OnLost.UNKNOWN else RunState.FAILED
            Run.objects.filter(pk=run.pk).update(
                state=ended if ends else RunState.DUE,
                fence=F("fence") + 1,
                lease_until=None,
                handed_at=None,
                handovers=0,
                finished_at=now if ends else None,
                error=f"The process {run.holder} vanished while it held this run.",
            )
        if runs:
            wake("runs")
    return len(runs)
