"""One pass over an account, region and period: fetch since each series' watermark, store, count, judge."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from monitoring import counting, evaluation, store
from monitoring.collector.costs import pace_settle
from monitoring.collector.fetch import COARSE, PERCENTILES, Fetched, Question, Wanted, fetch, stats_for
from monitoring.collector.history import gap_request
from monitoring.collector.pace import Pace
from monitoring.models import AwsAccount, PollRun, RegionPoll, Series
from monitoring.models.sources import read_every
from monitoring.services.accounts import RECENT, aws_session
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.core.faults import failpoint

RE_READ: Final = timedelta(minutes=15)  # CloudWatch's late arrivals, at every pass
DEEP: Final = timedelta(hours=3)  # those that come later still, once an hour
DEEP_EVERY: Final = timedelta(hours=1)
LONGEST: Final = {60: RECENT, 300: timedelta(hours=24)}  # after a longer pause the backfill fetches the rest
COARSE_BACK: Final = {3600: DEEP, 86400: timedelta(days=2)}
# Of a series, what asking needs: reading the rest of a thousand rows costs more than the request.
ASKED: Final = (
    "namespace", "name", "dimensions", "count_below", "stats", "poll_every", "watermark", "last_status",
)  # fmt: skip
ASKING_SECONDS: Final = 40.0  # of one pass; what was not asked by then is asked by the next


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass works with. `starts` says from where each series was asked."""

    run: PollRun
    end: datetime
    pace: Pace
    session: AwsSession
    until: float

    def question(self, period: int, start: datetime, end: datetime) -> Question:
        return Question(self.session, self.run.region, period, start, end, self.pace.take, self.until)


def polling_session(account: AwsAccount) -> AwsSession:
    """The account, asked with little patience: what gives no answer now is asked again by the next pass."""
    return replace(aws_session(account), attempts=2, read_seconds=8)


def poll(*, account: AwsAccount, region: str, period: int, at: datetime) -> PollRun:
    """Read every due series up to the last whole period before `at`; never raises for what AWS does.

    Points, coverage, watermarks and counts are one transaction; alarms are judged in a second one, which goes on from
    where it stopped, so a kill between them loses nothing.
    """
    begun = time.monotonic()
    if period >= 300:
        pace_settle(account, at=at)
    end = store.floor_to(at, period)
    run = PollRun(
        account=account, region=region, period=period, started_at=at, until=end, state="ok", pace=account.pace,
        is_deep=_is_deep(account, region, period, end),
    )  # fmt: skip
    this = _Pass(run, end, Pace(account, region), polling_session(account), begun + ASKING_SECONDS)
    found, starts = _fetch_due(this)
    coarse = _fetch_coarse(this) if run.is_deep and period == 300 and not found.stopped else {}
    for more in coarse.values():
        found.throttles += more.throttles
        found.metrics_billed += more.metrics_billed
    if found.throttles:
        this.pace.throttled()
    failpoint("monitoring.after_fetch")
    with transaction.atomic():
        store.lock_writer(account.pk, region)
        _store(this, found, starts, coarse)
    failpoint("monitoring.after_store")
    evaluation.evaluate_account(account=account, region=region, at=at)
    run.duration_ms = int((time.monotonic() - begun) * 1000)
    run.save()
    return run


def _is_deep(account: AwsAccount, region: str, period: int, end: datetime) -> bool:
    """Whether the last three hours were not read again within the hour."""
    runs = PollRun.objects.filter(account=account, region=region, period=period, is_deep=True)
    return not runs.exclude(state="failed").filter(started_at__gt=end - DEEP_EVERY, until__gt=end - DEEP_EVERY).exists()


def _fetch_due(this: _Pass) -> tuple[Fetched, dict[int, datetime]]:
    """Group the series by where they must begin, so that one request serves those that stand alike.

    Those that were read longest ago come first, so that what a pass had no time for is not left out again.
    """
    run, period = this.run, this.run.period
    series = Series.objects.filter(account=run.account, region=run.region, enabled=True)
    if period < 300:
        series = series.filter(poll_every=period)
    groups: dict[datetime, list[Wanted]] = defaultdict(list)
    for one in series.only(*ASKED).order_by(F("watermark").asc(nulls_first=True), "pk"):
        stats = stats_for(one, period)
        if stats and _is_due(one, this):
            groups[_start_of(one, this)].append((one, stats))
    found = Fetched()
    starts: dict[int, datetime] = {}
    for start, wanted in sorted(groups.items()):
        if found.stopped:
            break
        found.add(fetch(this.question(period, start, this.end), wanted))
        starts |= {one.pk: start for one, _ in wanted if one.pk in found.status}
    return found, starts


def _is_due(series: Series, this: _Pass) -> bool:
    """Every pass, unless the budget slows polling down."""
    pace, period = this.run.pace, this.run.period
    every = read_every(series.poll_every, pace)
    if pace == 0 or every <= period:
        return True
    if series.poll_every != period:  # its percentiles, which move no watermark
        return int(this.end.timestamp()) % every == 0
    return series.watermark is None or this.end - series.watermark >= timedelta(seconds=every)


def _start_of(series: Series, this: _Pass) -> datetime:
    period, end = this.run.period, this.end
    reach = max(RE_READ, timedelta(seconds=period))
    start = max(min(series.watermark or end, end) - reach, end - LONGEST[period])
    if this.run.is_deep:
        start = min(start, end - DEEP)
    # Whole five minutes, so that a roll-up always sees every minute of its bucket.
    return store.floor_to(start, 300)


def _fetch_coarse(this: _Pass) -> dict[int, Fetched]:
    """Percentiles of whole hours and days: no smaller ones can be put together to them."""
    rows = Series.objects.filter(
        account=this.run.account, region=this.run.region, enabled=True, stats__overlap=sorted(PERCENTILES)
    )
    found: dict[int, Fetched] = {}
    for period in COARSE:
        end = store.floor_to(this.end, period)
        start = store.floor_to(end - COARSE_BACK[period], period)
        wanted = [(one, stats_for(one, period)) for one in rows.order_by("pk")]
        found[period] = fetch(this.question(period, start, end), wanted) if wanted else Fetched()
    return found


def _store(this: _Pass, found: Fetched, starts: dict[int, datetime], coarse: dict[int, Fetched]) -> None:
    run, end = this.run, this.end
    first = min(starts.values(), default=end)
    store.ensure_partitions(first, end)
    written = store.write_points(run.period, found.blocks)
    for period, more in coarse.items():
        store.write_points(period, more.blocks)
    by_start: dict[datetime, list[int]] = defaultdict(list)
    for series_id in found.complete:
        by_start[starts[series_id]].append(series_id)
    # The 5-minute pass asks minute series for percentiles only: no proof about their counts.
    own = Series.objects.filter(pk__in=found.complete, poll_every=run.period)
    own_pace = dict(own.values_list("pk", "watermark"))
    for start, ids in sorted(by_start.items()):
        mine = [pk for pk in ids if pk in own_pace]
        store.cover(mine, start, end)
        holes = [mark for pk in mine if (mark := own_pace[pk]) is not None and mark < start]
        if holes:
            gap_request(account=run.account, region=run.region, start=min(holes), end=start, at=run.started_at)
    # Before the series' rows: a promise too locks its objective first, then the series that it binds.
    counting.recount(series_ids=sorted(starts), start=first, end=end)
    _note_statuses({pk: word for pk, word in found.status.items() if word != "Complete"})
    newest: dict[int, int] = {}
    for block in found.blocks:
        newest[block.series_id] = max(newest.get(block.series_id, 0), *block.times)
    _note_read(list(own_pace), newest, end)
    run.requests, run.metrics_billed, run.series = this.pace.requests, found.metrics_billed, len(starts)
    run.points, run.changed, run.late_revisions = found.points, written.changed, written.revised
    run.refused, run.throttles = found.refused, found.throttles
    run.lag_seconds = max(0, int(end.timestamp()) - max(newest.values())) if newest else None
    run.error = found.error[:500]
    if found.error:
        run.state = "partial" if found.complete else "failed"
    _note_region(this.pace.row, run, is_answered=bool(found.complete) or not found.error)


def _note_statuses(words: dict[int, str]) -> None:
    by_word: dict[str, list[int]] = defaultdict(list)
    for pk, word in words.items():
        by_word[word].append(pk)
    for word, ids in sorted(by_word.items()):
        Series.objects.filter(pk__in=ids).update(last_status=word)


def _note_read(complete: list[int], newest: dict[int, int], end: datetime) -> None:
    """Each series once: its newest point, and its watermark where the answer was complete."""
    ids = sorted({*complete, *newest})
    whole = set(complete)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_series s SET newest_point_at = greatest(s.newest_point_at, to_timestamp(n.stamp)),"
            " watermark = CASE WHEN n.whole THEN greatest(s.watermark, %s) ELSE s.watermark END,"
            " last_status = CASE WHEN n.whole THEN 'Complete' ELSE s.last_status END"
            " FROM unnest(%s::int[], %s::bigint[], %s::bool[]) AS n (id, stamp, whole) WHERE s.id = n.id",
            [end, ids, [newest.get(pk) for pk in ids], [pk in whole for pk in ids]],
        )


COUNTED: Final[Sequence[str]] = (
    "requests", "metrics_billed", "points", "late_revisions", "refused", "throttles",
)  # fmt: skip


def _note_region(row: RegionPoll, run: PollRun, *, is_answered: bool) -> None:
    """Add to what was asked in all; passes without any answer are counted until one has some."""
    values = {name: F(name) + getattr(run, name) for name in COUNTED}
    values |= {"failures": F("failures") + int(not is_answered)}
    RegionPoll.objects.filter(pk=row.pk).update(
        **values, failed_in_row=F("failed_in_row") + 1 if not is_answered else 0
    )
