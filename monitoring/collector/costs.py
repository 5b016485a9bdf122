"""What an account's polling has cost this month, will cost, and the pace that its cap allows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from monitoring.collector.budget import Load, forecast, pace_within
from monitoring.collector.fetch import COARSE, PERCENTILES, billed
from monitoring.models import AwsAccount, PollRun, Series
from monitoring.models.sources import CRITICAL_POLL_SECONDS, PACES


@dataclass(frozen=True, slots=True)
class Costs:
    """US dollars of a month: spent so far, and at its end if polling goes on at the account's pace."""

    spent: Decimal
    forecast: Decimal


def month_cost_usd(account: AwsAccount, at: datetime) -> Decimal:
    """What this month's metric requests cost so far, by our own count."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    runs = PollRun.objects.filter(account=account, started_at__gte=start)
    return Decimal(runs.aggregate(n=Sum("metrics_billed"))["n"] or 0) * account.usd_per_metric


def load_of(account: AwsAccount) -> Load:
    """How many metrics one reading of the account's series bills."""
    common = critical = percentiles = hourly = 0
    rows = Series.objects.filter(account=account, enabled=True, region__in=account.regions)
    for stats, poll_every in rows.values_list("stats", "poll_every"):
        own = billed(PERCENTILES.intersection(stats))
        hourly += own * len(COARSE)
        if poll_every == CRITICAL_POLL_SECONDS:
            critical += billed(stats)
            percentiles += own
        else:
            common += billed(stats)
    return Load(common, critical, percentiles, hourly)


def costs(account: AwsAccount, *, at: datetime) -> Costs:
    """The meter of an account."""
    spent = month_cost_usd(account, at)
    every = PACES[min(account.pace, len(PACES) - 1)]
    ahead = forecast(load_of(account), every, spent=float(spent), price=float(account.usd_per_metric), at=at)
    return Costs(spent, Decimal(ahead))


def pace_settle(account: AwsAccount, *, at: datetime) -> int:
    """Choose the fastest pace whose forecast stays within the month's cap, and keep it with the account."""
    pace = pace_within(
        load_of(account),
        PACES,
        spent=float(month_cost_usd(account, at)),
        price=float(account.usd_per_metric),
        cap=float(account.cost_cap_usd),
        at=at,
    )
    if pace != account.pace:
        # Not a person's change: it moves no version, so that a form that is open stays good.
        AwsAccount.objects.filter(pk=account.pk).update(pace=pace)
        account.pace = pace
    return pace
