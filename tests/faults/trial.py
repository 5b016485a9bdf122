"""A stack of its own in a temporary home, for fault trials, flow tests and benchmarks; it never touches a running `up`.

Everything here runs in the main thread and asks PostgreSQL directly, so it needs no Django of its own.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from opsportal.local import portal_services, postgres, valkey
from opsportal.local.environment import Home, any_free_port
from opsportal.local.lock import HomeLock
from opsportal.local.stack import Stack
from opsportal.local.supervisor import Child, Service

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICK_SECONDS: Final = 0.1
SERVICES: Final = ("web", "worker", "dispatcher")


class TrialError(Exception):
    """Something that the trial waited for did not come."""


class Trial:
    """PostgreSQL, Valkey, the simulated AWS, web, worker and dispatcher on data that `prepare` makes.

    `rate` is that of business time from now on; `faults` is OPSPORTAL_FAULTS of the portal's own processes; `schema` is
    a dump of a migrated database, for who need not see an empty one migrated.
    """

    def __init__(
        self, prepare: Sequence[str], *, rate: float = 1.0, faults: str = "", schema: Path | None = None
    ) -> None:
        self.prepare, self.faults, self.schema, self.extra = prepare, faults, schema, dict[str, str]()
        self.rate, self.deaths = rate, 0
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self.folder = Path(tempfile.mkdtemp(prefix="opsportal-trial-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.home = Home(self.folder / "home")
        self.home.create()
        self.port = any_free_port(None)
        self._lock = HomeLock(self.home)
        self._lock.acquire(self.port)
        environ = dict(os.environ)
        environ.pop("OPSPORTAL_CLOCK", None)
        if rate != 1.0:
            environ["OPSPORTAL_CLOCK"] = f"{datetime.now(UTC).isoformat(timespec='seconds')}@{rate:g}"
        self.home.claim_kind("demo")
        keep = (self._lock.fd,)
        self.stack = Stack(self.home, self.port, is_demo=True, environ=environ, keep=keep)
        self.supervisor = self.stack.supervisor
        self.supervisor.on_death = self._note_death

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything and remove the home."""
        self.supervisor.stop()
        self._lock.release()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        public = self.home.path / "postgres-at"
        if public.exists():
            shutil.rmtree(public.read_text(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        supervisor, cluster, manage = self.supervisor, self.stack.cluster, (sys.executable, "manage.py")
        supervisor.start(
            postgres.service(cluster, for_tests=True),
            valkey.service(self.home, cluster.sockets),
            portal_services.simulated_aws(self.home, self.aws_port, portal_port=self.port),
        )
        supervisor.wait_ready("postgres", "valkey")
        cluster.run_sql(postgres.ROLES + postgres.SHOP_ROLES)
        if self.schema is not None:
            cluster.run_sql(f"\\connect opsportal\n\\i '{self.schema}'\n")
        supervisor.run_steps(
            ("migrate", (*manage, "migrate", "--no-input", "-v", "0")),
            ("static", (*manage, "collectstatic", "--no-input", "-v", "0")),
        )
        supervisor.wait_ready("aws")
        supervisor.run_steps(("prepare", (sys.executable, "-m", "tests.faults.prepare", *self.prepare)))
        own = (
            portal_services.web(self.port),
            portal_services.worker(cluster.sockets),
            portal_services.dispatcher(),
        )
        supervisor.start(*(self._faulty(service) for service in own))
        supervisor.wait_ready()

    def _faulty(self, service: Service) -> Service:
        env = {**service.env, **self.extra}
        return replace(service, env={**env, "OPSPORTAL_FAULTS": self.faults} if self.faults else env)

    @property
    def aws_port(self) -> int:
        assert self.stack.aws_port is not None
        return self.stack.aws_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- time ------------------------------------------------------------------------------------------------------
    def business_now(self) -> datetime:
        """The trial's clock, as every process of it reads it."""
        env = self.supervisor.env
        if "OPSPORTAL_CLOCK" not in env:
            return datetime.now(UTC)
        start = datetime.fromisoformat(env["OPSPORTAL_CLOCK"].partition("@")[0])
        passed = (time.time() - float(env["OPSPORTAL_CLOCK_ORIGIN"])) * self.rate
        return datetime.fromtimestamp(start.timestamp() + passed, UTC)

    def run_for(self, seconds: float) -> None:
        """Let it run, starting again what dies."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.supervisor.tick()
            time.sleep(TICK_SECONDS)

    def wait_for(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """Wait until the condition holds and return its value. Raises TrialError."""
        ends = time.monotonic() + seconds
        while True:
            self.supervisor.tick()
            found = condition()
            if found:
                return found
            if time.monotonic() > ends:
                raise TrialError(f"{what}: not within {seconds:.0f} s")
            time.sleep(TICK_SECONDS)

    # --- looking ---------------------------------------------------------------------------------------------------
    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """The rows of a query as the owner role."""
        sockets = str(self.stack.cluster.sockets)
        with psycopg.connect(host=sockets, user="ops_owner", dbname="opsportal", autocommit=True) as connection:
            return connection.execute(query, params or None).fetchall()

    def one(self, query: str, *params: Any) -> Any:
        """The first column of the first row."""
        return self.rows(query, *params)[0][0]

    # --- breaking --------------------------------------------------------------------------------------------------
    def kill(self, name: str) -> None:
        """End a service as `kill -9` would; the supervisor starts it again."""
        process = self.supervisor.children[name].process
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)

    def arm(self, name: str, faults: str, seconds: float) -> None:
        """Kill a service and have it start with these faults from now on. Raises TrialError."""
        child = self.supervisor.children[name]
        child.service = replace(child.service, env={**child.service.env, "OPSPORTAL_FAULTS": faults})
        before = child.process
        self.kill(name)
        self.wait_for(name, lambda: child.process is not before and child.state == "ready", seconds)

    def _note_death(self, child: Child) -> None:
        self.deaths += 1
        # A trial kills faster than any back-off would bear.
        child.failures, child.next_start = 0, time.monotonic() + 0.2
