"""Pages and posts of the running portal against limits that the same process serves."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlencode

import httpx
import psutil

from benchmarks.load import Request, Sample, measure, request
from benchmarks.targets import Result
from opsportal.local import portal_services
from opsportal.local.processes import signal_group
from opsportal.local.supervisor import Service
from tests.faults.trial import Trial

ROUNDS = 3
CONNECTIONS = 8
ROWS = 100
GROWN = 100_000
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
ITEM = re.compile(r'/checklists/items/(\d+)/tick/".*?name="version" value="(\d+)"', re.DOTALL)


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

    def _faulty(self, service: Service) -> Service:
        if service.name != "web":
            return service
        own = portal_services.web(self.port)
        return replace(own, env={"DJANGO_SETTINGS_MODULE": "benchmarks.settings"})

    def cookies(self) -> str:
        found = json.loads((self.home.path / "cookies.json").read_text())
        return f"sessionid={found['commander']}"


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


def _get(portal: Bench, path: str) -> Request:
    text = request("GET", path, portal.cookies())
    return lambda: text


def _page(portal: Bench, path: str, seconds: float) -> list[Result]:
    """A list page against the naive one of the same weight."""
    load = psutil.cpu_percent(interval=1.0)
    alone = rounds(portal, seconds, _get(portal, path), connections=1)[0]
    pad = max(0, alone.size - measure(portal.port, _get(portal, "/limits/naive/"), seconds=0.3).size)
    page, naive, session = rounds(
        portal,
        seconds,
        _get(portal, path),
        _get(portal, f"/limits/naive/?pad={pad}"),
        _get(portal, "/limits/session/"),
    )
    assert page.statuses == naive.statuses == frozenset({200}), (page, naive)
    note = f"{page.per_second:.0f}/s, naive {naive.per_second:.0f}/s, session {session.per_second:.0f}/s"
    return [
        Result(f"{path} against the naive page", page.per_second / naive.per_second, 1.8, note=note),
        Result(f"{path} p95 at one connection", alone.p95_ms, 15.0, "ms", at_most=True),
        Result(f"{path} size", alone.size / 1000, 40.0, "kB", at_most=True, note=f"foreign CPU {load:.0f} %"),
    ]


def today(seconds: float) -> list[Result]:
    """Today with a hundred open incidents."""
    with bench() as portal:
        return _page(portal, "/", seconds)


def incidents(seconds: float) -> list[Result]:
    """The list of incidents with a hundred rows."""
    with bench() as portal:
        return _page(portal, "/incidents/", seconds)


def ticks(seconds: float) -> list[Result]:
    """Ticks by 32 connections, each with session, CSRF, gate, version, event, audit and fsync."""
    with bench() as portal:
        portal.seed("items", 20_000)
        run = portal.one("SELECT max(id) FROM maintenance_checklistrun")
        items = iter(
            portal.rows("SELECT id, version FROM maintenance_checklistitem WHERE position >= 1000 ORDER BY id")
        )
        client = httpx.Client(base_url=portal.url, headers={"Cookie": portal.cookies()}, timeout=60)
        answer = client.get("/incidents/declare/")
        found = CSRF.search(answer.text)
        assert found, run
        cookies = f"{portal.cookies()}; csrftoken={answer.cookies['csrftoken']}"

        def tick() -> bytes:
            item, version = next(items)
            body = urlencode({"csrfmiddlewaretoken": found.group(1), "version": version})
            return request("POST", f"/checklists/items/{item}/tick/", cookies, body)

        ticked, session = rounds(portal, seconds, tick, _get(portal, "/limits/session/"), connections=32)
        assert ticked.statuses <= {302, 303}, ticked
        note = f"{ticked.per_second:.0f}/s, session-only page {session.per_second:.0f}/s"
        return [
            Result("tick against the session-only page", ticked.per_second / session.per_second, 0.3, note=note),
            Result("tick p95 at 32 connections", ticked.p95_ms, 25.0, "ms", at_most=True),
        ]


def growth(seconds: float) -> list[Result]:
    """Pages at a hundred incidents and at a hundred thousand more."""
    paths = ("/", "/incidents/", "/incidents/declare/", "/actions/")
    with bench() as portal:
        few = _times(portal, paths, seconds)
        portal.seed("grow", GROWN)
        many = _times(portal, paths, seconds)
    return [
        Result(
            f"{path} at {GROWN:,} incidents", many[path] / few[path], 1.15, at_most=True, note=f"{many[path]:.1f} ms"
        )
        for path in paths
    ]


def _times(portal: Bench, paths: tuple[str, ...], seconds: float) -> dict[str, float]:
    """Milliseconds of each page, the middle of its answers."""
    return {path: rounds(portal, seconds, _get(portal, path), connections=1)[0].median_ms for path in paths}
