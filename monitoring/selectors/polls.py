"""What polling does and costs: for the polls page, a single pass, and /metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Avg, Count, Max, Q, QuerySet, Sum

from monitoring.collector.costs import Costs, costs
from monitoring.models import AwsAccount, Backfill, PollRun, RegionPoll, Series
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, head

RUN_ORDER: Final = ("-started_at", "-pk")
# What a list of passes can be narrowed to: the word in the address, how it reads, and the filter.
RUN_VIEWS: Final[dict[str, tuple[str, Q]]] = {
    "": ("All", Q()),
    "trouble": ("With trouble", ~Q(state="ok")),
    "late": ("With late revisions", Q(late_revisions__gt=0)),
    "history": ("History", Q(kind="backfill")),
}
OTHERS: Final = 60


@dataclass(frozen=True, slots=True)
class RegionRow:
    """An account's region in the last hour."""

    region: str
    requests: int
    metrics: int
    points: int
    revisions: int
    refused: int
    throttles: int
    errors: int
    lag_seconds: int | None
    average_ms: float | None
    share: float
    failed_in_row: int


@dataclass(frozen=True, slots=True)
class AccountPolls:
    """An account's polling in the last hour, region by region, and what it costs."""

    account: AwsAccount
    regions: Sequence[RegionRow]
    series: int
    costs: Costs
    backfills: Sequence[Backfill]
    last_error: str

    @property
    def cap_share(self) -> float:
        """Of the month's cap, at the end of the month."""
        return float(self.costs.forecast / self.account.cost_cap_usd) if self.account.cost_cap_usd else 1.0

    @property
    def is_over(self) -> bool:
        """Whether even the slowest pace costs more than the cap."""
        return self.costs.forecast > self.account.cost_cap_usd


def accounts_of(actor: Actor) -> list[AwsAccount]:
    """Accounts that carry a platform of the actor; every account for a portal administrator."""
    rows = AwsAccount.objects.all()
    if not (actor.sees_all or actor.is_portal_admin):
        rows = rows.filter(sources__platform_id__in=actor.platform_ids)
    return list(rows.order_by("account_id", "pk").distinct())


def account_polls(actor: Actor, *, at: datetime) -> list[AccountPolls]:
    """One entry per account."""
    since = at - timedelta(hours=1)
    found = []
    for account in accounts_of(actor):
        failed = PollRun.objects.filter(account=account, started_at__gte=since).exclude(error="").order_by(*RUN_ORDER)
        last = failed.first()
        found.append(
            AccountPolls(
                account=account,
                regions=_regions(account, since),
                series=Series.objects.filter(account=account, enabled=True).count(),
                costs=costs(account, at=at),
                backfills=list(account.backfills.filter(finished_at=None).order_by("pk")),
                last_error=last.error if last else "",
            )
        )
    return found


def _regions(account: AwsAccount, since: datetime) -> list[RegionRow]:
    runs = PollRun.objects.filter(account=account, kind="poll", started_at__gte=since)
    sums: dict[str, dict[str, Any]] = {
        row["region"]: dict(row)
        for row in runs.values("region").annotate(
            requests_=Sum("requests"),
            metrics=Sum("metrics_billed"),
            points_=Sum("points"),
            revisions=Sum("late_revisions"),
            refused_=Sum("refused"),
            throttles_=Sum("throttles"),
            errors=Count("pk", filter=~Q(state="ok")),
            lag=Max("lag_seconds", filter=Q(period=60)),
            ms=Avg("duration_ms"),
        )
    }
    gauges = {row.region: row for row in account.region_polls.all()}
    found = []
    for region in sorted({*account.regions, *sums}):
        row, gauge = sums.get(region, {}), gauges.get(region)
        found.append(
            RegionRow(
                region=region,
                requests=row.get("requests_", 0),
                metrics=row.get("metrics", 0),
                points=row.get("points_", 0),
                revisions=row.get("revisions", 0),
                refused=row.get("refused_", 0),
                throttles=row.get("throttles_", 0),
                errors=row.get("errors", 0),
                lag_seconds=row.get("lag"),
                average_ms=row.get("ms"),
                share=gauge.share if gauge else 1.0,
                failed_in_row=gauge.failed_in_row if gauge else 0,
            )
        )
    return found


def poll_runs(actor: Actor, *, view: str = "", account: int | None = None, region: str = "") -> QuerySet[PollRun]:
    """Passes over the actor's accounts, to be ordered by RUN_ORDER."""
    rows = PollRun.objects.filter(account__in=accounts_of(actor)).filter(RUN_VIEWS[view][1]).select_related("account")
    if account is not None:
        rows = rows.filter(account_id=account)
    return rows.filter(region=region) if region else rows


def unanswered_series(actor: Actor, run: PollRun, *, size: int = OTHERS) -> Head[Series]:
    """The actor's series of a pass's region that were not answered completely when they were last asked."""
    rows = Series.objects.visible_to(actor).filter(account_id=run.account_id, region=run.region, enabled=True)
    rows = rows.exclude(last_status__in=("", "Complete")).select_related("platform")
    return head(rows.order_by("namespace", "name", "pk"), size)


def region_polls() -> list[RegionPoll]:
    """What was asked of every account's region in all, for /metrics."""
    return list(RegionPoll.objects.select_related("account").order_by("account__account_id", "region"))


def newest_lags() -> dict[tuple[int, str], int]:
    """Seconds by which the newest datapoint of minute series lay behind at the last pass, per account and region."""
    found = {}
    rows = PollRun.objects.filter(kind="poll", period=60, lag_seconds__isnull=False).order_by(*RUN_ORDER)
    for one in region_polls():
        newest = rows.filter(account_id=one.account_id, region=one.region).values_list("lag_seconds", flat=True).first()
        if newest is not None:
            found[one.account_id, one.region] = newest
    return found


def backfill_share(job: Backfill) -> float:
    """How much of a backfill is done, as a share of one."""
    whole = (job.ends_at - job.starts_at).total_seconds()
    return (job.ends_at - job.cursor_at).total_seconds() / whole if whole else 1.0


def backfill_progress() -> tuple[float, int]:
    """Share done over every open backfill, and how many are open; (1.0, 0) when history is complete."""
    jobs = list(Backfill.objects.filter(finished_at=None))
    if not jobs:
        return 1.0, 0
    return sum(backfill_share(job) for job in jobs) / len(jobs), len(jobs)
