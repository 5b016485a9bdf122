"""History of a newly connected account, newest day first, so that pages fill where people look."""

import time
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from monitoring import counting, store
from monitoring.collector.fetch import fetch, stats_for
from monitoring.collector.poll import lock_writer
from monitoring.models import AwsAccount, Backfill, PollRun, Series
from monitoring.services.accounts import aws_session

SLICE: Final = {60: timedelta(hours=3), 300: timedelta(days=2)}
SPEND: Final = 150.0  # real seconds of one task run; the next one goes on


def fill_history(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Fetch slices of open backfills until none is left or the time is spent; returns how many slices were stored.

    One filler per account and region: a second copy finds the lock held and leaves.
    """
    begun = time.monotonic()
    done = 0
    if not Backfill.objects.filter(account=account, region=region, finished_at=None).exists():
        return 0
    with connection.cursor() as cursor:
        key = f"monitoring-history:{account.pk}:{region}"
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [key])
        if not cursor.fetchone()[0]:
            return 0
        try:
            while time.monotonic() - begun < SPEND and fill_slice(account=account, region=region, at=at):
                done += 1
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [key])
    return done


def fill_slice(*, account: AwsAccount, region: str, at: datetime) -> bool:
    """Fetch and store the next slice; False when nothing is left or AWS gave no answer (the next run tries again)."""
    job = Backfill.objects.filter(account=account, region=region, finished_at=None).order_by("period", "pk").first()
    if job is None:
        return False
    begun = time.monotonic()
    end = job.cursor_at
    start = max(job.starts_at, end - SLICE[job.period])
    series = Series.objects.filter(account=account, region=region, enabled=True).order_by("pk")
    if job.period < 300:
        series = series.filter(poll_every=job.period)
    # History comes at 5 minutes for every series: sums too, since no minutes stand behind that far back.
    wanted = [(one, one.stats if job.period >= 300 else stats_for(one, job.period)) for one in series]
    found = fetch(aws_session(account), region, wanted, period=job.period, start=start, end=end)
    run = PollRun(
        account=account,
        region=region,
        period=job.period,
        kind="backfill",
        started_at=at,
        until=end,
        requests=found.requests,
        metrics_billed=found.metrics_billed,
        series=len(wanted),
        points=len(found.rows),
        state="ok" if not found.error else "partial" if found.complete else "failed",
        error=found.error[:500],
    )
    with transaction.atomic():
        lock_writer(account.pk, region)
        if found.complete:
            store.ensure_partitions(start, max(end, at))
            run.changed = store.write_points(job.period, found.rows).changed
            store.cover(found.complete, start, end)
            Series.objects.filter(pk__in=found.complete).update(watermark=Greatest(F("watermark"), end))
            counting.recount(series_ids=found.complete, start=start, end=end)
        # A denied series is not asked for ever: the slice counts as tried once something came, or nothing ever will.
        moved = bool(found.complete) or not wanted
        if moved:
            job.cursor_at = start
        job.error = found.error[:500]
        if job.cursor_at <= job.starts_at:
            job.finished_at = at
        job.save(update_fields=["cursor_at", "error", "finished_at"])
        run.duration_ms = int((time.monotonic() - begun) * 1000)
        run.save()
    return moved and not found.throttles
