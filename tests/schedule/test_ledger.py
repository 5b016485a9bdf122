"""The run ledger: every slot once, a run held by one, nothing lost when its holder vanishes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsportal.core.clock import real_now
from opsportal.schedule.models import CatchUp, OnLost, Run, RunState, Schedule
from opsportal.schedule.recurrence import Rule
from opsportal.schedule.retention import prune_runs
from opsportal.schedule.services import (
    LeaseLostError,
    RunClaim,
    claim_run,
    ensure_slots,
    fail_run,
    finish_run,
    reap_runs,
    renew,
    run_request,
    schedule_put,
    schedule_remove,
)

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def hourly(**options: Any) -> Schedule:
    return schedule_put(key="shop.count", task="shop.count_orders", rule=Rule(cron="0 * * * *"), at=AT, **options)


def claimed(**options: Any) -> RunClaim:
    run = run_request(key="shop.once", task="shop.count_orders", at=AT, **options)
    claim = claim_run(run_id=run.pk, holder="a")
    assert claim is not None
    return claim


def states() -> dict[int, str]:
    return {run.slot_utc.hour: run.state for run in Run.objects.order_by("slot_utc")}


def test_a_slot_enters_the_ledger_once_when_it_is_due() -> None:
    hourly(args={"shop": 4})
    assert ensure_slots(now=AT + 59 * MINUTE) == 0
    assert ensure_slots(now=AT + 60 * MINUTE) == 1
    assert ensure_slots(now=AT + 60 * MINUTE) == 0
    run = Run.objects.get()
    assert (run.slot_utc, run.state, run.args) == (AT + 60 * MINUTE, RunState.DUE, {"shop": 4})
    assert run.slot_local == "2026-03-10 10:00 UTC"


@pytest.mark.parametrize(
    "policy, expected",
    [
        (CatchUp.ALL, {10: "due", 11: "due", 12: "due", 13: "due"}),
        (CatchUp.LAST, {10: "skipped", 11: "skipped", 12: "skipped", 13: "due"}),
        (CatchUp.SKIP, {10: "skipped", 11: "skipped", 12: "skipped", 13: "skipped"}),
    ],
)
def test_missed_slots_follow_the_policy(policy: str, expected: dict[int, str]) -> None:
    hourly(catch_up=policy)
    ensure_slots(now=AT + timedelta(hours=4, minutes=30))
    assert states() == expected


def test_a_slot_that_is_on_time_runs_under_every_policy() -> None:
    hourly(catch_up=CatchUp.SKIP)
    ensure_slots(now=AT + 61 * MINUTE)
    assert states() == {10: "due"}


def test_runs_that_piled_up_without_a_worker_follow_the_policy_too() -> None:
    hourly(catch_up=CatchUp.LAST)
    for hour in (1, 2, 3):
        ensure_slots(now=AT + timedelta(hours=hour))
    assert states() == {10: "skipped", 11: "skipped", 12: "due"}


def test_a_changed_rule_counts_from_now_and_a_repeated_one_changes_nothing() -> None:
    schedule = hourly()
    assert hourly().version == schedule.version
    schedule_put(key="shop.count", task="shop.count_orders", rule=Rule(every_seconds=60), at=AT + 10 * MINUTE)
    ensure_slots(now=AT + 11 * MINUTE)
    assert [run.slot_utc for run in Run.objects.all()] == [AT + 11 * MINUTE]


def test_a_removed_schedule_leaves_its_runs() -> None:
    hourly()
    ensure_slots(now=AT + 60 * MINUTE)
    schedule_remove(key="shop.count")
    assert Run.objects.get().schedule is None
    assert ensure_slots(now=AT + 120 * MINUTE) == 0


def test_a_disabled_schedule_makes_no_runs() -> None:
    hourly(is_enabled=False)
    assert ensure_slots(now=AT + timedelta(days=1)) == 0


def test_asking_twice_for_one_run_gives_the_same_run() -> None:
    first = run_request(key="shop.once", task="shop.count_orders", at=AT)
    assert run_request(key="shop.once", task="shop.count_orders", at=AT).pk == first.pk


def test_only_one_claims_a_run_and_finishes_it() -> None:
    claim = claimed()
    assert claim_run(run_id=claim.run_id, holder="b") is None
    finish_run(claim=claim, result={"orders": 3})
    run = Run.objects.get()
    assert (run.state, run.result, run.lease_until) == (RunState.DONE, {"orders": 3}, None)
    with pytest.raises(LeaseLostError):
        finish_run(claim=claim)


def expire(claim: RunClaim) -> None:
    Run.objects.filter(pk=claim.run_id).update(lease_until=real_now() - timedelta(seconds=1))


def test_a_lost_run_is_due_again_and_its_old_holder_can_write_no_more() -> None:
    claim = claimed()
    expire(claim)
    assert reap_runs() == 1
    second = claim_run(run_id=claim.run_id, holder="b")
    assert second is not None
    assert second.attempt == 2
    for write in (
        lambda: renew(claim=claim),
        lambda: finish_run(claim=claim),
        lambda: fail_run(claim=claim, error="x"),
    ):
        with pytest.raises(LeaseLostError):
            write()
    finish_run(claim=second)


def test_a_lost_one_shot_run_is_unknown_and_never_repeated() -> None:
    claim = claimed(on_lost=OnLost.UNKNOWN)
    expire(claim)
    reap_runs()
    run = Run.objects.get()
    assert run.state == RunState.UNKNOWN
    assert "vanished" in run.error
    assert claim_run(run_id=run.pk, holder="b") is None


def test_a_renewed_lease_is_not_reaped() -> None:
    claim = claimed()
    expire(claim)
    renew(claim=claim)
    assert reap_runs() == 0


def test_a_failure_is_tried_again_after_a_pause_and_then_given_up() -> None:
    claim = claimed(max_attempts=2)
    assert fail_run(claim=claim, error="no answer") == RunState.DUE
    assert claim_run(run_id=claim.run_id, holder="a") is None  # the pause has not passed
    Run.objects.update(not_before=real_now())
    second = claim_run(run_id=claim.run_id, holder="a")
    assert second is not None
    assert fail_run(claim=second, error="no answer") == RunState.FAILED
    assert Run.objects.get().error == "no answer"


def test_a_permanent_failure_is_not_tried_again() -> None:
    assert fail_run(claim=claimed(max_attempts=9), error="wrong", is_permanent=True) == RunState.FAILED


def test_old_quiet_runs_go_and_troubled_or_open_ones_stay() -> None:
    for hour, state in enumerate(RunState.values):
        Run.objects.create(key="shop.once", slot_utc=AT + timedelta(hours=hour), task="t", state=state)
    Run.objects.update(created_at=real_now() - timedelta(days=31))
    assert prune_runs() == 2
    assert set(Run.objects.values_list("state", flat=True)) == {"due", "running", "failed", "unknown"}
