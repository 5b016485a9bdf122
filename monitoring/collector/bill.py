"""Cost Explorer, once a day and account: each request is billed."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from monitoring.models import AwsAccount, CostReading, ResourcePoll
from monitoring.services.accounts import aws_session
from opsportal.aws import costs
from opsportal.aws.errors import AwsDeniedError, AwsError

KIND: Final = "cost"
EVERY: Final = timedelta(hours=24)
MONTHS_BACK: Final = 12


def read_bill(*, account: AwsAccount, at: datetime) -> bool:
    """Ask for the last twelve months and this one, unless it was tried within a day; says whether it was asked.

    A failed answer keeps what was read before; the poll's row says since when and which permission is missing.
    """
    tried = ResourcePoll.objects.filter(account=account, region=costs.REGION, kind=KIND).first()
    if tried is not None and tried.tried_at > at - EVERY:
        return False
    first = at.date().replace(day=1)
    start = first.replace(year=first.year - 1)
    said: dict[str, object] = {"tried_at": at, "error": "", "permission": ""}
    found: list[costs.MonthCost] = []
    try:
        found = costs.month_costs(aws_session(account), start=start, end=at.date() + timedelta(days=1))
        said["fetched_at"] = at
    except AwsError as error:
        said["error"] = str(error)[:500]
        said["permission"] = error.permission if isinstance(error, AwsDeniedError) else ""
    with transaction.atomic():
        if not said["error"]:
            CostReading.objects.filter(account=account, month__gte=start).delete()
            CostReading.objects.bulk_create(
                CostReading(
                    account=account,
                    month=cost.month,
                    service=cost.service[:120],
                    usd=cost.usd,
                    is_estimated=cost.is_estimated,
                    fetched_at=at,
                )
                for cost in found
            )
        ResourcePoll.objects.update_or_create(account=account, region=costs.REGION, kind=KIND, defaults=said)
    return True
