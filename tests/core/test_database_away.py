"""A PostgreSQL that is away, frozen or silent costs a moment, once, and is found again."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from opsportal.core.postgresql import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    connection.close()
    base._away_until = 0.0
    yield
    connection.close()
    base._away_until = 0.0


def _fails_within(seconds: float) -> None:
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        connection.ensure_connection()
    assert time.monotonic() - begun < seconds


def test_a_silent_server_is_given_up_in_time_and_left_alone_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / ".s.PGSQL.5432"))
        silent.listen(8)
        with monkeypatch.context() as there:
            there.setitem(connection.settings_dict, "HOST", str(tmp_path))
            _fails_within(base.ANSWER_SECONDS + 0.4)
            _fails_within(0.1)
    _fails_within(0.1)
    time.sleep(base.PAUSE_SECONDS)
    connection.ensure_connection()


def test_a_late_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def slow(*args: Any, **values: Any) -> Any:
        time.sleep(0.2)
        made.append(connect(*args, **values))
        return made[0]

    connect = psycopg.connect
    monkeypatch.setattr(psycopg, "connect", slow)
    monkeypatch.setattr(base, "ANSWER_SECONDS", 0.05)
    _fails_within(0.15)
    time.sleep(0.4)
    assert made[0].closed


def test_a_frozen_backend_is_noticed_before_a_page_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "ANSWER_SECONDS", 0.3)
    connection.ensure_connection()
    assert connection.is_usable()
    pid = connection.connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not connection.is_usable()
        connection.close()
        _fails_within(0.1)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_killed_connection_is_replaced_at_once() -> None:
    connection.ensure_connection()
    os.kill(connection.connection.info.backend_pid, signal.SIGTERM)
    time.sleep(0.2)
    assert not connection.is_usable()
    connection.close()
    connection.ensure_connection()
    assert connection.is_usable()
