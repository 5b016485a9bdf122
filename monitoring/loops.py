"""Loops that PostgreSQL alone drives: they must notice even when the worker, Redis or AWS is gone."""

from datetime import datetime, timedelta
from typing import Final

from monitoring import store
from monitoring.models import AwsAccount, MetricSource, PollCoverage, PollRun, Series
from monitoring.models.sources import CRITICAL_POLL_SECONDS
from monitoring.services.alarms import blind_alarm_put
from opsportal.core.clock import rate
from opsportal.schedule.loops import loop

BLIND_AFTER: Final = timedelta(seconds=3 * CRITICAL_POLL_SECONDS)
SLACK: Final = timedelta(seconds=60)  # of real time, when the business clock runs faster
RUNS_KEPT: Final = timedelta(days=40)
COVERAGE_KEPT: Final = timedelta(days=455)


def blind_accounts(now: datetime) -> dict[int, str]:
    """Accounts of which nothing was read lately, with the reason: no poll at all, or what AWS answered."""
    blind: dict[int, str] = {}
    since = now - BLIND_AFTER - SLACK * (rate() - 1)
    for account in AwsAccount.objects.filter(enabled=True):
        polled = Series.objects.filter(account=account, enabled=True)
        newest = polled.filter(watermark__isnull=False).order_by("-watermark").first()
        if newest is None or newest.watermark is None or newest.watermark >= since:
            continue
        last = PollRun.objects.filter(account=account, kind="poll").order_by("-started_at", "-pk").first()
        asked = last is not None and last.started_at >= since
        blind[account.pk] = last.error if last and asked else "No poll has run: worker or broker is down."
    return blind


@loop(name="monitoring.blind", every=15.0, limit=20.0)
def watch_eyes(now: datetime) -> int:
    """One alarm per platform when monitoring itself sees nothing, and its end."""
    blind, changed = blind_accounts(now), 0
    for source in MetricSource.objects.filter(account__enabled=True).select_related("platform").order_by("pk"):
        reason = blind.get(source.account_id, "")
        is_blind = source.account_id in blind
        event = blind_alarm_put(platform=source.platform, is_blind=is_blind, at=now, reason=reason[:400])
        changed += event is not None
    return changed


@loop(name="monitoring.partitions", every=3600.0, limit=40.0)
def keep_partitions(now: datetime) -> int:
    """Partitions three ahead, old ones and old poll rows dropped."""
    store.ensure_partitions(now, now)
    store.drop_partitions(now)
    PollRun.objects.filter(started_at__lt=now - RUNS_KEPT).delete()
    PollCoverage.objects.filter(ends_at__lt=now - COVERAGE_KEPT).delete()
    return 0
