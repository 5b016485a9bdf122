"""Pages and posts of the running portal against limits that the same process serves."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx
import psutil
import psycopg

from benchmarks import uncached
from benchmarks.load import Request, Sample, measure, request
from benchmarks.targets import Result
from opsportal.local import portal_services, postgres
from opsportal.local.processes import signal_group
from opsportal.local.supervisor import Service
from tests.faults.outage import CSRF
from tests.faults.trial import Trial

ROUNDS = 3
CONNECTIONS = 8
PEOPLE = 32
THINKING = 1.0  # seconds
SESSION = "/limits/session/"
ROWS = 100
GROWN = 100_000
# The machine that set the targets needed 1.3 ms for the session-only page: its milliseconds, as multiples of that.
PAGE_P95 = 15.0 / 1.3
TICK_P95 = 25.0 / 1.3
QUERIES = re.compile(r'desc="(\d+) queries"')
VERSION = re.compile(r'name="version" value="(\d+)"')


class Bench(Trial):
    """Web alone, with the limits beside the portal's own routes."""

    def _start(self) -> None:
        super()._start()
        # The others would use the CPU that is measured.
        for name in ("worker", "dispatcher", "aws"):
            child = self.supervisor.children.pop(name)
            assert child.process is not None
            signal_group(child.process.pid, signal.SIGKILL)
            child.process.wait()

    def seed(self, what: str, count: int) -> None:
        self.supervisor.run_steps((f"seed-{what}", (sys.executable, "-m", "benchmarks.seed", what, str(count))))

    def settle(self) -> None:
        """The tables as a running portal has them: vacuumed and analysed, nothing left to write to disk."""
        with psycopg.connect(
            host=str(self.stack.cluster.sockets), user=postgres.SUPERUSER, dbname="opsportal", autocommit=True
        ) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")

    def _faulty(self, service: Service) -> Service:
        if service.name != "web":
            return service
        own = portal_services.web(self.port)
        return replace(own, env={"DJANGO_SETTINGS_MODULE": "benchmarks.settings"})

    def session(self, role: str) -> str:
        found: dict[str, str] = json.loads((self.home.path / "cookies.json").read_text())
        return found[role]

    def cookies(self, role: str = "commander") -> str:
        return f"sessionid={self.session(role)}"

    def browser(self, role: str = "commander") -> httpx.Client:
        return httpx.Client(base_url=self.url, cookies={"sessionid": self.session(role)}, timeout=60)


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench with a hundred incidents."""
    with Bench(("alerts", "1")) as portal:
        portal.seed("incidents", ROWS)
        yield portal


def rounds(portal: Bench, seconds: float, *makes: Request, connections: int = CONNECTIONS) -> list[Sample]:
    """The median sample of each, measured in turns so that all meet the same machine."""
    taken: list[list[Sample]] = [[] for _ in makes]
    for make in makes:
        measure(portal.port, make, connections=connections, seconds=0.5)
    for _ in range(ROUNDS):
        for samples, make in zip(taken, makes, strict=True):
            samples.append(measure(portal.port, make, connections=connections, seconds=seconds))
    return [sorted(samples, key=lambda sample: sample.per_second)[ROUNDS // 2] for samples in taken]


def get(portal: Bench, path: str, headers: str = "", role: str = "commander") -> Request:
    text = request("GET", path, portal.cookies(role), headers=headers)
    return lambda: text


def _page(portal: Bench, path: str, limit: str, seconds: float) -> list[Result]:
    """A page against the naive one of the same rows and weight; and asked again by a browser that holds it."""
    load = psutil.cpu_percent(interval=1.0)
    cold = f"{uncached.HEADER}: 1\r\n"
    client = portal.browser()
    client.get(path)
    answer = client.get(path)
    rows = answer.text.count("<tr") - answer.text.count("<thead") - answer.text.count('<tr class="grp"')
    queries = QUERIES.search(answer.headers["Server-Timing"])
    alone, unit = rounds(portal, seconds, get(portal, path, cold), get(portal, SESSION), connections=1)
    limit = f"{limit}?rows={rows}"
    bare = measure(portal.port, get(portal, limit), seconds=0.3).size
    naive_path = f"{limit}&pad={max(0, alone.size - bare)}"
    page, naive = rounds(portal, seconds, get(portal, path, cold), get(portal, naive_path))
    kept, session = _revalidated(portal, client, path, seconds)
    assert page.statuses == naive.statuses == frozenset({200}), (page, naive)
    note = f"{rows} rows, {page.per_second:.0f}/s, naive {naive.per_second:.0f}/s; foreign CPU {load:.0f} %"
    again = f"{kept.per_second:.0f}/s, session-only page {session.per_second:.0f}/s"
    return [
        Result(f"{path} uncached, against the naive page", page.per_second / naive.per_second, 1.8, note=note),
        Result(f"{path} as 304, against the session-only page", kept.per_second / session.per_second, 0.9, note=again),
        Result(
            f"{path} p95 uncached, against a session-only page",
            alone.p95_ms / unit.median_ms,
            PAGE_P95,
            at_most=True,
            note=f"{alone.p95_ms:.1f} ms and {unit.median_ms:.1f} ms at one connection",
        ),
        Result(f"{path} size", alone.size / 1000, 40.0, "kB", at_most=True),
        Result(f"{path} queries", int(queries.group(1)) if queries else 0, 10, "", at_most=True),
    ]


def _revalidated(portal: Bench, client: httpx.Client, path: str, seconds: float) -> list[Sample]:
    """Requests with the page's present ETag; a round during which it changed (with each minute) is taken again."""
    for _attempt in range(5):
        headers = f"If-None-Match: {client.get(path).headers['ETag']}\r\n"
        cookies = f"{portal.cookies()}; csrftoken={client.cookies['csrftoken']}"
        ask = request("GET", path, cookies, headers=headers)
        taken = rounds(portal, seconds, lambda ask=ask: ask, get(portal, SESSION))  # type: ignore[misc]
        if taken[0].statuses == frozenset({304}):
            return taken
    raise AssertionError(f"{path} is never answered 304: {taken[0]}")


def today(seconds: float) -> list[Result]:
    """Today with seventy-five open incidents."""
    with bench() as portal:
        return _page(portal, "/", "/limits/today/", seconds)


def incidents(seconds: float) -> list[Result]:
    """The list of incidents with a hundred rows, three quarters of them open."""
    with bench() as portal:
        return _page(portal, "/incidents/", "/limits/naive/", seconds)


def ticks(seconds: float) -> list[Result]:
    """Ticks by 32 connections, each with session, CSRF, gate, version, event, audit and fsync."""
    with bench() as portal:
        portal.seed("items", 20_000)
        items = iter(
            portal.rows("SELECT id, version FROM maintenance_checklistitem WHERE position >= 1000 ORDER BY id")
        )
        client = portal.browser()
        answer = client.get("/incidents/declare/")
        found = CSRF.search(answer.text)
        assert found, answer
        cookies = f"{portal.cookies()}; csrftoken={answer.cookies['csrftoken']}"

        def tick() -> bytes:
            item, version = next(items)
            body = urlencode({"csrfmiddlewaretoken": found.group(1), "version": version})
            return request("POST", f"/checklists/items/{item}/tick/", cookies, body)

        ticked, session = rounds(portal, seconds, tick, get(portal, SESSION), connections=PEOPLE)
        # Thirty-two people at one list, each with an answer a second: more than ever tick at once.
        calm = measure(portal.port, tick, connections=PEOPLE, seconds=3 * seconds, pause=THINKING)
        unit = measure(portal.port, get(portal, SESSION), seconds=seconds)
        assert ticked.statuses | calm.statuses <= {302, 303}, (ticked, calm)
        note = f"{ticked.per_second:.0f}/s, session-only page {session.per_second:.0f}/s"
        return [
            Result("tick against the session-only page", ticked.per_second / session.per_second, 0.45, note=note),
            Result(
                f"tick p95 of {PEOPLE} people, against a session-only page",
                calm.p95_ms / unit.median_ms,
                TICK_P95,
                at_most=True,
                note=f"{calm.p95_ms:.1f} ms at {calm.per_second:.0f} a second, and {unit.median_ms:.1f} ms",
            ),
        ]


def growth(seconds: float) -> list[Result]:
    """Pages and a write at a hundred incidents, and beside years of everything."""
    with bench() as portal:
        number = portal.one("SELECT max(number) FROM incidents_incident WHERE state = 'open'")
        paths = ("/", "/incidents/", f"/incidents/{number}/", "/incidents/declare/", "/actions/", "/reports/audit/")
        portal.settle()
        few = _times(portal, paths, number, seconds)
        portal.seed("grow", GROWN)
        portal.settle()
        many = _times(portal, paths, number, seconds)
    return [
        Result(
            f"{what} beside {GROWN:,} incidents",
            many[what].share / few[what].share,
            1.15,
            at_most=True,
            note=f"{few[what].ms:.1f} → {many[what].ms:.1f} ms, {few[what].share:.2f} → {many[what].share:.2f} of a"
            f" session-only page, {few[what].queries} → {many[what].queries} queries",
        )
        for what in few
    ]


@dataclass(frozen=True)
class Cost:
    """What one request costs; `share` is its time as a multiple of the session-only page's in the same minute."""

    ms: float
    share: float
    queries: int


def _times(portal: Bench, paths: tuple[str, ...], number: int, seconds: float) -> dict[str, Cost]:
    """The cost of each page and of a line on the timeline, the middle of their answers, nothing cached.

    Each stands beside the session-only page, which reads no row that grows: the machine is not the same all along.
    """
    found, session = {}, get(portal, SESSION)
    for path in paths:
        role = "auditor" if path.startswith("/reports/audit") else "commander"
        ask = get(portal, path, f"{uncached.HEADER}: 1\r\n", role)
        sample, unit = rounds(portal, seconds, ask, session, connections=1)
        assert sample.statuses == frozenset({200}), (path, sample)
        answer = portal.browser(role).get(path, headers={uncached.HEADER: "1"})
        said = QUERIES.search(answer.headers["Server-Timing"])
        queries = int(said.group(1)) if said else 0
        found[path] = Cost(sample.median_ms, sample.median_ms / unit.median_ms, queries)
    client = portal.browser()
    answer = client.get(f"/incidents/{number}/")
    token, version = CSRF.search(answer.text), VERSION.search(answer.text)
    assert token, answer
    assert version, answer
    cookies = f"{portal.cookies()}; csrftoken={client.cookies['csrftoken']}"
    body = urlencode({"csrfmiddlewaretoken": token.group(1), "text": "A line", "version": version.group(1)})
    line = request("POST", f"/incidents/{number}/log/", cookies, body)
    written, unit = rounds(portal, seconds, lambda: line, session, connections=1)
    assert written.statuses <= {302, 303}, written
    found["a line on the timeline"] = Cost(written.median_ms, written.median_ms / unit.median_ms, 0)
    return found
