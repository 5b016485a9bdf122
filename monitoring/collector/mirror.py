"""CloudWatch's own alarms, mirrored as read. They never open an incident: they attach to that of their signal."""

from datetime import datetime
from typing import Final

from monitoring.collector.ownership import Owners
from monitoring.models import Alarm, AlarmOrigin, AlarmRule, AwsAccount, ResourcePoll, RuleTerm
from monitoring.services.accounts import aws_session
from monitoring.services.alarms import alarm_transition, mirrored_forget
from monitoring.services.binding import dimensions_hash
from opsportal.aws.cloudwatch import Alarm as CloudWatchAlarm
from opsportal.aws.cloudwatch import alarms
from opsportal.aws.errors import AwsError

STATES: Final = {"OK": "ok", "ALARM": "alarm"}
KIND: Final = "cloudwatch_alarm"


def mirror_alarms(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Read the alarms of a region and follow their states; returns how many are mirrored. Never raises for AWS."""
    try:
        found = alarms(aws_session(account), region)
    except AwsError as error:
        values = {"tried_at": at, "error": str(error)[:500], "permission": error.permission[:80]}
        ResourcePoll.objects.update_or_create(account=account, region=region, kind=KIND, defaults=values)
        return 0
    owners, seen = Owners(account), set[int]()
    twins = _rules_by_metric(account, region)
    for item in found:
        rule = twins.get((item.namespace, item.metric, dimensions_hash(item.dimensions)))
        service = rule.service if rule else owners.service_for(_owner_words(item))
        platform_id = rule.platform_id if rule else service.platform_id if service else None
        if platform_id is None:
            continue  # an alarm of something no platform here owns
        alarm, _ = Alarm.objects.get_or_create(
            platform_id=platform_id,
            origin=AlarmOrigin.CLOUDWATCH,
            key=item.arn,
            defaults={"name": item.name, "account": account, "since": item.state_updated_at},
        )
        Alarm.objects.filter(pk=alarm.pk).update(
            service_id=service.pk if service else None,
            signal=rule.signal if rule else item.metric.lower()[:60],
            severity_id=rule.severity_id if rule else None,
            reads={"namespace": item.namespace, "dimensions": dict(item.dimensions)},
            evaluated_until=at,
            fetched_at=at,
        )
        alarm_transition(
            alarm=alarm,
            to_state=STATES.get(item.state, "unknown"),
            at=item.state_updated_at,
            recorded_at=at,
            reason=item.state_reason[:500],
            data={"threshold": item.threshold, "metric": item.metric},
        )
        seen.add(alarm.pk)
    values = {"tried_at": at, "fetched_at": at, "error": "", "permission": ""}
    ResourcePoll.objects.update_or_create(account=account, region=region, kind=KIND, defaults=values)
    mirrored_forget(account=account, region=region, at=at, seen=seen, reason="CloudWatch does not have it any more.")
    return len(seen)


def _rules_by_metric(account: AwsAccount, region: str) -> dict[tuple[str, str, str], AlarmRule]:
    terms = RuleTerm.objects.filter(series__account=account, series__region=region, rule__enabled=True, role="value")
    return {
        (term.series.namespace, term.series.name, term.series.dimensions_hash): term.rule
        for term in terms.select_related("series", "rule", "rule__service").order_by("-pk")
    }


def _owner_words(item: CloudWatchAlarm) -> list[str]:
    pairs = dict(item.dimensions)
    words = [value for _, value in item.dimensions]
    if "ClusterName" in pairs and "ServiceName" in pairs:
        words.insert(0, f"{pairs['ClusterName']}/{pairs['ServiceName']}")
    return words
