"""Cost Explorer: what the account paid, by month and service. Each request costs 0.01 USD: ask once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client

REGION: Final = "us-east-1"  # Cost Explorer's only one
METRIC: Final = "UnblendedCost"


@dataclass(frozen=True, slots=True)
class MonthCost:
    """One service's cost in one month, in USD. `is_estimated` until AWS has closed the month."""

    month: date
    service: str
    usd: Decimal
    is_estimated: bool


def month_costs(account: AwsAccount, *, start: date, end: date) -> list[MonthCost]:
    """Return the costs of the whole months in [start, end), by month and service. Raises AwsError."""
    found: list[MonthCost] = []
    request: dict[str, Any] = {
        "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
        "Granularity": "MONTHLY",
        "Metrics": [METRIC],
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
    }
    while True:
        with guard(account, REGION, "ce:GetCostAndUsage"):
            page = client(account, "ce", REGION).get_cost_and_usage(**request)
        for period in page["ResultsByTime"]:
            month = date.fromisoformat(period["TimePeriod"]["Start"])
            found.extend(
                MonthCost(month, group["Keys"][0], Decimal(group["Metrics"][METRIC]["Amount"]), period["Estimated"])
                for group in period["Groups"]
            )
        if not page.get("NextPageToken"):
            return sorted(found, key=lambda cost: (cost.month, cost.service))
        request["NextPageToken"] = page["NextPageToken"]
