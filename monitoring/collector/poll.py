"""One pass over an account, region and period: fetch since each series' watermark, store, count, judge."""

import time
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Greatest

from monitoring import counting, evaluation, store
from monitoring.collector.fetch import Fetched, fetch, stats_for
from monitoring.models import AwsAccount, PollRun, Series
from monitoring.services.accounts import RECENT, aws_session
from opsportal.core.faults import failpoint

RE_READ: Final = timedelta(minutes=15)  # CloudWatch's late arrivals
LONGEST: Final = {60: RECENT, 300: timedelta(hours=24)}  # after a longer pause the backfill fetches the rest
USD_PER_METRIC: Final = Decimal("0.00001")  # GetMetricData, per metric requested


def lock_writer(account_id: int, region: str) -> None:
    """Let one writer of an account and region store at a time, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"monitoring:{account_id}:{region}"])


def month_cost_usd(account: AwsAccount, at: datetime) -> Decimal:
    """What this month's metric requests cost so far, by our own count."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    runs = PollRun.objects.filter(account=account, started_at__gte=start)
    return Decimal(runs.aggregate(n=Sum("metrics_billed"))["n"] or 0) * USD_PER_METRIC


def poll(*, account: AwsAccount, region: str, period: int, at: datetime) -> PollRun:
    """Read every due series up to the last whole period before `at`; never raises for what AWS does.

    Points, coverage, watermarks and counts are one transaction; alarms are judged in a second one, which goes on from
    where it stopped, so a kill between them loses nothing.
    """
    begun = time.monotonic()
    end = store.floor_to(at, period)
    run = PollRun(account=account, region=region, period=period, started_at=at, until=end, state="ok")
    if period >= 300 and month_cost_usd(account, at) >= account.cost_cap_usd:
        run.state, run.error = "failed", "The cost cap of this month is reached: only critical series are read."
        run.save()
        return run
    found, starts = _fetch_due(account, region, period, end)
    failpoint("monitoring.after_fetch")
    with transaction.atomic():
        lock_writer(account.pk, region)
        _store(run, found, starts, period=period, end=end)
    failpoint("monitoring.after_store")
    evaluation.evaluate_account(account=account, region=region, at=at)
    run.duration_ms = int((time.monotonic() - begun) * 1000)
    run.save()
    return run


def _fetch_due(account: AwsAccount, region: str, period: int, end: datetime) -> tuple[Fetched, dict[int, datetime]]:
    """Group the series by where they must begin, so that one request serves those that stand alike."""
    series = Series.objects.filter(account=account, region=region, enabled=True)
    if period < 300:
        series = series.filter(poll_every=period)
    groups: dict[datetime, list[tuple[Series, list[str]]]] = defaultdict(list)
    for one in series.order_by("pk"):
        stats = stats_for(one, period)
        if stats:
            groups[_start_of(one, period, end)].append((one, stats))
    found, session = Fetched(), aws_session(account)
    starts: dict[int, datetime] = {}
    for start, wanted in sorted(groups.items(), key=lambda group: -len(group[1])):
        if found.throttles:
            break
        found.add(fetch(session, region, wanted, period=period, start=start, end=end))
        starts |= {one.pk: start for one, _ in wanted}
    return found, starts


def _start_of(series: Series, period: int, end: datetime) -> datetime:
    reach = max(RE_READ, timedelta(seconds=period))
    known = series.watermark or end - reach
    start = max(min(known, end) - reach, end - LONGEST[period])
    # Whole five minutes, so that a roll-up always sees every minute of its bucket.
    return store.floor_to(start, 300)


def _store(run: PollRun, found: Fetched, starts: dict[int, datetime], *, period: int, end: datetime) -> None:
    first = min(starts.values(), default=end)
    store.ensure_partitions(first, end)
    written = store.write_points(period, found.rows)
    by_start: dict[datetime, list[int]] = defaultdict(list)
    for series_id in found.complete:
        by_start[starts[series_id]].append(series_id)
    own_pace = set(Series.objects.filter(pk__in=found.complete, poll_every=period).values_list("pk", flat=True))
    for start, ids in sorted(by_start.items()):
        # The 5-minute pass asks minute series for percentiles only: no proof about their counts.
        store.cover([pk for pk in ids if pk in own_pace], start, end)
    Series.objects.filter(pk__in=own_pace).update(watermark=Greatest(F("watermark"), end), last_status="Complete")
    for series_id, status in found.status.items():
        if series_id not in own_pace and status != "Complete":
            Series.objects.filter(pk=series_id).update(last_status=status)
    newest: dict[int, datetime] = {}
    for row in found.rows:
        newest[row.series_id] = max(newest.get(row.series_id, row.ts), row.ts)
    _note_newest(newest)
    counting.recount(series_ids=sorted(starts), start=first, end=end)
    run.requests, run.metrics_billed, run.series = found.requests, found.metrics_billed, len(starts)
    run.points, run.changed, run.late_revisions = len(found.rows), written.changed, written.revised
    run.lag_seconds = int((end - max(newest.values())).total_seconds()) if newest else None
    run.error = found.error[:500]
    if found.error:
        run.state = "partial" if found.complete else "failed"


def _note_newest(newest: dict[int, datetime]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_series s SET newest_point_at = greatest(s.newest_point_at, n.ts)"
            " FROM unnest(%s::int[], %s::timestamptz[]) AS n (id, ts) WHERE s.id = n.id",
            [list(newest), list(newest.values())],
        )
