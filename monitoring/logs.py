"""What a service's containers log, asked of CloudWatch Logs Insights; only the worker asks.

Nothing is kept here: the check `logs.errors` keeps a few masked lines, a step of a runbook its answer as it came.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitoring.models import Resource, ResourceKind
from monitoring.services.accounts import aws_session
from opsportal.aws import ecs, logs
from opsportal.aws.errors import AwsDeniedError, AwsError

# Below the soft limit of the tasks that ask, so that what was found is kept.
ALL_SECONDS: Final = 35.0
MOST_MINUTES: Final = 24 * 60
NO_SERVICE: Final = "No ECS service of {service} was read, so nothing says where it logs to."
NO_GROUP: Final = "The containers of {service} write to no CloudWatch log group."


class LogsError(Exception):
    """The logs could not be asked; the message says why, and names a permission that is missing."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What was found, and where: newest first as far as the question sorts so; and what gave no answer, and why."""

    groups: Sequence[str]
    rows: Sequence[dict[str, str]]
    missed: Sequence[str] = ()


def ask_logs(*, platform_id: int, service: str, text: str, minutes: int, at: datetime, limit: int) -> Lines:
    """Put one question to the log groups of a service's containers, all within 35 s.

    Raises LogsError when none of them answered.
    """
    found = Resource.objects.filter(platform_id=platform_id, service__key=service, kind=ResourceKind.ECS_SERVICE)
    resources = list(found.filter(account__enabled=True).select_related("account").order_by("identifier", "pk")[:5])
    if not resources:
        raise LogsError(NO_SERVICE.format(service=service))
    asked: list[str] = []
    rows: list[dict[str, str]] = []
    start = at - timedelta(minutes=minutes)
    missed: list[str] = []
    until = time.monotonic() + ALL_SECONDS
    for place, resource in enumerate(resources):
        session, region = aws_session(resource.account), resource.region
        share = (until - time.monotonic()) / (len(resources) - place)
        if share < 1:
            missed.append(f"{resource.identifier} was not asked: the time was over.")
            continue
        try:
            groups = ecs.log_groups(session, region, str(resource.data.get("task_definition", "")))
            if groups:
                answer = logs.query(
                    session, region, groups=groups, text=text, start=start, end=at, limit=limit, seconds=share
                )
                asked += groups
                rows += answer.rows
        except AwsDeniedError as error:
            missed.append(f"The role lacks {error.permission}: {error.detail}")
        except AwsError as error:
            missed.append(f"{resource.identifier}: {error}")
    if not asked:
        raise LogsError(" ".join(missed) or NO_GROUP.format(service=service))
    return Lines(asked, rows[:limit], missed)


def log_problem(asked: object) -> str:
    """Why this question of a runbook cannot be put, or ""."""
    if not isinstance(asked, dict) or not isinstance(asked.get("service"), str):
        return "logs names its service."
    if not isinstance(asked.get("query"), str) or not 0 < len(asked["query"]) <= 2000:
        return "logs has a query of CloudWatch Logs Insights, such as “fields @message | limit 20”."
    minutes = asked.get("minutes", 30)
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= MOST_MINUTES:
        return f"minutes is between 1 and {MOST_MINUTES}."
    unknown = sorted(set(asked) - {"service", "query", "minutes"})
    return f"logs has no {unknown[0]}; it has service, query, minutes." if unknown else ""
