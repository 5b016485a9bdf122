"""What watching costs, what the account costs, and what the guides plan for it (M-GOV-03, M-GOV-08)."""

import calendar
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from monitoring.collector.bill import EVERY, KIND
from monitoring.collector.costs import costs
from monitoring.models import AwsAccount, CostReading, ResourcePoll
from monitoring.selectors.polls import accounts_of
from opsportal.core.actor import Actor
from opsportal.platforms.declared import DeclaredPolicy, declared_policy
from opsportal.platforms.models import Platform

GROUP = "cost"


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """One service of the bill: this month so far and the last whole one, in USD."""

    name: str
    now_usd: Decimal
    before_usd: Decimal


@dataclass(frozen=True, slots=True)
class AccountCost:
    """One account: the collector's own meter, and Cost Explorer's bill where it may be read.

    Forecast: what was paid so far this month, divided by the share of the month that had passed when AWS was asked.
    """

    account: AwsAccount
    reading_usd: Decimal
    reading_forecast: Decimal
    poll: ResourcePoll | None
    services: list[ServiceCost]
    months: list[tuple[date, Decimal]]
    month_usd: Decimal | None
    forecast_usd: Decimal | None
    is_late: bool

    @property
    def cap_share(self) -> float:
        """The forecast of reading as a share of the cap."""
        cap = self.account.cost_cap_usd
        return float(self.reading_forecast / cap) if cap else 0.0


def account_costs(actor: Actor, *, at: datetime) -> list[AccountCost]:
    """One entry per account the actor may see."""
    accounts = accounts_of(actor)
    polls = {row.account_id: row for row in ResourcePoll.objects.filter(account__in=accounts, kind=KIND)}
    bills: dict[int, list[CostReading]] = defaultdict(list)
    for row in CostReading.objects.filter(account__in=accounts).order_by("month", "service"):
        bills[row.account_id].append(row)
    return [_account(account, polls.get(account.pk), bills[account.pk], at) for account in accounts]


def _passed(at: datetime) -> Decimal:
    """The share of its month that had passed, never nothing."""
    whole = calendar.monthrange(at.year, at.month)[1]
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Decimal(max((at - start) / timedelta(days=whole), 1 / whole / 24)).quantize(Decimal("0.00001"))


def _account(account: AwsAccount, poll: ResourcePoll | None, bill: list[CostReading], at: datetime) -> AccountCost:
    this = at.date().replace(day=1)
    before = (this - timedelta(days=1)).replace(day=1)
    by_month: dict[date, Decimal] = defaultdict(Decimal)
    services: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for row in bill:
        by_month[row.month] += row.usd
        services[row.service][row.month] = row.usd
    asked_at = poll.fetched_at if poll else None
    month_usd = by_month.get(this) if asked_at and asked_at.date() >= this else None
    meter, nothing = costs(account, at=at), Decimal(0)
    rows = [ServiceCost(name, own.get(this, nothing), own.get(before, nothing)) for name, own in services.items()]
    return AccountCost(
        account=account,
        reading_usd=meter.spent,
        reading_forecast=meter.forecast,
        poll=poll,
        services=sorted(rows, key=lambda row: (-row.now_usd, -row.before_usd, row.name)),
        months=sorted(by_month.items()),
        month_usd=month_usd,
        forecast_usd=month_usd / _passed(asked_at) if month_usd is not None and asked_at else None,
        is_late=asked_at is None or asked_at < at - 2 * EVERY,
    )


def budgets(actor: Actor, *, platform_id: int | None = None) -> list[tuple[Platform, DeclaredPolicy]]:
    """What the guides of the actor's platforms say of budgets."""
    platforms = Platform.objects.visible_to(actor)
    chosen = {row.pk: row for row in (platforms.filter(pk=platform_id) if platform_id else platforms).order_by("pk")}
    return [(chosen[policy.platform_id], policy) for policy in declared_policy(sorted(chosen), GROUP)]
