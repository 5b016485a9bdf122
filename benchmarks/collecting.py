"""`python -m benchmarks.collecting fill DAYS | measure`: the collector on the benchmark's database; prints JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

import django

django.setup()

from django.db import connection, connections, transaction  # noqa: E402 - after setup, as all below

from monitoring import store  # noqa: E402
from monitoring.collector.fetch import Question, fetch  # noqa: E402
from monitoring.collector.poll import poll, polling_session  # noqa: E402
from monitoring.models import AwsAccount, PollRun, Series  # noqa: E402
from monitoring.services.binding import dimensions_hash  # noqa: E402
from opsportal.core import clock  # noqa: E402
from opsportal.platforms.models import Platform  # noqa: E402
from tests.factories.monitoring import rule_of, slo_of  # noqa: E402
from tests.factories.platforms import platform_with_policy  # noqa: E402

REGION = "us-east-1"
MANY = 6_000  # metrics of one pass
STORED = 1_000  # series whose full ladder is in the store
MINUTES = 100  # of new points of each
RICH = ["Sum", "SampleCount", "Maximum", "p50", "p95"]
# Each account with its number of series and their statistics: many, rich and few.
ACCOUNTS: dict[str, tuple[int, list[str]]] = {
    "100000000001": (MANY, ["Sum"]),
    "100000000002": (STORED, RICH),
    "100000000003": (500, ["Sum"]),
}
ROUNDS = 5
MINUTE = timedelta(minutes=1)


def account_with(platform: Platform, number: str, count: int, stats: Sequence[str], at: datetime) -> AwsAccount:
    """An account that holds `count` minute series with these statistics."""
    account = AwsAccount.objects.create(
        account_id=number, name=number, regions=[REGION], created_at=at, cost_cap_usd=99_999
    )
    rows = [
        Series(
            platform=platform, account=account, region=REGION, namespace="Bench", name="Load", stats=list(stats),
            dimensions={"Number": f"{n:05}"}, dimensions_hash=dimensions_hash([("Number", f"{n:05}")]), poll_every=60,
        )
        for n in range(count)
    ]  # fmt: skip
    Series.objects.bulk_create(rows, batch_size=1000)
    return account


def fill_ladder(first: int, days: int, end: datetime) -> int:
    """Points of a minute, five and an hour of STORED series, as `days` of polling leave them; by SQL, as the owner."""
    start = end - timedelta(days=days)
    store.ensure_partitions(start, end + timedelta(days=1))
    steps = (("1m", "1 minute", 1), ("5m", "5 minutes", 5), ("1h", "1 hour", 60))
    rows = 0
    with connections["owner"].cursor() as cursor:
        for table, step, n in steps:
            cursor.execute(
                f"INSERT INTO monitoring_point_{table} (series_id, ts, n, sum, min, max)"  # noqa: S608 - our own names
                f" SELECT s, t, {n}, extract(epoch FROM t)::bigint %% 997 + s, 1, 99"
                " FROM generate_series(%s::timestamptz, %s::timestamptz - %s::interval, %s::interval) AS t,"
                " generate_series(%s::int, %s::int) AS s",
                [start, end, step, step, first, first + STORED - 1],
            )
            rows += cursor.rowcount
        cursor.execute("VACUUM (ANALYZE) monitoring_point_1m, monitoring_point_5m, monitoring_point_1h")
    return rows


def blocks(first: int, start: datetime, minutes: int, shift: float) -> Iterator[store.PointBlock]:
    """A stretch of points of every stored series."""
    begins = int(start.timestamp())
    times = [begins + 60 * n for n in range(minutes)]
    for series in range(first, first + STORED):
        values = [at % 997 + series + shift for at in times]
        ones = [1.0] * minutes
        yield store.PointBlock(series, times, {"n": ones, "sum": values, "min": ones, "max": values})


def seconds_of(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def write(rows: Sequence[store.PointBlock]) -> store.Written:
    """One write, committed."""
    with transaction.atomic():
        return store.write_points(60, rows)


def copied(rows: Sequence[store.PointBlock]) -> None:
    """The limit of any write: the same rows into a table without an index or a neighbour."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE plain (LIKE monitoring_point_1d INCLUDING DEFAULTS) ON COMMIT DROP")
        names = ", ".join(("series_id", "ts", *store.COLUMNS))
        with cursor.copy(f"COPY plain ({names}) FROM STDIN (FORMAT BINARY)") as copy:
            for chunk in store.copy_stream(rows):
                copy.write(chunk)


def storing(first: int, end: datetime) -> dict[str, float]:
    """New points into the full store, beside COPY alone; and the last 15 minutes again, unchanged and changed."""
    new, limit = [], []
    for n in range(ROUNDS):
        rows = list(blocks(first, end + n * MINUTES * MINUTE, MINUTES, 0.0))
        limit.append(seconds_of(lambda rows=rows: copied(rows)))  # type: ignore[misc]
        new.append(seconds_of(lambda rows=rows: write(rows)))  # type: ignore[misc]
    last = end + ROUNDS * MINUTES * MINUTE - 15 * MINUTE
    same = [seconds_of(lambda: write(list(blocks(first, last, 15, 0.0)))) for _ in range(ROUNDS)]
    other = [seconds_of(lambda n=n: write(list(blocks(first, last, 15, float(n))))) for n in range(1, ROUNDS + 1)]  # type: ignore[misc]
    points = STORED * MINUTES
    return {
        "upsert": points / median(new),
        "copy": points / median(limit),
        "same": median(same),
        "other": median(other),
    }


def polling(account: AwsAccount, at: datetime) -> dict[str, float]:
    """Passes end to end: each asks the last 15 minutes again and one new minute of every metric."""
    poll(account=account, region=REGION, period=60, at=at)
    taken, cpu = [], []
    for n in range(1, ROUNDS + 1):
        used = resource.getrusage(resource.RUSAGE_SELF)
        taken.append(seconds_of(lambda n=n: poll(account=account, region=REGION, period=60, at=at + n * MINUTE)))  # type: ignore[misc]
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu.append(after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime)
    run = PollRun.objects.filter(account=account).order_by("-pk")[0]
    assert run.state == "ok", run.error
    return {
        "seconds": median(taken),
        "cpu": median(cpu),
        "series": run.series,
        "points": run.points,
        "requests": run.requests,
        "billed": run.metrics_billed,
    }


def parsing(account: AwsAccount, at: datetime) -> float:
    """Seconds of asking and reading alone, which no store can beat."""
    wanted = [(one, one.stats) for one in Series.objects.filter(account=account).order_by("pk")]
    question = Question(
        polling_session(account), REGION, 60, at - 20 * MINUTE, at, lambda _points: None, time.monotonic() + 60
    )
    return median(seconds_of(lambda: fetch(question, wanted)) for _ in range(3))


def begin() -> datetime:
    """Where the stored ladder ends."""
    return store.floor_to(clock.now(), 86400)


def fill(days: int) -> dict[str, int]:
    """The accounts, their series, and the ladder of the first STORED of them."""
    at = begin()
    platform = platform_with_policy(key="bench", name="Bench")
    rule_of(platform, at=at)
    slo_of(platform, at=at)
    Series.objects.update(enabled=False)
    for number, (count, stats) in ACCOUNTS.items():
        account_with(platform, number, count, stats, at)
    return {"stored": fill_ladder(first_of("100000000001"), days, at)}


def first_of(number: str) -> int:
    return int(Series.objects.filter(account__account_id=number).order_by("pk")[0].pk)


def measure() -> dict[str, object]:
    """Every figure."""
    at = begin()
    found: dict[str, object] = {"storing": storing(first_of("100000000001"), at)}
    passes = at + (ROUNDS * MINUTES + 30) * MINUTE
    for name, number in zip(("many", "rich", "few"), ACCOUNTS, strict=True):
        found[name] = polling(AwsAccount.objects.get(account_id=number), passes)
    found["asking"] = parsing(AwsAccount.objects.get(account_id="100000000001"), passes)
    return found


if __name__ == "__main__":
    print(json.dumps(fill(int(sys.argv[2])) if sys.argv[1] == "fill" else measure()))
