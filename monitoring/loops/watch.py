"""Loops that PostgreSQL alone drives: they must notice even when the worker, Redis or AWS is gone."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Max, Min

from monitoring import store
from monitoring.models import (
    Alarm,
    AlarmOrigin,
    AlarmState,
    DatabaseAnswer,
    MetricSource,
    PollCoverage,
    PollRun,
    RdsEvent,
    Series,
)
from monitoring.models.sources import read_every
from monitoring.services.alarms import (
    BLIND_KEY,
    alarm_call_again,
    alarm_transition,
    blind_alarm_put,
    outlasting_silences,
)
from monitoring.services.burns import budget_steps_tell, burn_alarms_judge
from opsportal.core.clock import rate
from opsportal.platforms.models import Platform
from opsportal.schedule.loops import loop

BLIND_AFTER_POLLS: Final = 3
SLACK: Final = timedelta(seconds=20)  # of real time, when the business clock runs faster
RUNS_KEPT: Final = timedelta(days=40)
COVERAGE_KEPT: Final = timedelta(days=455)
ANSWERS_KEPT: Final = timedelta(days=35)


def blind_platforms(now: datetime) -> dict[int, str]:
    """Platforms of which an account's region was not read lately, with the reason: no poll, or what AWS answered.

    What was never read counts from the day its account was connected.
    """
    read = Series.objects.filter(enabled=True, account__enabled=True, account__regions__contains=[F("region")])
    columns = ("platform_id", "account_id", "region", "account__created_at", "account__pace")
    regions = read.values_list(*columns).order_by(*columns)
    blind: dict[int, str] = {}
    for platform_id, account_id, region, connected_at, pace, newest, own in regions.annotate(
        Max("watermark"), Min("poll_every")
    ):
        every = timedelta(seconds=read_every(own, pace))
        since = now - BLIND_AFTER_POLLS * every - SLACK * (rate() - 1)
        if (newest or connected_at) >= since:
            continue
        last = PollRun.objects.filter(account_id=account_id, region=region, kind="poll").order_by("-started_at", "-pk")
        asked = last.filter(started_at__gte=since).first()
        blind[platform_id] = asked.error if asked else "No poll has run: worker or broker is down."
    return blind


@loop(name="monitoring.blind", every=15.0, limit=20.0)
def watch_eyes(now: datetime) -> int:
    """One alarm per platform when monitoring itself sees nothing, and its end."""
    blind, changed = blind_platforms(now), 0
    watched = MetricSource.objects.filter(account__enabled=True).values("platform_id")
    for platform in Platform.objects.filter(pk__in=watched).order_by("pk"):
        reason = blind.get(platform.pk, "")
        event = blind_alarm_put(platform=platform, is_blind=platform.pk in blind, at=now, reason=reason[:400])
        changed += event is not None
    unwatched = Alarm.objects.filter(origin=AlarmOrigin.PORTAL, key=BLIND_KEY).exclude(platform__in=watched)
    for alarm in unwatched.exclude(state=AlarmState.UNKNOWN).order_by("pk"):
        reason = "No AWS account is connected."
        alarm_transition(alarm=alarm, to_state=AlarmState.UNKNOWN, at=now, recorded_at=now, reason=reason)
    return changed


@loop(name="monitoring.burns", every=15.0, limit=30.0)
def judge_burns(now: datetime) -> int:
    """Budgets that burn too fast are alarms like any other."""
    return burn_alarms_judge(at=now)


@loop(name="monitoring.budgets", every=300.0, limit=30.0)
def tell_budgets(now: datetime) -> int:
    """Those who answer for a platform hear once a month of each step its budgets reach."""
    return budget_steps_tell(at=now)


@loop(name="monitoring.silences", every=5.0, limit=20.0)
def call_again(now: datetime) -> int:
    """What still fires when its silence ends calls then: nobody else would ever hear of it."""
    rows = outlasting_silences(now).order_by("pk")[:50]
    return sum(alarm_call_again(alarm=alarm, at=now) is not None for alarm in rows)


@loop(name="monitoring.partitions", every=3600.0, limit=40.0)
def keep_partitions(now: datetime) -> int:
    """Partitions three ahead; old ones, old poll rows, answers of databases and events dropped."""
    store.ensure_partitions(now, now)
    store.drop_partitions(now)
    PollRun.objects.filter(started_at__lt=now - RUNS_KEPT).delete()
    PollCoverage.objects.filter(ends_at__lt=now - COVERAGE_KEPT).delete()
    DatabaseAnswer.objects.filter(read_at__lt=now - ANSWERS_KEPT).delete()
    RdsEvent.objects.filter(happened_at__lt=now - COVERAGE_KEPT).delete()
    return 0
