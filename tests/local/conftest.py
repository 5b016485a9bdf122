"""Homes, stores and a fake service for the tests of the one-command stack."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opsportal.local.environment import Home
from opsportal.local.lock import HomeLock
from opsportal.local.supervisor import Service, Supervisor


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.create()
    return found


@pytest.fixture
def signals() -> Iterator[None]:
    """The supervisor takes the terminal's signals; give them back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def supervisor(home: Home, signals: None) -> Iterator[Supervisor]:
    lock = HomeLock(home)
    lock.acquire(None)
    found = Supervisor(home, env=os.environ, keep=(lock.fd,))
    yield found
    found.stop()
    lock.release()


@pytest.fixture
def fake_service(home: Home) -> Callable[..., Service]:
    """A Python one-liner as a service; `{home}` in it is the data folder."""

    def make(name: str, code: str = "import time; time.sleep(60)", **more: object) -> Service:
        text = code.replace("{home}", str(home.path))
        return Service(name=name, argv=(sys.executable, "-c", text), **more)  # type: ignore[arg-type]

    return make


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
