"""What questions to the logs read and cost: of a platform's month, and of the portal since its beginning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Case, Count, F, QuerySet, Sum, When
from django.db.models.functions import Coalesce, Greatest

from monitoring.models import ForgottenLogRuns, LogCap, LogRun
from opsportal.core.pagination import Page, keyset_page
from opsportal.platforms.models import Platform


@dataclass(frozen=True, slots=True)
class LogMonth:
    """A platform's calendar month in UTC: bytes read so far, what is being asked counted as estimated; the cap."""

    begins_at: datetime
    scanned: int
    cap: LogCap

    @property
    def left(self) -> int:
        """Bytes that may still be read."""
        return max(0, self.cap.bytes - self.scanned)


def cap_of(platform: Platform) -> LogCap:
    """The platform's own, or the portal's default as a row of version 0 that is not stored."""
    own = LogCap.objects.filter(platform=platform).select_related("platform").first()
    return own or LogCap(platform=platform, version=0)


def log_month(platform: Platform, *, at: datetime) -> LogMonth:
    """What the questions of a platform have read in the month of `at`."""
    begins_at = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    read = Case(
        When(state__in=LogRun.OPEN, then=Greatest(F("bytes_scanned"), Coalesce(F("expected_bytes"), 0))),
        default=F("bytes_scanned"),
    )
    scanned = _asked_since(platform, begins_at).aggregate(sum=Sum(read))["sum"]
    return LogMonth(begins_at, int(scanned or 0), cap_of(platform))


def _asked_since(platform: Platform, at: datetime) -> QuerySet[LogRun]:
    return LogRun.objects.filter(platform=platform, asked_at__gte=at)


def month_page(platform: Platform, month: LogMonth, *, cursor: str | None, size: int) -> Page[LogRun]:
    """The runs behind a month's figure, newest first."""
    rows = _asked_since(platform, month.begins_at).select_related("query").defer("text", "parts", "query__text")
    return keyset_page(rows, order=("-asked_at", "-pk"), cursor=cursor, size=size)


def run_figures() -> tuple[Mapping[str, int], int, Decimal]:
    """Runs by state, bytes read and USD spent by all there ever were."""
    states, scanned, usd = dict[str, int](), 0, Decimal(0)
    sums = {"n": Count("pk"), "read": Sum("bytes_scanned"), "usd": Sum("cost_usd")}
    rows = [*LogRun.objects.order_by().values_list("state").annotate(**sums)]
    rows += ForgottenLogRuns.objects.values_list("state", "runs", "bytes_scanned", "cost_usd")
    for state, runs, read, cost in rows:
        states[state] = states.get(state, 0) + runs
        scanned, usd = scanned + int(read), usd + cost
    return states, scanned, usd
