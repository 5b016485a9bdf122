"""The collector: asking a replay stub over HTTP, and storing into a store that holds its full ladder."""

import json
import subprocess
import sys
from math import ceil
from typing import Any

import psycopg

from benchmarks.targets import Result
from opsportal.local import postgres
from opsportal.local.environment import CHECKOUT
from opsportal.local.supervisor import Service
from opsportal.local.terminal import say
from tests.faults.trial import Trial

DAYS = 15
METRICS_PER_SECOND = 6_000.0
POINTS_PER_SECOND = 100_000.0
RE_READ_SECONDS = 0.5
IDLE_SHARE = 0.02
QUERIES_PER_REQUEST, POINTS_PER_REQUEST = 500, 100_800


class Database(Trial):
    """PostgreSQL with the portal's schema, and the stub; nothing else that could use the CPU."""

    def _start(self) -> None:
        supervisor, cluster = self.supervisor, self.stack.cluster
        supervisor.start(
            postgres.service(cluster),
            Service(
                name="replay", argv=(sys.executable, "-m", "benchmarks.replay", str(self.aws_port)), settle_seconds=1.0
            ),
        )
        supervisor.wait_ready()
        cluster.run_sql(postgres.ROLES)
        supervisor.run_steps(("migrate", (sys.executable, "manage.py", "migrate", "--no-input", "-v", "0")))

    def work(self, *arguments: str) -> dict[str, Any]:
        """What `benchmarks.collecting` prints."""
        argv = [sys.executable, "-m", "benchmarks.collecting", *arguments]
        done = subprocess.run(argv, cwd=CHECKOUT, env=self.supervisor.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def checkpoint(self) -> None:
        """Nothing of the filling is left to be written while it is measured."""
        sockets = str(self.stack.cluster.sockets)
        with psycopg.connect(host=sockets, user=postgres.SUPERUSER, dbname="opsportal", autocommit=True) as connection:
            connection.execute("CHECKPOINT")


def _minimum(queries: int, points: int) -> int:
    """The fewest requests that AWS's limits allow."""
    return max(ceil(queries / QUERIES_PER_REQUEST), ceil(points / POINTS_PER_REQUEST))


def _asked(name: str, found: dict[str, Any], stats: int) -> list[Result]:
    """Requests and billed metrics of a pass against the arithmetic minimum."""
    series = int(found["series"])
    least = _minimum(series * stats, int(found["points"]) * stats)
    note = f"{series} metrics of {stats} statistics, {int(found['points']):,} points"
    return [
        Result(f"requests, {name}", found["requests"] / least, 1.0, at_most=True, note=f"{least} at least; {note}"),
        Result(f"billed metrics, {name}", found["billed"] / series, 1.0, at_most=True, note=f"{series} at least"),
    ]


def collector(_seconds: float) -> list[Result]:
    """15 days of minutes of 1,000 series are put into the store first, which takes minutes."""
    with Database(()) as trial:
        say(f"  filling a store with {DAYS} days of 1,000 series …")
        found = trial.work("fill", str(DAYS))
        trial.checkpoint()
        found |= trial.work("measure")
    storing, many, few = found["storing"], found["many"], found["few"]
    rate, asking = many["series"] / many["seconds"], many["series"] / found["asking"]
    return [
        Result(
            "metrics end to end", rate, METRICS_PER_SECOND, "/s",
            note=f"asking and reading alone {asking:,.0f}/s; {many['points'] / many['seconds']:,.0f} points/s",
        ),
        Result(
            "points upserted and rolled up", storing["upsert"], POINTS_PER_SECOND, "/s",
            note=f"COPY alone {storing['copy']:,.0f}/s; {found['stored']:,} rows in the store",
        ),
        Result("15 min of 1,000 series again, unchanged", storing["same"], RE_READ_SECONDS, "s", at_most=True),
        Result("15 min of 1,000 series again, changed", storing["other"], RE_READ_SECONDS, "s", at_most=True),
        Result(
            "CPU of 500 metrics a minute", few["cpu"] / 60 * 100, IDLE_SHARE * 100, "%", at_most=True,
            note=f"{few['cpu'] * 1000:.0f} ms a pass",
        ),
        *_asked("one statistic", many, 1),
        *_asked("five statistics", found["rich"], 5),
    ]  # fmt: skip
