"""History: of a newly connected account, and of what an outage left out. Newest first, so that pages fill where people
look; each stretch at the finest period that CloudWatch still has.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from monitoring import counting, store
from monitoring.collector.fetch import COARSE, Fetched, Question, Wanted, fetch, stats_for
from monitoring.collector.pace import Pace
from monitoring.models import AwsAccount, Backfill, PollRun, Series
from monitoring.services.accounts import RECENT, aws_session, backfill_add

SLICE: Final = {60: timedelta(hours=3), 300: timedelta(days=2), 3600: timedelta(days=30)}
SLICE_POINTS: Final = 900_000  # of one slice: half of what a run may ask for at the slower pace
SPEND: Final = 20.0  # real seconds of one task run, so that polls find a worker; the next one goes on


def gap_request(*, account: AwsAccount, region: str, start: datetime, end: datetime, at: datetime) -> None:
    """Have [start, end) fetched, unless it is asked for already."""
    open_jobs = Backfill.objects.filter(account=account, region=region, finished_at=None)
    if not open_jobs.filter(starts_at__lte=start, ends_at__gte=end).exists():
        start, end = store.floor_to(start, 300), store.floor_to(end + timedelta(seconds=299), 300)
        backfill_add(account=account, region=region, start=start, end=end, at=at)


def fill_history(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Fetch slices of open backfills until none is left or the time is spent; returns how many slices were stored.

    One filler at a time over all accounts, so that history never holds every worker: another copy leaves at once.
    """
    begun = time.monotonic()
    done = 0
    if not Backfill.objects.filter(account=account, region=region, finished_at=None).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('monitoring-history'))")
        if not cursor.fetchone()[0]:
            return 0
        try:
            while time.monotonic() - begun < SPEND and fill_slice(account=account, region=region, at=at):
                done += 1
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('monitoring-history'))")
    return done


def fill_slice(*, account: AwsAccount, region: str, at: datetime) -> bool:
    """Fetch and store the next slice; False when nothing is left or AWS gave no answer (the next run tries again)."""
    job = Backfill.objects.filter(account=account, region=region, finished_at=None).order_by("period", "pk").first()
    if job is None:
        return False
    begun = time.monotonic()
    end = job.cursor_at
    wanted = _wanted(account, region, job.period)
    start = max(job.starts_at, end - _slice_of(job.period, wanted))
    pace = Pace(account, region, is_old=at - start > RECENT)  # beyond it AWS allows half as many points a second
    question = Question(aws_session(account), region, job.period, start, end, pace.take, begun + SPEND)
    found = fetch(question, wanted)
    coarse = _coarse(question, wanted) if job.period == 300 and not found.stopped else {}
    for one in coarse.values():
        found.stopped, found.error = found.stopped or one.stopped, found.error or one.error
    if found.throttles:
        pace.throttled()
    run = PollRun(
        account=account, region=region, period=job.period, kind="backfill", started_at=at, until=end,
        pace=account.pace, requests=pace.requests, series=len(wanted), points=found.points, refused=found.refused,
        metrics_billed=found.metrics_billed + sum(one.metrics_billed for one in coarse.values()),
        throttles=found.throttles, error=found.error[:500],
        state="ok" if not found.error else "partial" if found.complete else "failed",
    )  # fmt: skip
    with transaction.atomic():
        store.lock_writer(account.pk, region)
        if found.complete:
            _store(run, found, coarse, start=start, end=end, at=at)
        # A denied series is not asked for ever: the slice counts as tried once something came, or nothing ever will.
        # One that was cut short does not: the next run asks it again.
        moved = not found.stopped and (bool(found.complete) or not wanted)
        if moved:
            job.cursor_at = start
        job.error = found.error[:500]
        if job.cursor_at <= job.starts_at:
            job.finished_at = at
        job.save(update_fields=["cursor_at", "error", "finished_at"])
        run.duration_ms = int((time.monotonic() - begun) * 1000)
        run.save()
    return moved


def _wanted(account: AwsAccount, region: str, period: int) -> list[Wanted]:
    series = Series.objects.filter(account=account, region=region, enabled=True).order_by("pk")
    if period < 300:
        return [(one, stats_for(one, period)) for one in series.filter(poll_every=period)]
    # From 5 minutes on every series comes with its sums too, since no minutes stand behind that far back.
    return [(one, one.stats) for one in series]


def _slice_of(period: int, wanted: Sequence[Wanted]) -> timedelta:
    """How much is read at a time: of many series less, so that a slice fits into a run."""
    each = SLICE_POINTS // max(1, sum(len(stats) for _, stats in wanted)) * period
    return min(SLICE[period], timedelta(seconds=max(each // 300 * 300, period, 300)))


def _coarse(question: Question, wanted: list[Wanted]) -> dict[int, Fetched]:
    """Percentiles of the whole hours and days that end in a slice."""
    found: dict[int, Fetched] = {}
    for period in COARSE:
        start, end = store.floor_to(question.start, period), store.floor_to(question.end, period)
        asked = [(one, stats_for(one, period)) for one, _ in wanted]
        if start < end and any(stats for _, stats in asked):
            own = Question(question.session, question.region, period, start, end, question.pace, question.until)
            found[period] = fetch(own, asked)
    return found


def _store(
    run: PollRun, found: Fetched, coarse: dict[int, Fetched], *, start: datetime, end: datetime, at: datetime
) -> None:
    store.ensure_partitions(store.floor_to(start, 86400), max(end, at))
    run.changed = store.write_points(run.period, found.blocks).changed
    for period, more in coarse.items():
        store.write_points(period, more.blocks)
    if run.period > 300:
        return  # hours prove nothing about the 5 minutes that objectives count
    store.cover(found.complete, start, end)
    counting.recount(series_ids=found.complete, start=start, end=end)  # objectives are locked before series
    Series.objects.filter(pk__in=found.complete).update(watermark=Greatest(F("watermark"), end))
