"""Start, watch, restart and stop the processes of a stack, in order.

One thread, no event loop: a child's PDEATHSIG is tied to the thread that forked it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opsportal.local.environment import CHECKOUT, Home, write_private
from opsportal.local.errors import StackError
from opsportal.local.logs import last_line, rotate
from opsportal.local.processes import signal_group, spawn

TICK_SECONDS = 0.05
FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.5, 30.0
# A service that lived this long starts its back-off anew.
STEADY_SECONDS = 30.0
STARTS_BEFORE_GIVING_UP = 3
ROTATE_EVERY_SECONDS = 10.0


class StopAskedError(Exception):
    """Ctrl-C, TERM or a closed terminal: the stack is to end."""


def always_ready() -> bool:
    """The probe of a service that serves nobody."""
    return True


@dataclass(frozen=True)
class Service:
    """One supervised process."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    is_ready: Callable[[], bool] = always_ready
    # Ready means alive for this long, and the probe says so.
    settle_seconds: float = 0.0
    ready_seconds: float = 30.0
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 4.5
    # A store is stopped after those who use it.
    is_store: bool = False
    # What ends it at once when the supervisor is gone.
    death_signal: int = signal.SIGKILL
    leave_root: Callable[[], None] | None = None
    before_start: Callable[[], None] | None = None


@dataclass
class Child:
    """A service and its present process."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    state: str = "stopped"
    started: float = 0.0
    started_at: float = 0.0
    restarts: int = 0
    failures: int = 0
    next_start: float = 0.0
    last_error: str = ""

    def facts(self) -> dict[str, object]:
        """What `manage.py status` shows."""
        return {
            "name": self.service.name,
            "pid": self.process.pid if self.process else None,
            "state": self.state,
            "started_at": self.started_at,
            "restarts": self.restarts,
            "last_error": self.last_error,
        }


class Supervisor:
    """The processes of one data folder; use it from the main thread only."""

    def __init__(self, home: Home, *, env: Mapping[str, str], keep: tuple[int, ...] = ()) -> None:
        self.home = home
        self.env = dict(env)
        self.children: dict[str, Child] = {}
        self.facts: dict[str, object] = {}
        self.on_death: Callable[[Child], None] = lambda _child: None
        self._keep = keep
        self._stop_asked = False
        self._rotated = 0.0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_stop)
        self._sentinel = self._start_sentinel()

    def start(self, *services: Service) -> None:
        """Start services without waiting for them."""
        for service in services:
            child = self.children.setdefault(service.name, Child(service))
            self._launch(child)
        self._save()

    def wait_ready(self, *names: str) -> None:
        """Wait until these services (default all) answer; one that will not is refused with its last words."""
        begun = time.monotonic()
        waiting = [self.children[name] for name in names or self.children]
        while waiting:
            self.tick()
            waiting = [child for child in waiting if child.state != "ready"]
            for child in waiting:
                late = time.monotonic() - begun > child.service.ready_seconds
                if late or child.failures >= STARTS_BEFORE_GIVING_UP:
                    raise self._refusal(child.service.name, "did not start")
            time.sleep(TICK_SECONDS)

    def run_steps(self, *steps: tuple[str, Sequence[str]], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Run commands at the same time to their end, each with its output in a log; a failure is refused.

        `meanwhile` is called at each look at them.
        """
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, argv in steps:
                with self._log(name).open("ab") as output:
                    running[name] = spawn(argv, env=self.env, cwd=CHECKOUT, output=output, keep=self._keep)
                self._tell_sentinel(f"add {running[name].pid} {int(signal.SIGKILL)}")
            while any(process.poll() is None for process in running.values()):
                self.tick()
                meanwhile()
                time.sleep(TICK_SECONDS)
        finally:
            for process in running.values():
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
                self._tell_sentinel(f"drop {process.pid}")
        for name, process in running.items():
            if process.returncode != 0:
                raise self._refusal(name, "failed")

    def tick(self) -> None:
        """Look at every child once: notice the ready and the dead, start again what is due."""
        if self._stop_asked:
            raise StopAskedError
        before = [child.state for child in self.children.values()]
        for child in self.children.values():
            self._look_at(child)
        if self._sentinel.poll() is not None:
            self._sentinel = self._start_sentinel()
        if time.monotonic() - self._rotated > ROTATE_EVERY_SECONDS:
            self._rotated = time.monotonic()
            with contextlib.suppress(OSError):
                rotate(self.home.log)
        if before != [child.state for child in self.children.values()]:
            self._save()

    def stop(self) -> None:
        """Stop the users of the stores together, then the stores, each in reverse order of starting."""
        children = list(self.children.values())[::-1]
        self._stop_together([child for child in children if not child.service.is_store])
        for child in children:
            if child.service.is_store:
                self._stop_together([child])
        if self._sentinel.stdin is not None:
            with contextlib.suppress(OSError):
                self._sentinel.stdin.close()
        self._sentinel.wait()
        self._save()

    def _look_at(self, child: Child) -> None:
        process = child.process
        if process is None:
            if child.state == "waiting" and time.monotonic() >= child.next_start:
                self._launch_again(child)
        elif process.poll() is not None:
            self._bury(child, process)
        elif child.state == "starting" and self._is_ready(child):
            child.state = "ready"

    @staticmethod
    def _is_ready(child: Child) -> bool:
        return time.monotonic() - child.started >= child.service.settle_seconds and child.service.is_ready()

    def _bury(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        # Children of the dead process, if any, must not work beside its successor.
        signal_group(process.pid, signal.SIGKILL)
        self._tell_sentinel(f"drop {process.pid}")
        child.process, child.state = None, "waiting"
        child.last_error = self._cause(child.service.name, process.returncode)
        steady = time.monotonic() - child.started > STEADY_SECONDS
        child.failures = 1 if steady else child.failures + 1
        child.restarts += 1
        child.next_start = time.monotonic() + min(FIRST_BACK_OFF * 2 ** (child.failures - 1), LONGEST_BACK_OFF)
        self.on_death(child)

    def _cause(self, name: str, code: int) -> str:
        # Whoever was killed said nothing about it: the log's last line tells of something else.
        return f"killed by signal {-code}" if code < 0 else f"exit {code}: {last_line(self._log(name))}"

    def _launch_again(self, child: Child) -> None:
        try:
            self._launch(child)
        except OSError as error:  # no memory, no descriptors, no disk: it may pass
            child.last_error = str(error)
            child.next_start = time.monotonic() + LONGEST_BACK_OFF

    def _launch(self, child: Child) -> None:
        service = child.service
        if service.before_start is not None:
            service.before_start()
        with self._log(service.name).open("ab") as output:
            child.process = spawn(
                service.argv,
                env={**self.env, **service.env},
                cwd=CHECKOUT,
                output=output,
                keep=self._keep,
                death_signal=service.death_signal,
                leave_root=service.leave_root,
            )
        self._tell_sentinel(f"add {child.process.pid} {int(service.death_signal)}")
        child.started, child.started_at, child.state = time.monotonic(), time.time(), "starting"

    def _stop_together(self, children: list[Child]) -> None:
        begun = time.monotonic()
        for child in children:
            if child.process is not None:
                # The leader alone: it ends its own children in good order.
                child.process.send_signal(child.service.stop_signal)
        for child in children:
            process, child.process, child.state = child.process, None, "stopped"
            if process is None:
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(child.service.stop_seconds - (time.monotonic() - begun), 0.0))
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            self._tell_sentinel(f"drop {process.pid}")

    def _ask_stop(self, _number: int, _frame: object) -> None:
        self._stop_asked = True

    def _refusal(self, name: str, what: str) -> StackError:
        return StackError(f"{name} {what}: {last_line(self._log(name))} (see {self._log(name)}).")

    def _log(self, name: str) -> Path:
        return self.home.log / f"{name}.log"

    def _start_sentinel(self) -> subprocess.Popen[bytes]:
        sentinel = subprocess.Popen(
            [sys.executable, "-m", "opsportal.local.sentinel"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=self._keep,
            start_new_session=True,
        )
        for child in self.children.values():
            if child.process is not None:
                self._tell(sentinel, f"add {child.process.pid} {int(child.service.death_signal)}")
        return sentinel

    def _tell_sentinel(self, line: str) -> None:
        self._tell(self._sentinel, line)

    @staticmethod
    def _tell(sentinel: subprocess.Popen[bytes], line: str) -> None:
        # A dead sentinel is noticed and replaced by the next tick.
        with contextlib.suppress(OSError, ValueError):
            if sentinel.stdin is not None:
                sentinel.stdin.write(f"{line}\n".encode())
                sentinel.stdin.flush()

    def _save(self) -> None:
        services = [child.facts() for child in self.children.values()]
        # For `status` only: a full disk must not end the stack.
        with contextlib.suppress(OSError):
            write_private(self.home.state, json.dumps({"pid": os.getpid(), **self.facts, "services": services}))
