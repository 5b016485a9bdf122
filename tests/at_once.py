"""Acts that several people do at the same moment, on a real PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier, Event
from time import monotonic, sleep
from typing import Any, Final

import pytest
from django.db import connection

BLOCKS: Final = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run all at the same moment, each on its own connection; an exception is a result."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        try:
            barrier.wait(timeout=20)
            return act()
        except Exception as error:  # noqa: BLE001 - the refusal is what the test looks at
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(acts)) as pool:
        return list(pool.map(run, acts))


def while_held(
    monkeypatch: pytest.MonkeyPatch, said_by: str, first: Callable[[], object], then: Callable[[], object]
) -> list[object]:
    """What the two answer: `then` begins as `first` comes to call `said_by`, which waits until `first` blocks it."""
    came, (module, name) = Event(), said_by.rsplit(".", 1)
    say: Callable[..., Any] = getattr(import_module(module), name)

    def held(*args: Any, **kwargs: Any) -> Any:
        if not came.is_set():
            came.set()
            until, waits = monotonic() + 20, False
            while not waits and monotonic() < until:
                sleep(0.02)
                with connection.cursor() as cursor:
                    cursor.execute(BLOCKS)
                    waits = cursor.fetchone()[0]
            assert waits, "the second never waited for the first"
        return say(*args, **kwargs)

    def second() -> object:
        assert came.wait(20)
        return then()

    with monkeypatch.context() as patch:
        patch.setattr(said_by, held)
        return at_once(first, second)
