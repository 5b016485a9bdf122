"""The dispatcher: loops run, wake at once, survive failures; hanging ones die visibly; SIGTERM ends it quickly."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from opsportal.core.clock import real_now
from opsportal.schedule import dispatching, selectors
from opsportal.schedule.dispatching import LoopThread, run_dispatcher, write_pulses
from opsportal.schedule.loops import Loop, LoopError, loop, loops
from opsportal.schedule.models import LoopPulse
from opsportal.schedule.wake import wake

pytestmark = pytest.mark.django_db(transaction=True)


def make(run: Callable[[datetime], int], *, every: float = 0.05, limit: float = 5, channel: str | None = None) -> Loop:
    return Loop(name="test.loop", run=run, every=every, limit=limit, channel=channel)


@pytest.fixture
def dispatcher() -> Iterator[Callable[[Loop], None]]:
    stop, threads = threading.Event(), []

    def start(item: Loop) -> None:
        ready = threading.Event()
        thread = threading.Thread(target=run_dispatcher, args=([item],), kwargs={"stop": stop, "on_ready": ready.set})
        thread.start()
        threads.append(thread)
        assert ready.wait(5)

    yield start
    stop.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


def test_a_loop_runs_again_at_once_while_there_is_work(dispatcher: Callable[[Loop], None]) -> None:
    left, times = [3, 2, 1, 0], []

    def work(now: datetime) -> int:
        assert now.tzinfo is not None
        times.append(time.monotonic())
        return left.pop(0) if left else 0

    dispatcher(make(work, every=30))
    until(lambda: len(times) >= 4)  # LISTEN wakes it once more; by its own pace the fourth is 90 s away


def test_a_committed_wake_up_runs_the_loop_within_a_moment(dispatcher: Callable[[Loop], None]) -> None:
    passes: list[float] = []

    def work(_now: datetime) -> int:
        passes.append(time.monotonic())
        return 0

    dispatcher(make(work, every=60, channel="test-channel"))
    time.sleep(1)  # the first pass and the one after LISTEN began
    before = len(passes)
    wake("another-channel")
    wake("test-channel")
    until(lambda: len(passes) > before)


def test_a_failing_loop_goes_on_and_shows_its_error(dispatcher: Callable[[Loop], None]) -> None:
    calls = []

    def work(_now: datetime) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("something is wrong")
        return 0

    dispatcher(make(work))
    until(lambda: len(calls) > 2)
    until(lambda: LoopPulse.objects.filter(name="test.loop", failures=1).exists())
    pulse = LoopPulse.objects.get(name="test.loop")
    assert pulse.last_error == "RuntimeError: something is wrong"
    assert pulse.ok_at is not None


def test_a_statement_is_cut_off_at_the_loops_limit() -> None:
    def work(_now: datetime) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
        return 0

    item = LoopThread(make(work, limit=0.2, every=60), threading.Event())
    started = time.monotonic()
    item.start()
    until(lambda: item.failures == 1)
    assert time.monotonic() - started < 3
    assert "statement timeout" in item.last_error
    item.stop.set()
    item.woken.set()
    assert item.thread is not None
    item.thread.join(5)


def test_a_hanging_pass_stops_its_pulse_and_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "HANG_GRACE", 0.3)
    release = threading.Event()
    stop = threading.Event()
    code = run_dispatcher([make(lambda _now: int(release.wait(10)), limit=0.2)], stop=stop)
    release.set()
    assert code == 1


def test_a_broken_connection_is_replaced(dispatcher: Callable[[Loop], None], owner_connection: Any) -> None:
    pids: list[int] = []

    def work(_now: datetime) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            row = cursor.fetchone()
        assert row is not None
        pids.append(row[0])
        return 0

    dispatcher(make(work))
    until(lambda: len(pids) > 2)
    first = pids[0]
    with psycopg.connect(**dispatching.listen_parameters(), autocommit=True) as same_role:
        same_role.execute("SELECT pg_terminate_backend(%s)", [first])
    until(lambda: pids[-1] != first)


def test_pulses_of_two_dispatchers_add_up() -> None:
    for _ in range(2):
        item = LoopThread(make(lambda _now: 0, every=60), threading.Event())
        item.start()
        until(lambda item=item: item.passes == 1)
        item.items = 5
        write_pulses([item])
        item.stop.set()
        item.woken.set()
        assert item.thread is not None
        item.thread.join(5)
    pulse = LoopPulse.objects.get()
    assert (pulse.items, pulse.passes) == (10, 2)


def test_a_loop_is_declared_once_and_with_sensible_times() -> None:
    known = next(iter(loops()))
    for options in (
        {"name": known, "every": 1.0},
        {"name": "x.y", "every": 0.0},
        {"name": "x.y", "every": 1.0, "limit": 300.0},
    ):
        with pytest.raises(LoopError):
            loop(**options)(lambda _now: 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "age, ok_age, error_age, state",
    [
        (1, 1, None, "ok"),
        (1, 5, 1, "ok"),  # one failure after a good pass is no illness yet
        (1, 120, 1, "failing"),
        (21, 21, None, "dead"),
    ],
)
def test_the_state_of_a_loop(
    age: int, ok_age: int, error_age: int | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make(lambda _now: 0, every=2)
    monkeypatch.setattr(selectors, "loops", lambda: {item.name: item})
    assert [found.state for found in selectors.loop_health()] == ["unseen"]

    def ago(seconds: int | None) -> datetime | None:
        return None if seconds is None else real_now() - timedelta(seconds=seconds)

    LoopPulse.objects.create(
        name=item.name, holder="h", every=2, limit=5, pulse_at=ago(age), ok_at=ago(ok_age), error_at=ago(error_age)
    )
    assert [found.state for found in selectors.loop_health()] == [state]


@pytest.mark.worker
def test_sigterm_ends_the_command_within_two_seconds() -> None:
    name = settings.DATABASES["default"]["NAME"]
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONUNBUFFERED": "1", "OPSPORTAL_BOOTSTRAP": "0"}
    environment.pop("DATABASE_OWNER_URL", None)
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "dispatcher"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        until(lambda: "dispatcher.ready" in process.stderr.readline(), seconds=60)  # type: ignore[union-attr]
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert time.monotonic() - started <= 2
