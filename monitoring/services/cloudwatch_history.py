"""What CloudWatch says happened to its alarms, kept beside what the portal saw of them."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max

from monitoring.models import Alarm, AlarmOrigin, AwsAccount, CloudWatchChange, ResourcePoll
from monitoring.services.accounts import aws_session
from opsportal.aws.cloudwatch import alarm_history
from opsportal.aws.errors import AwsError

KIND: Final = "alarm_history"
KEPT: Final = timedelta(days=30)  # CloudWatch's own memory
RE_READ: Final = timedelta(hours=1)  # entries may arrive late


def history_read(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Read what is new of the mirrored alarms of a region, each entry once; how many were. Never raises for AWS."""
    mirrored = Alarm.objects.filter(origin=AlarmOrigin.CLOUDWATCH, account=account, fetched_at__isnull=False)
    by_name = {row.name: row for row in mirrored.filter(key__contains=f":cloudwatch:{region}:").order_by("pk")}
    if not by_name:
        return 0
    newest = CloudWatchChange.objects.filter(alarm__in=by_name.values()).aggregate(at=Max("at"))["at"]
    start = max(at - KEPT, newest - RE_READ) if newest is not None else at - KEPT
    where: dict[str, Any] = {"account": account, "region": region, "kind": KIND}
    try:
        found = alarm_history(aws_session(account), region, start=start, end=at)
    except AwsError as error:
        values = {"tried_at": at, "error": str(error)[:500], "permission": error.permission[:80]}
        ResourcePoll.objects.update_or_create(**where, defaults=values)
        return 0
    known = set(
        CloudWatchChange.objects.filter(alarm__in=by_name.values(), at__gte=start).values_list(
            "alarm_id", "at", "kind", "summary"
        )
    )
    rows = [
        CloudWatchChange(
            alarm=by_name[item.alarm], kind=item.kind[:24], at=item.at, summary=item.summary[:500],
            data=_parsed(item.data), recorded_at=at,
        )
        for item in found
        if item.alarm in by_name
    ]  # fmt: skip
    new = [row for row in rows if (row.alarm_id, row.at, row.kind, row.summary) not in known]
    CloudWatchChange.objects.bulk_create(new, ignore_conflicts=True)
    done = {"tried_at": at, "fetched_at": at, "error": "", "permission": ""}
    ResourcePoll.objects.update_or_create(**where, defaults=done)
    return len(new)


def _parsed(text: str) -> Any:
    """HistoryData is JSON in a string; what is not is kept as it came."""
    try:
        return json.loads(text.replace("\\u0000", "")) if text else {}
    except ValueError:
        return {"text": text[:4000]}
