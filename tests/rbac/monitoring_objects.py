"""How the matrix asks monitoring's routes."""

from typing import Any

from monitoring.models import (
    Alarm,
    AlarmRule,
    AwsAccount,
    PollRun,
    Series,
    ServiceMetric,
    Silence,
    Slo,
    SloExclusion,
)
from opsportal.core.clock import now
from tests.factories.monitoring import account_of, metric_of, rule_of, service_of, slo_of
from tests.rbac.objects import Case, route


def alarm(case: Case) -> Alarm:
    rule = rule_of(case.platform, at=now())
    found, _ = Alarm.objects.get_or_create(
        platform=case.platform, origin="rule", key=rule.key, defaults={"name": rule.name, "rule": rule, "since": now()}
    )
    return found


def rule(case: Case) -> AlarmRule:
    return rule_of(case.platform, at=now())


def rule_said(case: Case) -> dict[str, Any]:
    """A new rule as the API takes it."""
    like = rule(case)
    return {
        "platform": case.platform.key, "name": "Too many", "service": "web", "signal": "db-connections",
        "indicator": like.indicator, "stat": "Maximum", "threshold": 90, "missing": "ignore", "severity": "P1",
        "note": "load is known",
    }  # fmt: skip


def metric(case: Case) -> ServiceMetric:
    return metric_of(case.platform, at=now())


def series(case: Case) -> Series:
    found = metric(case).series
    assert found is not None
    return found


def slo(case: Case) -> Slo:
    return slo_of(case.platform, at=now())


def silence(case: Case) -> Silence:
    at = now()
    return Silence.objects.create(platform=case.platform, starts_at=at, ends_at=at.replace(year=2999), created_at=at)


def exclusion(case: Case) -> SloExclusion:
    at = now()
    starts_at = at.replace(year=2025, month=1, day=1)
    return SloExclusion.objects.create(
        platform=case.platform, starts_at=starts_at, ends_at=starts_at.replace(day=2), reason="x", created_at=at
    )


def account(case: Case) -> AwsAccount:
    return account_of(case.platform, at=now())


def poll_run(case: Case) -> PollRun:
    at = now()
    return PollRun.objects.create(account=account(case), region="us-east-1", period=60, started_at=at, state="ok")


def pk_of(build: Any) -> Any:
    return lambda case: {"pk": build(case).pk}


REASON = {"minutes": "60", "reason": "known"}
POLICY = {"version": "0", "notice_at": "50", "review_at": "75", "freeze_at": "100", "review_share": "20"}
TIME = {"starts_at": "2025-01-01 00:00", "ends_at": "2025-01-01 01:00", "reason": "known"}

route("monitoring:service", lambda case: {"pk": service_of(case.platform).pk})
route("monitoring:alarm", pk_of(alarm))
route("monitoring:rule", pk_of(rule))
route("monitoring:rule-switch", pk_of(rule), data=lambda _: {"version": "1", "note": "replaced"})
route("monitoring-api:alarm-rules", data=rule_said, owned="portal")
route("monitoring-api:alarm-rule-preview", data=rule_said, owned="portal")
route("monitoring-api:alarm-rule", pk_of(rule), data=lambda _: {"note": "why"})
route("monitoring:silence", pk_of(alarm), data=lambda _: REASON)
route("monitoring:silence-end", pk_of(silence), data=lambda _: {"version": "1"})
route("monitoring:metric-chart", pk_of(metric))
route("monitoring:metric-chart-svg", pk_of(metric))
route("monitoring:series-chart", pk_of(series))
route("monitoring:series-chart-svg", pk_of(series))
route("monitoring:series-points", pk_of(series))
route("monitoring:series-csv", pk_of(series))
route("monitoring:series-query", pk_of(series))
route("monitoring:service-charts", lambda case: {"pk": service_of(case.platform).pk})
route("monitoring:slo", pk_of(slo))
route("monitoring:slo-buckets", pk_of(slo))
route("monitoring:slo-exclusion", pk_of(slo), data=lambda _: TIME)
route("monitoring:slo-exclusion-void", pk_of(exclusion), data=lambda _: {"version": "1", "reason": "known"})
route("monitoring:slo-change", pk_of(slo), data=lambda _: {"version": "1"})
route("monitoring:slo-exclusion-approve", pk_of(exclusion), data=lambda _: {"version": "1"})
route("monitoring:budget-policy", lambda case: {"key": case.platform.key}, data=lambda _: POLICY)
route("monitoring:poll-run", pk_of(poll_run))
route("monitoring:aws-account", pk_of(account), owned="portal")
route("monitoring:aws-change", pk_of(account), owned="portal")
route("monitoring:aws-check", pk_of(account), owned="portal")
route("monitoring:aws-source", pk_of(account), data=lambda case: {"platform": case.platform.pk}, owned="portal")
route("monitoring:aws-disconnect", pk_of(account), data=lambda _: {"version": "1"}, owned="portal")
route("monitoring-api:slo-versions", pk_of(slo))
route("monitoring-api:alarm", pk_of(alarm))
route("monitoring-api:alarm-transitions", pk_of(alarm))
route("monitoring-api:series-points", pk_of(series))
route("monitoring-api:slo-buckets", pk_of(slo))
route(
    "monitoring-api:slo-exclusions",
    data=lambda case: {
        "slo": slo(case).pk, "starts_at": "2025-01-01T00:00Z", "ends_at": "2025-01-01T01:00Z", "reason": "known",
    },
    owned="portal",
)  # fmt: skip
route("monitoring-api:slo-exclusion", pk_of(exclusion))
route("monitoring-api:slo-exclusion-approve", pk_of(exclusion))
route("monitoring-api:slo-exclusion-void", pk_of(exclusion), data=lambda _: {"reason": "known"})
route("monitoring-api:budget-policy", lambda case: {"key": case.platform.key}, data=lambda _: POLICY)
