"""The task base and the way from ledger to Celery, with the broker there, gone and silent."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from django.conf import settings

from opsportal.core.clock import real_now
from opsportal.schedule import publish
from opsportal.schedule.models import Run, RunState
from opsportal.schedule.publish import Breaker, BrokerGoneError, hand_over
from opsportal.schedule.services import RunClaim, run_request
from opsportal.schedule.tasks import PermanentTaskError, TaskDeclarationError, run_once, scheduled_task

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def due(key: str = "shop.once") -> Run:
    return run_request(key=key, task="shop.count_orders", at=AT, args={"shop": 4})


@pytest.mark.django_db(transaction=True)
def test_a_task_claims_does_and_finishes_its_run_once() -> None:
    seen: list[Mapping[str, Any]] = []

    def count(claim: RunClaim) -> Mapping[str, Any]:
        seen.append(claim.args)
        return {"orders": 3}

    run = due()
    run_once("shop.count_orders", count, run.pk)
    run_once("shop.count_orders", count, run.pk)  # a doubled message
    run.refresh_from_db()
    assert (seen, run.state, run.result) == ([{"shop": 4}], RunState.DONE, {"orders": 3})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error, state, text",
    [
        (RuntimeError("no answer"), RunState.DUE, "RuntimeError: no answer"),
        (PermanentTaskError("The role lacks a right."), RunState.FAILED, "The role lacks a right."),
    ],
)
def test_what_goes_wrong_stands_in_the_ledger(error: Exception, state: str, text: str) -> None:
    def fails(claim: RunClaim) -> None:
        raise error

    run = due()
    run_once("shop.count_orders", fails, run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (state, text)


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_the_task_works() -> None:
    run = run_request(key="shop.long", task="shop.count_orders", at=AT, lease_seconds=1)
    leases: list[datetime] = []

    def works(claim: RunClaim) -> None:
        for _ in range(3):
            time.sleep(0.5)
            leases.append(Run.objects.get(pk=claim.run_id).lease_until or AT)

    run_once("shop.count_orders", works, run.pk)
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert leases == sorted(set(leases))


def test_a_task_must_name_a_known_queue_and_a_time_limit() -> None:
    for options in ({"queue": "anything", "time_limit": 30}, {"queue": "jobs", "time_limit": 900}):
        with pytest.raises(TaskDeclarationError):
            scheduled_task(name="shop.count_orders", **options)  # type: ignore[arg-type]


def test_a_declared_task_carries_name_queue_and_limits() -> None:
    task: Any = scheduled_task(name="tests.count_orders", queue="aws", time_limit=120)(lambda _claim: None)
    assert (task.name, task.queue, task.time_limit, task.soft_time_limit) == ("tests.count_orders", "aws", 120, 90)


class _Sent:
    """Stands at the network edge: what Celery would have been given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any], str]] = []
        self.error: Exception | None = None

    def send_task(self, name: str, *, kwargs: dict[str, Any], queue: str, retry: bool) -> None:
        assert retry is False
        if self.error is not None:
            raise self.error
        self.messages.append((name, kwargs, queue))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> _Sent:
    broker = _Sent()
    monkeypatch.setattr(publish, "publisher", lambda: broker)
    monkeypatch.setattr(publish, "breaker", Breaker(pause=0.2))
    return broker


@pytest.mark.django_db
def test_a_due_run_is_handed_over_by_id_once_and_again_when_nobody_takes_it(sent: _Sent) -> None:
    run = due()
    assert (hand_over(), hand_over()) == (1, 0)
    assert sent.messages == [("shop.count_orders", {"run_id": run.pk}, "default")]
    Run.objects.update(handed_at=real_now() - timedelta(seconds=11))
    assert hand_over() == 1
    assert len(sent.messages) == 2


@pytest.mark.django_db
def test_with_the_broker_gone_runs_stay_due_and_follow_when_it_is_back(sent: _Sent) -> None:
    for n in range(3):
        due(f"shop.{n}")
    sent.error = OSError("connection refused")
    with pytest.raises(BrokerGoneError):
        hand_over()
    assert hand_over() == 0  # the breaker is open: a dead broker is not asked again at once
    assert list(Run.objects.values_list("handed_at", "handovers")) == [(None, 0)] * 3
    sent.error = None
    time.sleep(0.25)
    assert hand_over() == 3


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: _accept(server, taken), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        for connection in taken:
            connection.close()


def _accept(server: socket.socket, taken: list[socket.socket]) -> None:
    while True:
        try:
            taken.append(server.accept()[0])
        except OSError:
            return


@pytest.mark.django_db
@pytest.mark.parametrize("is_hole", [True, False])
def test_a_broker_that_is_silent_or_refuses_costs_a_short_time(
    is_hole: bool, black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    due()
    port = black_hole if is_hole else 1
    app = Celery("test", set_as_current=False)
    app.conf.update({**settings.CELERY, "broker_url": f"redis://127.0.0.1:{port}/0"})
    app.conf.broker_transport_options = publish.short_options()
    monkeypatch.setattr(publish, "publisher", lambda: app)
    monkeypatch.setattr(publish, "breaker", Breaker())
    started = time.monotonic()
    with pytest.raises(BrokerGoneError):
        hand_over()
    assert time.monotonic() - started < 4
    assert Run.objects.get().handed_at is None
