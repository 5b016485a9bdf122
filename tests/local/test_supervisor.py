"""Order, restart, stop, and no process left behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from opsportal.local.environment import CHECKOUT, Home
from opsportal.local.errors import StackError
from opsportal.local.lock import HomeLock, is_held, running
from opsportal.local.supervisor import Service, StopAskedError, Supervisor

MakeService = Callable[..., Service]

NOTE_STOP = """
import signal, sys, time
def leave(*_):
    with open("{home}/stops", "a") as out: out.write("NAME\\n")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
open("{home}/NAME.up", "w").close()
time.sleep(60)
"""


def tick_until(supervisor: Supervisor, condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        supervisor.tick()
        time.sleep(0.02)


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.05)


def test_stores_are_stopped_after_their_users(home: Home, supervisor: Supervisor, fake_service: MakeService) -> None:
    for name, is_store in (("store", True), ("user", False)):
        up = home.path / f"{name}.up"
        service = fake_service(name, NOTE_STOP.replace("NAME", name), is_store=is_store, is_ready=up.exists)
        supervisor.start(service)
        supervisor.wait_ready(name)
    supervisor.stop()
    assert (home.path / "stops").read_text().split() == ["user", "store"]


def test_a_killed_service_is_started_again_and_the_signal_named(
    supervisor: Supervisor, fake_service: MakeService
) -> None:
    supervisor.start(fake_service("worker", "import time; print('lost my way', flush=True); time.sleep(60)"))
    child = supervisor.children["worker"]
    tick_until(supervisor, lambda: child.state == "ready")
    time.sleep(0.3)
    first = child.process
    assert first is not None
    first.kill()
    tick_until(supervisor, lambda: child.restarts == 1 and child.process is not None)
    assert child.last_error == "killed by signal 9"


def test_a_service_that_ends_by_itself_has_its_last_words_kept(
    supervisor: Supervisor, fake_service: MakeService
) -> None:
    code = "import sys, time; time.sleep(0.3); print('lost my way', flush=True); sys.exit(3)"
    supervisor.start(fake_service("worker", code))
    child = supervisor.children["worker"]
    tick_until(supervisor, lambda: child.restarts == 1)
    assert child.last_error == "exit 3: lost my way"


def test_back_off_grows_with_each_failure(supervisor: Supervisor, fake_service: MakeService) -> None:
    supervisor.start(fake_service("worker", "raise SystemExit(3)"))
    child, delays = supervisor.children["worker"], []
    for _ in range(3):
        tick_until(supervisor, lambda: child.state == "waiting")
        delays.append(child.next_start - time.monotonic())
        child.next_start = 0.0
        tick_until(supervisor, lambda: child.process is not None)
    assert delays == pytest.approx([0.5, 1.0, 2.0], abs=0.2)


def test_a_service_that_never_comes_up_is_refused_with_its_last_line(
    supervisor: Supervisor, fake_service: MakeService
) -> None:
    supervisor.start(fake_service("web", "raise SystemExit('no such file: menu')", is_ready=lambda: False))
    with pytest.raises(StackError, match=r"^web did not start: no such file: menu \(see .*web\.log\)\.$"):
        supervisor.wait_ready("web")


def test_a_failed_step_is_refused_with_its_last_line(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match="migrate failed: no table"):
        supervisor.run_steps(
            ("static", (sys.executable, "-c", "")), ("migrate", (sys.executable, "-c", "raise SystemExit('no table')"))
        )


def test_terminate_asks_the_loop_to_stop(supervisor: Supervisor) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(StopAskedError):
        supervisor.tick()


def test_a_deaf_service_and_its_children_are_killed(
    home: Home, supervisor: Supervisor, fake_service: MakeService
) -> None:
    code = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
open("{home}/deaf", "w").write(str(child.pid))
time.sleep(60)
"""
    ready = home.path / "deaf"
    supervisor.start(
        fake_service("deaf", code, stop_seconds=0.3, is_ready=lambda: ready.exists() and ready.read_text())
    )
    supervisor.wait_ready()
    grandchild = int(ready.read_text())
    begun = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - begun < 2
    wait_until(lambda: not _is_alive(grandchild), 2)


STACK = """
import os, sys, time
from pathlib import Path
from opsportal.local.environment import Home
from opsportal.local.lock import HomeLock
from opsportal.local.supervisor import Service, Supervisor
home = Home(Path(sys.argv[1]))
lock = HomeLock(home)
lock.acquire(8123)
supervisor = Supervisor(home, env=os.environ, keep=(lock.fd,))
# A worker with a child in its group, as Celery has, and one that is deaf to all but SIGKILL.
parent = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
parent += "time.sleep(60)"
supervisor.start(Service("worker", (sys.executable, "-c", parent), settle_seconds=0.5))
deaf = "import signal, time; signal.signal(15, 1); signal.signal(2, 1); time.sleep(60)"
supervisor.start(Service("deaf", (sys.executable, "-c", deaf)))
supervisor.wait_ready()
print("ready", flush=True)
while True:
    supervisor.tick()
    time.sleep(0.05)
"""


def test_killing_the_supervisor_leaves_no_process(home: Home) -> None:
    stack = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STACK), str(home.path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert stack.stdout is not None
    with stack.stdout:
        assert stack.stdout.readline() == "ready\n"
    holder = running(home)
    assert holder is not None
    assert (holder.pid, holder.port) == (stack.pid, 8123)
    groups = [service["pid"] for service in json.loads(home.state.read_text())["services"]]
    with pytest.raises(StackError, match=rf"^Already running on .*: pid {stack.pid} on port 8123\.$"):
        HomeLock(home).acquire(8000)
    stack.kill()
    stack.wait()
    # Children hold the lock, so that a new stack waits for the last of them.
    wait_until(lambda: not is_held(home), 5)
    for group in groups:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
    assert running(home) is None


def _is_alive(pid: int) -> bool:
    """A zombie waits for its new parent to look; it runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
