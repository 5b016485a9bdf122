"""One stack per data folder: a file lock that lives as long as any process of the stack."""

import fcntl
import json
import os
import time
from dataclasses import dataclass

from opsportal.local.environment import PRIVATE, Home
from opsportal.local.errors import StackError

# A killed stack needs up to five seconds to end its last process.
ENDING_SECONDS = 8.0
STEP_SECONDS = 0.1


@dataclass(frozen=True)
class Running:
    """The supervisor that holds a data folder."""

    pid: int
    port: int | None


class HomeLock:
    """The lock on one data folder; children inherit its descriptor, so it ends with the last of them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.fd = os.open(home.lock, os.O_RDWR | os.O_CREAT, PRIVATE)

    def acquire(self, port: int | None) -> None:
        """Take the folder, or refuse and say who has it."""
        deadline = time.monotonic() + ENDING_SECONDS
        while not self._try():
            holder = _read(self._home)
            if holder is not None and _is_alive(holder.pid):
                where = f" on port {holder.port}" if holder.port else ""
                raise StackError(f"Already running on {self._home.path}: pid {holder.pid}{where}.")
            if time.monotonic() > deadline:
                raise StackError(
                    f"Processes of an earlier stack still hold {self._home.path}: end them, then try again."
                )
            time.sleep(STEP_SECONDS)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, json.dumps({"pid": os.getpid(), "port": port}).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self.fd, 0)
        os.close(self.fd)

    def _try(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_held(home: Home) -> bool:
    """Whether any process of a stack still lives on this folder."""
    try:
        fd = os.open(home.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def running(home: Home) -> Running | None:
    """The supervisor on this folder, or None when no stack runs there."""
    if not is_held(home):
        return None
    holder = _read(home)
    return holder if holder is not None and _is_alive(holder.pid) else None


def _read(home: Home) -> Running | None:
    try:
        found = json.loads(home.lock.read_text())
        return Running(pid=int(found["pid"]), port=found["port"])
    except (OSError, ValueError, KeyError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
