"""`manage.py test`: every gate of the project, then pytest on stores of its own, beside a running `up`."""

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from opsportal.local import postgres, valkey
from opsportal.local.bootstrap import environment_in_use
from opsportal.local.browser import VARIABLE, find_chromium, install_chromium
from opsportal.local.environment import CHECKOUT, home_of_tests
from opsportal.local.lock import HomeLock
from opsportal.local.processes import signal_group, spawn
from opsportal.local.settings_env import process_environment, store_settings
from opsportal.local.supervisor import StopAskedError, Supervisor
from opsportal.local.terminal import progress, say, table

BIN = Path(sys.executable).parent
TYPED = ("manage.py", "opsportal", "incidents", "monitoring", "maintenance", "tests", "benchmarks")
GATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("import-linter", ("lint-imports",)),
    ("djlint", ("djlint", "templates", "--lint", "--quiet")),
)
# It takes one core for a minute: beside pytest it has the one that idles while the first worker migrates.
TYPES = ("mypy", ("mypy", "--explicit-package-bases", *TYPED))
PARALLEL = ("-n", "2")
WITHOUT_BROWSER = ("-m", "not e2e")
CHUNK = 65536
READ_SECONDS = 0.2
INTERRUPTED = 130


@dataclass(frozen=True)
class Outcome:
    """How one gate ended."""

    gate: str
    result: str
    seconds: float

    @property
    def is_failure(self) -> bool:
        return self.result == "FAILED"


def run_tests(environ: Mapping[str, str], pytest_arguments: Sequence[str]) -> int:
    """Run everything, or only pytest when arguments are given; the last line printed is pytest's own."""
    home = home_of_tests(environ)
    home.create()
    lock = HomeLock(home)
    lock.acquire(None)
    try:
        home.claim_kind("test")
        with environment_in_use():
            with progress("PostgreSQL's files for the tests"):
                cluster = postgres.cluster_of(home)
            folders = {"OPSPORTAL_HOME": str(home.path), "TEMPLATE_CACHE": str(home.path / "templates")}
            settings = store_settings(home, cluster, database="opsportal") | folders
            run = _Run(Supervisor(home, env=process_environment(settings, environ), keep=(lock.fd,)), environ)
            return run.everything(cluster, pytest_arguments)
    except StopAskedError:
        return INTERRUPTED
    finally:
        lock.release()


class _Run:
    """One `manage.py test`."""

    def __init__(self, supervisor: Supervisor, environ: Mapping[str, str]) -> None:
        self.supervisor, self.environ = supervisor, environ
        self.outcomes: list[Outcome] = []
        self._tick = supervisor.tick

    def everything(self, cluster: postgres.Cluster, pytest_arguments: Sequence[str]) -> int:
        supervisor = self.supervisor
        try:
            with progress("PostgreSQL and Valkey for the tests"):
                stores = (postgres.service(cluster, for_tests=True), valkey.service(supervisor.home, cluster.sockets))
                supervisor.start(*stores)
                supervisor.wait_ready()
                cluster.run_sql(postgres.ROLES + postgres.TEST_ROLES)
            if pytest_arguments:
                self._use_browser(find_chromium(self.environ))
                closing = self._gate("pytest", ("pytest", *pytest_arguments), hold_last=True)
            else:
                closing = self._all_gates()
        finally:
            supervisor.stop()
        self._print_summary()
        say(closing)
        return int(any(outcome.is_failure for outcome in self.outcomes))

    def _all_gates(self) -> str:
        for name, argv in GATES:
            self._gate(name, argv)
        chromium = find_chromium(self.environ) or install_chromium(self.environ)
        self._use_browser(chromium)
        if chromium is None:
            self._leave_out_browser()
        with self._beside(*TYPES):
            return self._gate("pytest", ("pytest", *PARALLEL, *(() if chromium else WITHOUT_BROWSER)), hold_last=True)

    def _use_browser(self, chromium: str | None) -> None:
        if chromium is not None:
            self.supervisor.env[VARIABLE] = chromium

    def _leave_out_browser(self) -> None:
        """Say which tests do not run for want of a browser; in CI that is a failure."""
        say("No chromium was found or could be installed: the tests marked e2e are left out. They are in:")
        for path in sorted(CHECKOUT.glob("tests/**/test_*.py")):
            if "mark.e2e" in path.read_text():
                say(f"  {path.relative_to(CHECKOUT)}")
        say(f"Install chromium, or name one in {VARIABLE}.")
        result = "FAILED" if self.environ.get("CI", "").lower() in {"1", "true"} else "left out"
        self.outcomes.append(Outcome("browser tests", result, 0.0))

    def _gate(self, name: str, argv: Sequence[str], *, hold_last: bool = False) -> str:
        """Run one gate and show its output; with `hold_last` its last line is answered instead of shown."""
        say(f"--- {name}")
        begun = time.monotonic()
        output = _Output(hold_last=hold_last)
        status = run_visibly(self.supervisor, _command(argv), output.write, tick=self._tick)
        self._note(name, status, time.monotonic() - begun)
        return output.finish()

    @contextmanager
    def _beside(self, name: str, argv: Sequence[str]) -> Iterator[None]:
        """Run a gate while others run; what it says is shown behind theirs."""
        begun, ends = time.monotonic(), list[float]()
        with tempfile.TemporaryFile() as said:
            process = spawn(_command(argv), env=self.supervisor.env, cwd=CHECKOUT, output=said)

            def tick() -> None:
                self.supervisor.tick()
                if not ends and process.poll() is not None:
                    ends.append(time.monotonic())

            self._tick = tick
            try:
                yield
                while not ends:
                    tick()
                    time.sleep(READ_SECONDS)
            finally:
                self._tick = self.supervisor.tick
                signal_group(process.pid, 9)
                process.wait()
            say(f"--- {name}")
            said.seek(0)
            _Output(hold_last=False).write(said.read())
            self._note(name, process.returncode, ends[0] - begun)

    def _note(self, name: str, status: int, seconds: float) -> None:
        self.outcomes.append(Outcome(name, "passed" if status == 0 else "FAILED", seconds))

    def _print_summary(self) -> None:
        rows = [(outcome.gate, outcome.result, f"{outcome.seconds:.1f} s") for outcome in self.outcomes]
        say()
        for line in table([("gate", "result", "time"), *rows]):
            say(line)


def _command(argv: Sequence[str]) -> list[str]:
    """The tool of this environment."""
    return [str(BIN / argv[0]), *argv[1:]]


def run_visibly(
    supervisor: Supervisor, argv: Sequence[str], write: Callable[[bytes], None], *, tick: Callable[[], None]
) -> int:
    """Run a command, passing its output on as it comes; `tick` looks after what else runs. Its exit status."""
    reader, writer = os.pipe()
    try:
        process = spawn(argv, env=supervisor.env, cwd=CHECKOUT, output=writer)
    finally:
        os.close(writer)
    with selectors.DefaultSelector() as selector, os.fdopen(reader, "rb", buffering=0) as pipe:
        selector.register(pipe, selectors.EVENT_READ)
        try:
            while _pass_on(pipe.fileno(), selector, write):
                tick()
            return process.wait()
        except StopAskedError:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
            raise
        finally:
            signal_group(process.pid, 9)
            process.wait()


def _pass_on(fd: int, selector: selectors.BaseSelector, write: Callable[[bytes], None]) -> bool:
    if not selector.select(READ_SECONDS):
        return True
    chunk = os.read(fd, CHUNK)
    write(chunk)
    return bool(chunk)


class _Output:
    """Passes output on to the terminal, keeping back the last line that says something."""

    def __init__(self, *, hold_last: bool) -> None:
        self._hold_last, self._held = hold_last, b""

    def write(self, chunk: bytes) -> None:
        if not self._hold_last:
            self._show(chunk)
            return
        self._held += chunk
        said = self._held.rstrip()
        start = said.rfind(b"\n") + 1
        self._show(self._held[:start])
        self._held = self._held[start:]

    def finish(self) -> str:
        return self._held.decode(errors="replace").strip()

    @staticmethod
    def _show(chunk: bytes) -> None:
        with suppress(OSError, ValueError):
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
