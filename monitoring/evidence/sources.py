"""What checks share: rows with their age, and the reason why they cannot be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min

from monitoring.evidence.registry import CheckContext, Finding
from monitoring.models import MetricSource, Resource, ResourcePoll, Series, Verdict

RESOURCES_STALE: Final = timedelta(minutes=15)
SERIES_STALE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Seen:
    """Resources of a platform, when they were read, and why they cannot be used ("" when they can)."""

    rows: Sequence[Resource]
    fetched_at: datetime
    trouble: str


def resources(context: CheckContext, *kinds: str) -> Seen:
    """The platform's resources of these kinds; a missing permission or an old read is trouble."""
    accounts = MetricSource.objects.filter(platform_id=context.platform_id, account__enabled=True)
    polls = ResourcePoll.objects.filter(account__in=accounts.values("account_id"), kind__in=kinds).order_by("pk")
    oldest = context.at
    trouble = "" if polls else "AWS was not asked yet."
    for poll in polls:
        if poll.permission:
            trouble = f"The role lacks {poll.permission}."
        elif poll.fetched_at is None or context.at - poll.fetched_at > RESOURCES_STALE:
            trouble = trouble or f"The last answer is too old: {poll.error or 'no poll has run since'}"
        if poll.fetched_at is not None:
            oldest = min(oldest, poll.fetched_at)
    rows = Resource.objects.filter(platform_id=context.platform_id, kind__in=kinds).order_by("kind", "identifier")
    return Seen(rows=list(rows[:500]), fetched_at=oldest, trouble=trouble)


def unseen(context: CheckContext) -> str:
    """Why alarms and metrics of the platform cannot be trusted now; "" when they can."""
    series = Series.objects.filter(platform_id=context.platform_id, enabled=True)
    if not series.exists():
        return "No metric of this platform is read."
    oldest = series.aggregate(at=Min("watermark"))["at"]
    if oldest is None or context.at - oldest > SERIES_STALE:
        return "Metrics were not read lately; alarms may be out of date."
    return ""


def unknown(why: str, *, fetched_at: datetime, asked: dict[str, object]) -> Finding:
    """Could not check."""
    return Finding(verdict=Verdict.UNKNOWN, summary=why, fetched_at=fetched_at, asked=asked)
