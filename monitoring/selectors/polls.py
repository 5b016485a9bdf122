"""What polling does and costs, for the polls page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Avg, Count, Max, Q, Sum

from monitoring.collector.poll import USD_PER_METRIC, month_cost_usd
from monitoring.models import AwsAccount, Backfill, PollRun, Series
from opsportal.core.actor import Actor


@dataclass(frozen=True, slots=True)
class AccountPolls:
    """An account's polling in the last hour, and what it costs."""

    account: AwsAccount
    requests: int
    metrics: int
    points: int
    revisions: int
    errors: int
    lag_seconds: int | None
    average_ms: float | None
    series: int
    month_usd: Decimal
    forecast_usd: Decimal
    backfills: Sequence[Backfill]
    last_error: str

    @property
    def cap_share(self) -> float:
        """Of the month's cap, if it goes on like the last hour."""
        return float(self.forecast_usd / self.account.cost_cap_usd) if self.account.cost_cap_usd else 0.0


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
        runs = PollRun.objects.filter(account=account, kind="poll", started_at__gte=since)
        sums = runs.aggregate(
            requests=Sum("requests"),
            metrics=Sum("metrics_billed"),
            points=Sum("points"),
            revisions=Sum("late_revisions"),
            errors=Count("pk", filter=~Q(state="ok")),
            ms=Avg("duration_ms"),
            lag=Max("lag_seconds", filter=Q(period=60)),
        )
        hourly = Decimal(sums["metrics"] or 0) * USD_PER_METRIC
        failed = PollRun.objects.filter(account=account).exclude(error="").order_by("-started_at", "-pk").first()
        found.append(
            AccountPolls(
                account=account,
                requests=sums["requests"] or 0,
                metrics=sums["metrics"] or 0,
                points=sums["points"] or 0,
                revisions=sums["revisions"] or 0,
                errors=sums["errors"],
                lag_seconds=sums["lag"],
                average_ms=sums["ms"],
                series=Series.objects.filter(account=account, enabled=True).count(),
                month_usd=month_cost_usd(account, at),
                forecast_usd=hourly * 24 * 30,
                backfills=list(account.backfills.filter(finished_at=None).order_by("pk")),
                last_error=failed.error if failed and failed.started_at >= since else "",
            )
        )
    return found


def recent_runs(actor: Actor) -> list[PollRun]:
    """The last hundred passes, newest first."""
    rows = PollRun.objects.filter(account__in=accounts_of(actor)).select_related("account")
    return list(rows.order_by("-started_at", "-pk")[:100])


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
