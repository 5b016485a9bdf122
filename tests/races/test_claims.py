"""Threads on a real PostgreSQL: what may be taken once is taken once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from django.db import connection

from opsportal.audit.models import AuditEntry
from opsportal.audit.services import record
from opsportal.audit.verification import verify_all
from opsportal.core.actor import system_actor
from opsportal.notifications import delivery
from opsportal.notifications.models import OutboxMessage
from opsportal.notifications.services import mail_enqueue
from opsportal.schedule.models import Run, RunState
from opsportal.schedule.recurrence import Rule
from opsportal.schedule.services import (
    LeaseLostError,
    RunClaim,
    claim_run,
    ensure_slots,
    finish_run,
    reap_runs,
    run_request,
    schedule_put,
)

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
THREADS = 12
T = TypeVar("T")


@pytest.fixture
def together() -> Iterator[Callable[[Callable[[int], T]], list[T]]]:
    """`together(work)`: run work(0..11) on twelve threads that start at the same moment."""
    with ThreadPoolExecutor(THREADS) as pool:

        def run(work: Callable[[int], T]) -> list[T]:
            barrier = threading.Barrier(THREADS)

            def one(n: int) -> T:
                try:
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT 1")
                    barrier.wait(10)
                    return work(n)
                finally:
                    connection.close()

            return list(pool.map(one, range(THREADS)))

        yield run


Together = Callable[[Callable[[int], object]], list[object]]


def test_one_run_is_claimed_by_one(together: Together) -> None:
    for n in range(5):
        run = run_request(key=f"shop.{n}", task="shop.count", at=AT)
        claims = together(lambda i, pk=run.pk: claim_run(run_id=pk, holder=str(i)))
        assert len([claim for claim in claims if claim is not None]) == 1


def test_a_slot_is_planned_once_by_many_dispatchers(together: Together) -> None:
    for n in range(10):
        schedule_put(key=f"shop.{n}", task="shop.count", rule=Rule(cron="0 * * * *"), at=AT, catch_up="all")
    together(lambda _i: ensure_slots(now=datetime(2026, 3, 10, 12, 30, tzinfo=UTC)))
    assert Run.objects.count() == 10 * 3


def test_asking_for_one_run_from_many_sides_makes_one(together: Together) -> None:
    runs = together(lambda _i: run_request(key="shop.once", task="shop.count", at=AT).pk)
    assert len(set(runs)) == 1


def test_a_lost_run_is_reaped_once_and_finished_by_one(together: Together) -> None:
    run = run_request(key="shop.once", task="shop.count", at=AT, lease_seconds=0)
    first = claim_run(run_id=run.pk, holder="gone")
    assert first is not None

    def work(i: int) -> bool:
        reap_runs()
        claim = claim_run(run_id=run.pk, holder=str(i))
        return claim is not None and _finishes(claim)

    assert sum(bool(won) for won in together(work)) <= 1
    assert not _finishes(first)
    run.refresh_from_db()
    assert run.state in (RunState.DONE, RunState.DUE, RunState.FAILED)


def _finishes(claim: RunClaim) -> bool:
    try:
        finish_run(claim=claim)
    except LeaseLostError:
        return False
    return True


def test_each_message_is_sent_by_one_dispatcher(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(60):
        mail_enqueue(key=f"m{n}", kind="test", target="a@b.example", subject="s", body="b", at=AT, user_id=None)
    sent: list[str] = []
    monkeypatch.setattr(delivery, "deliver", lambda message: sent.append(message.key))

    def work(_i: int) -> None:
        while messages := delivery.claim_messages(limit=3):
            delivery.send_claimed(messages)

    together(work)
    assert sorted(sent) == sorted(f"m{n}" for n in range(60))
    assert OutboxMessage.objects.filter(sent_at=None).count() == 0


def test_writers_of_one_chain_queue_up_without_gap_or_fork(together: Together) -> None:
    def work(i: int) -> None:
        for n in range(10):
            record(by=system_actor("t"), at=AT, verb="a.b.c", obj_kind="x", obj_id=n, platform_id=1 + (i + n) % 2)

    together(work)
    reports = verify_all({})
    assert [(report.is_whole, report.rows) for report in reports] == [(True, 60), (True, 60)]
    assert AuditEntry.objects.count() == 120
