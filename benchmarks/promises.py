"""`python -m benchmarks.promises fill N | measure`: N objectives on the benchmark's database; prints JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

import django

django.setup()

from django.db import connection, connections  # noqa: E402 - after setup, as all below

from monitoring import store  # noqa: E402
from monitoring.counting import recount_slos  # noqa: E402
from monitoring.models import MetricSource, Series, Slo, SloTerm, SloVersion  # noqa: E402
from monitoring.selectors.slo_report import slo_rows  # noqa: E402
from monitoring.services.binding import dimensions_hash  # noqa: E402
from monitoring.slo.periods import rolling  # noqa: E402
from opsportal.core import clock  # noqa: E402
from opsportal.platforms.models import Platform  # noqa: E402
from tests.factories.monitoring import term  # noqa: E402

NAMES = {"total": "RequestCount", "bad": "HTTPCode_Target_5XX_Count"}
BACK = timedelta(days=31)  # the 30 days of a report and its longest burn rate's anchor
ROUNDS = 9
Counted = dict[int, tuple[float, float]]  # of each objective the events and the good ones
OWN = "bench-"
SPACE = "Benchmark"
# A month by the minute as CloudWatch told it, keyed as the portal's own points are: those it keeps for 15 days only.
MAKE = """
CREATE TABLE benchmark_point_1m (series_id integer, ts timestamptz, sum float8, PRIMARY KEY (series_id, ts));
GRANT SELECT, INSERT ON benchmark_point_1m TO PUBLIC
"""
# Whole numbers, so that sums in any order are equal to the last digit.
TELL = """
INSERT INTO benchmark_point_1m (series_id, ts, sum) SELECT s, ts, floor(%s * random())
FROM unnest(%s::int[]) AS s, generate_series(%s::timestamptz, %s::timestamptz, '1 minute') AS ts
"""
KEEP = """
INSERT INTO monitoring_point_5m (series_id, ts, n, sum)
SELECT series_id, date_bin('5 minutes', ts, timestamptz 'epoch') AS start, count(*), sum(sum)
FROM benchmark_point_1m GROUP BY series_id, start
"""
# The same figure of every objective from all that it is made of.
RAW = """
SELECT t.slo_id, sum(p.sum) FILTER (WHERE t.role = 'total'), sum(p.sum) FILTER (WHERE t.role = 'bad')
FROM monitoring_sloterm t JOIN benchmark_point_1m p ON p.series_id = t.series_id
WHERE t.slo_id = ANY(%s) AND p.ts >= %s AND p.ts < %s GROUP BY t.slo_id
"""


def fill(count: int) -> dict[str, Any]:
    """Objectives of one platform, the points of a month that they count, and the portal's own counts."""
    now = store.floor_to(clock.now(), 300)
    source = MetricSource.objects.select_related("account").earliest("pk")
    series_of = {
        (number, role): Series(
            platform=source.platform, account=source.account, region=source.region, namespace=SPACE, name=name,
            dimensions=_place(number), dimensions_hash=dimensions_hash(_place(number).items()), stats=["Sum"],
            watermark=now,
        )
        for number in range(count) for role, name in NAMES.items()
    }  # fmt: skip
    Series.objects.bulk_create(series_of.values())
    slos = [Slo(platform=source.platform, key=f"{OWN}{n}", name=f"Availability {n}") for n in range(count)]
    Slo.objects.bulk_create(slos)
    versions = [
        SloVersion(slo=slo, number=1, objective=99.9, indicator=_indicator(number), effective_from=now - BACK)
        for number, slo in enumerate(slos)
    ]  # fmt: skip
    SloVersion.objects.bulk_create(versions)
    SloTerm.objects.bulk_create(
        SloTerm(slo=slos[number], of_version=versions[number], role=role, series=series, stat="Sum")
        for (number, role), series in series_of.items()
    )
    ids = {role: [one.pk for (_, of), one in series_of.items() if of == role] for role in NAMES}
    points = _points(ids, now - BACK, now)
    recount_slos(slo_ids=[slo.pk for slo in slos], start=now - BACK, end=now)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "VACUUM (ANALYZE) benchmark_point_1m, monitoring_point_5m, monitoring_slobucket, monitoring_sloterm"
        )
    return {"points": points}


def _place(number: int) -> dict[str, str]:
    return {"Number": str(number)}


def _indicator(number: int) -> dict[str, Any]:
    """Of series of its own, by their names: the portal binds what is promised anew whenever a policy changes."""
    terms = {role: [term(name, namespace=SPACE, dimensions=_place(number))] for role, name in NAMES.items()}
    return {"method": "occurrences", **terms}


def _points(ids: dict[str, list[int]], start: datetime, end: datetime) -> int:
    """What was told by the minute, and what the portal keeps of it for as long; how many were told."""
    store.ensure_partitions(start, end)
    rows = 0
    with connections["owner"].cursor() as cursor:
        cursor.execute(MAKE)
    with connection.cursor() as cursor:
        for role, most in (("total", 400), ("bad", 2)):
            cursor.execute(TELL, [most, ids[role], start, end - timedelta(minutes=1)])
            rows += cursor.rowcount
        cursor.execute(KEEP)
        store.cover([*ids["total"], *ids["bad"]], start, end)
    return rows


def measure() -> dict[str, Any]:
    """Milliseconds of the report's SQL and of the raw scan, and whether both count the same."""
    slos = list(Slo.objects.filter(platform=Platform.objects.get(slos__key=f"{OWN}0"), key__startswith=OWN))
    newest = SloVersion.objects.filter(slo__in=slos).earliest("effective_from").effective_from + BACK
    period, spent = rolling(newest), _Spent()
    span: list[Any] = [[slo.pk for slo in slos], period.starts_at, period.until]

    def report() -> Counted:
        return {row.slo.pk: (row.count.total, row.count.good) for row in slo_rows(slos, period)}

    def scan() -> Counted:
        with connection.cursor() as cursor:
            cursor.execute(RAW, span)
            return {slo_id: (total, total - bad) for slo_id, total, bad in cursor.fetchall()}

    counted, counting = _timed(spent, report)
    scanned, scanning = _timed(spent, scan)
    return {
        "objectives": len(slos),
        "equal": sum(counted[pk] == scanned[pk] for pk in scanned),
        "report_ms": counting,
        "scan_ms": scanning,
    }


class _Spent:
    """Milliseconds in PostgreSQL since it was emptied."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.ms += (time.perf_counter() - begun) * 1000


def _timed(spent: _Spent, ask: Callable[[], Counted]) -> tuple[Counted, float]:
    times = []
    for _ in range(ROUNDS):
        spent.ms = 0.0
        with connection.execute_wrapper(spent):
            found = ask()
        times.append(spent.ms)
    return found, median(times)


if __name__ == "__main__":
    print(json.dumps(fill(int(sys.argv[2])) if sys.argv[1] == "fill" else measure()))
