"""Break the links to Valkey, AWS and PostgreSQL in four ways; all answers within two seconds and heals in fifteen.

Without Valkey or AWS pages and posts go on. Without PostgreSQL every one of them is the static 503 page.
"""

import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import httpx

from opsportal.local import portal_services, valkey
from opsportal.local.environment import any_free_port
from opsportal.local.supervisor import Service
from opsportal.local.terminal import say
from tests.faults.trial import Trial, TrialError

LINKS: Final = ("redis", "aws", "postgres")
MODES: Final = ("refuse", "hole", "delay", "reset")
RATE: Final = 10.0
MOST_SECONDS: Final = 2.0
HEAL_SECONDS: Final = 15.0
PAGES: Final = (
    "/",
    "/incidents/",
    "/incidents/declare/",
    "/actions/",
    "/monitoring/",
    "/monitoring/alarms/",
    "/monitoring/resources/",
    "/monitoring/polls/",
    "/slos/",
    "/checklists/",
    "/maintenance/",
    "/operations-log/",
    "/decisions/",
    "/settings/",
    "/notices/",
    "/reports/slo/",
)
CSRF: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
DONE_POLLS: Final = "SELECT count(*) FROM monitoring_pollrun WHERE state = 'ok'"


@dataclass
class Report:
    """What was asked and how it went."""

    asked: int = 0
    slow: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    healed: dict[str, float | None] = field(default_factory=dict)
    slowest: float = 0.0

    @property
    def is_clean(self) -> bool:
        healed = [seconds is not None and seconds <= HEAL_SECONDS for seconds in self.healed.values()]
        return not self.slow and not self.failed and all(healed)

    def lines(self) -> list[str]:
        said = [
            f"pages and posts asked   {self.asked}",
            f"slowest                 {self.slowest:.2f} s (at most {MOST_SECONDS:g})",
            f"too slow                {len(self.slow)} {'; '.join(self.slow[:5])}",
            f"answered wrongly        {len(self.failed)} {'; '.join(self.failed[:5])}",
        ]
        for name, seconds in self.healed.items():
            said.append(f"healed {name:<16} {'never' if seconds is None else f'{seconds:.1f} s'}")
        return said


class Person:
    """A signed-in client that walks pages and posts."""

    def __init__(self, trial: Trial, report: Report) -> None:
        cookies = json.loads((trial.home.path / "cookies.json").read_text())
        self.trial, self.report = trial, report
        self.client = httpx.Client(base_url=trial.url, cookies={"sessionid": cookies["commander"]}, timeout=30.0)

    def ask(
        self, method: str, path: str, why: str, data: dict[str, str] | None = None, *, wanted: int | None = None
    ) -> httpx.Response:
        """One request, timed and judged by the status `wanted` or, without, by not being a 5xx."""
        self.trial.supervisor.tick()
        begun = time.monotonic()
        answer = self.client.request(method, path, data=data)
        seconds = time.monotonic() - begun
        self.report.asked += 1
        self.report.slowest = max(self.report.slowest, seconds)
        if seconds > MOST_SECONDS:
            inside = answer.headers.get("server-timing", "not timed")
            self.report.slow.append(f"{why}: {method} {path} {seconds:.1f} s ({inside})")
        if answer.status_code >= 500 if wanted is None else answer.status_code != wanted:
            self.report.failed.append(f"{why}: {method} {path} {answer.status_code}")
        return answer

    def post(self, path: str, why: str, page: str, **fields: str) -> None:
        """Open the page with the form, then send it."""
        text = self.ask("GET", page, why).text
        token = CSRF.search(text)
        hidden = dict(HIDDEN.findall(text))
        self.ask("POST", path, why, {**hidden, **fields, "csrfmiddlewaretoken": token.group(1) if token else ""})

    def stay_outside(self, why: str) -> None:
        """Every page and a post say that the database is away; the process itself is well."""
        for path in (*PAGES, "/healthz/deep"):
            self.ask("GET", path, why, wanted=503)
        token = self.client.cookies["csrftoken"]
        self.ask("POST", "/notices/read/", why, {"csrfmiddlewaretoken": token}, wanted=503)
        self.ask("GET", "/healthz", why, wanted=200)

    def walk(self, why: str) -> None:
        """Every page once, and each kind of post."""
        for path in PAGES:
            self.ask("GET", path, why)
        service = self.trial.one("SELECT min(id) FROM platforms_service")
        self.post("/incidents/declare/", why, "/incidents/declare/", title=f"Declared: {why}", service=str(service))
        number = self.trial.one("SELECT max(number) FROM incidents_incident")
        self.post(f"/incidents/{number}/log/", why, f"/incidents/{number}/", text="A line")
        self.post("/notices/read/", why, "/notices/")
        for (item,) in self.trial.rows(
            "SELECT id FROM maintenance_checklistitem WHERE state = 'open' ORDER BY id LIMIT 1"
        ):
            run = self.trial.one("SELECT run_id FROM maintenance_checklistitem WHERE id = %s", item)
            self.post(f"/checklists/items/{item}/tick/", why, f"/checklists/{run}/", version="1")
        self._sign_in(why)

    def _sign_in(self, why: str) -> None:
        """A stranger signs in, which asks throttling, session and second factor."""
        mine, self.client = self.client, httpx.Client(base_url=self.trial.url, timeout=30.0)
        try:
            password = "correct horse battery staple"
            page = "/accounts/login/"
            self.post(page, why, page, login="operator@example.com", password=password)
        finally:
            self.client.close()
            self.client = mine


class BreakableTrial(Trial):
    """A trial whose portal reaches Valkey, AWS and PostgreSQL through proxies."""

    def _start(self) -> None:
        self.modes = {link: self.folder / f"{link}.mode" for link in LINKS}
        sockets, aws_proxy = self.stack.cluster.sockets, any_free_port(None)
        near = sockets / "near.sock"
        server = ".s.PGSQL.5432"
        ends = {
            "postgres": (str(self.folder / server), str(sockets / server)),
            "redis": (str(near), str(valkey.socket_path(sockets))),
            "aws": (str(aws_proxy), str(self.aws_port)),
        }
        for link, (listen, target) in ends.items():
            self.modes[link].write_text("pass")
            argv = (sys.executable, "-m", "tests.faults.proxy", listen, target, str(self.modes[link]))
            self.supervisor.start(Service(name=f"{link}-proxy", argv=argv, settle_seconds=1.0))
        self.extra |= {
            "REDIS_URL": f"unix://{near}?db=0",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_proxy}",
            "DATABASE_URL": replace(self.stack.cluster, sockets=self.folder).url("ops_app", "opsportal"),
        }
        super()._start()

    def set_mode(self, link: str, mode: str) -> None:
        path: Path = self.modes[link]
        path.write_text(mode)
        self.run_for(0.2)


def outage(
    *, links: Sequence[str] = LINKS, modes: Sequence[str] = MODES, seconds: float = 10.0, schema: Path | None = None
) -> Report:
    """Break each link in each way for at least `seconds` while a person goes on working."""
    report = Report()
    with BreakableTrial(("alerts", "5"), rate=RATE, schema=schema) as trial:
        trial.wait_for("a first poll", lambda: trial.one(DONE_POLLS), 120)
        person = Person(trial, Report())
        person.walk("calm")  # what the first request of each kind costs is no fault of an outage
        person.report = report
        for link, mode in _pairs(links, modes):
            name = f"{link} {mode}"
            trial.set_mode(link, mode)
            ends, is_essential = time.monotonic() + seconds, link == "postgres"
            (person.stay_outside if is_essential else person.walk)(name)
            while time.monotonic() < ends:
                person.ask("GET", "/", name, wanted=503 if is_essential else None)
                trial.run_for(0.2)
            report.healed[name] = _heal(trial, link)
            if is_essential:
                person.walk(f"after {name}")
            say(f"  {name}: {report.asked} asked, healed in {report.healed[name] or float('nan'):.1f} s")
    return report


def _pairs(links: Sequence[str], modes: Sequence[str]) -> Iterator[tuple[str, str]]:
    for link in links:
        for mode in modes:
            yield link, mode


def _heal(trial: BreakableTrial, link: str) -> float | None:
    """Mend the link; the seconds until all is well and the worker has read AWS again, which needs every link."""
    trial.set_mode(link, "pass")
    begun, before = time.monotonic(), trial.one(DONE_POLLS)
    try:
        trial.wait_for("a poll", lambda: trial.one(DONE_POLLS) > before, 60)
        trial.wait_for("health", lambda: portal_services.answers(trial.port, "/healthz/deep"), 60)
    except TrialError:
        return None
    return time.monotonic() - begun
