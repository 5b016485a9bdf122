"""The report of objectives: thirty exact days and every burn rate from counted buckets, against the raw points."""

import json
import re
import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.load import measure
from benchmarks.pages import SESSION, Bench, bench, get
from benchmarks.targets import Result
from opsportal.local.environment import CHECKOUT

OBJECTIVES = 50
FASTER = 50.0
SQL_MS = 50.0
PAGE_MS = 150.0
ASKED = 15
SERVER = re.compile(r"app;dur=([\d.]+)")


def _work(portal: Bench, *arguments: str) -> dict[str, Any]:
    """What `benchmarks.promises` prints."""
    argv = [sys.executable, "-m", "benchmarks.promises", *arguments]
    done = subprocess.run(argv, cwd=CHECKOUT, env=portal.supervisor.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _page(portal: Bench) -> float:
    """Milliseconds of the server for the list of all objectives, the median of some answers."""
    client, times = portal.browser(), []
    for number in range(ASKED):
        answer = client.get(f"/slos/?n={number}")
        assert answer.status_code == 200, answer
        found = SERVER.search(answer.headers["Server-Timing"])
        assert found, answer.headers
        times.append(float(found.group(1)))
    assert f"Availability {OBJECTIVES - 1}" in answer.text
    return median(times[2:])


def slo(seconds: float) -> list[Result]:
    """The report's SQL against the raw scan of the same points, which must agree; and the page."""
    with bench() as portal:
        points = _work(portal, "fill", str(OBJECTIVES))["points"]
        portal.settle()
        found, page = _work(portal, "measure"), _page(portal)
        session = measure(portal.port, get(portal, SESSION), seconds=seconds)
    faster = found["scan_ms"] / found["report_ms"]
    note = f"{found['scan_ms']:.0f} ms over {points:,} points, {found['report_ms']:.1f} ms"
    return [
        Result("objectives counted as the raw points say", found["equal"], found["objectives"], "of them"),
        Result("30 days and burn rates, against the raw scan", faster, FASTER, note=note),
        Result("SQL of the report", found["report_ms"], SQL_MS, "ms", at_most=True),
        Result(
            "page of all, server time", page, PAGE_MS, "ms", at_most=True,
            note=f"session-only page {session.median_ms:.1f} ms",
        ),
    ]  # fmt: skip
