"""What a service's containers log, asked of CloudWatch Logs Insights; only the worker asks.

Nothing is kept here: the check `logs.errors` keeps a few masked lines, a step of a runbook its answer as it came, a
saved question its own (`monitoring.insights`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from monitoring.insights.lint import errors_of
from monitoring.models import AwsAccount, MetricSource, Resource, ResourceKind
from monitoring.services.accounts import aws_session
from opsportal.aws import ecs, logs
from opsportal.aws.errors import AwsDeniedError, AwsError
from opsportal.core.pagination import head
from opsportal.platforms.models import Service

# Below the soft limit of the tasks that ask, so that what was found is kept.
ALL_SECONDS: Final = 35.0
MOST_MINUTES: Final = 24 * 60
MOST_PLACES: Final = 5
MOST_NAMED: Final = 3  # of those that are not asked
NO_SERVICE: Final = (
    "No ECS service of {service} was read and its selectors name no log_groups: where it logs to is not known."
)
NO_GROUP: Final = "The containers of {service} write to no CloudWatch log group."


class LogsError(Exception):
    """The logs could not be asked; the message says why, and names a permission that is missing."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What was found, and where: newest first as far as the question sorts so; and what gave no answer, and why."""

    groups: Sequence[str]
    rows: Sequence[dict[str, str]]
    missed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service logs: an account and region, with the groups its selectors name, or the tasks that log.

    `more`: so many further ones stand behind it, which nobody reads.
    """

    account: AwsAccount
    region: str
    name: str
    named: Sequence[str] = ()
    task_definition: str = ""
    more: int = 0

    def groups(self) -> list[str]:
        """Its log groups; those of tasks are asked of ECS. Raises AwsError."""
        if self.named:
            return list(self.named)
        return ecs.log_groups(aws_session(self.account), self.region, self.task_definition)


def named_groups(service: Service) -> list[str]:
    """The log groups that the service's selectors name."""
    found = service.selectors.get("log_groups", [])
    return sorted({str(name) for name in found}) if isinstance(found, list) else []


def places_of(*, platform_id: int, service: str) -> list[Place]:
    """Where a service logs, by its selectors, else the ECS services that carry it. The first MOST_PLACES are asked, a
    few more are named, the last of them with how many follow.
    """
    own = Service.objects.filter(platform_id=platform_id, key=service).first()
    if own is not None and (groups := named_groups(own)):
        sources = MetricSource.objects.filter(platform_id=platform_id, account__enabled=True).select_related("account")
        first = head(sources.order_by("pk"), MOST_PLACES + MOST_NAMED)
        return _counted(first.total, [
            Place(
                source.account,
                source.region or source.account.regions[0],
                f"account {source.account.account_id}",
                groups,
            )
            for source in first.rows
        ])  # fmt: skip
    found = Resource.objects.filter(platform_id=platform_id, service__key=service, kind=ResourceKind.ECS_SERVICE)
    rows = found.filter(account__enabled=True).select_related("account").order_by("identifier", "pk")
    services = head(rows, MOST_PLACES + MOST_NAMED)
    return _counted(services.total, [
        Place(row.account, row.region, row.identifier, task_definition=str(row.data.get("task_definition", "")))
        for row in services.rows
    ])  # fmt: skip


def _counted(total: int, places: list[Place]) -> list[Place]:
    """These first ones of `total`."""
    if total > len(places):
        places[-1] = replace(places[-1], more=total - len(places))
    return places


def left_out(place: Place) -> str:
    """That this place is one too many, and how many follow it, as pages say it."""
    were = f"and {place.more} more were" if place.more else "was"
    return f"{place.name} in {place.region} {were} not asked: {MOST_PLACES} places at most are."


def refusal(place: Place, error: AwsError) -> str:
    """Why a place gave no answer, as pages say it."""
    if isinstance(error, AwsDeniedError):
        return f"The role lacks {error.permission}: {error.detail}"
    return f"{place.name}: {error}"


def ask_logs(*, platform_id: int, service: str, text: str, minutes: int, at: datetime, limit: int) -> Lines:
    """Put one question to the log groups of a service's containers, all within 35 s.

    Raises LogsError when none of them answered.
    """
    places = places_of(platform_id=platform_id, service=service)
    if not places:
        raise LogsError(NO_SERVICE.format(service=service))
    asked: list[str] = []
    rows: list[dict[str, str]] = []
    start = at - timedelta(minutes=minutes)
    places, missed = places[:MOST_PLACES], [left_out(place) for place in places[MOST_PLACES:]]
    until = time.monotonic() + ALL_SECONDS
    for number, place in enumerate(places):
        share = (until - time.monotonic()) / (len(places) - number)
        if share < 1:
            missed.append(f"{place.name} was not asked: the time was over.")
            continue
        try:
            groups = place.groups()
            if groups:
                session = aws_session(place.account)
                answer = logs.query(
                    session, place.region, groups=groups, text=text, start=start, end=at, limit=limit, seconds=share
                )
                asked += groups
                rows += answer.rows
        except AwsError as error:
            missed.append(refusal(place, error))
    if not asked:
        raise LogsError(" ".join(missed) or NO_GROUP.format(service=service))
    return Lines(asked, rows[:limit], missed)


def log_problem(asked: object) -> str:
    """Why this question of a runbook cannot be put, or ""."""
    if not isinstance(asked, dict) or not isinstance(asked.get("service"), str):
        return "logs names its service."
    if not isinstance(asked.get("query"), str) or not 0 < len(asked["query"]) <= 2000:
        return "logs has a query of CloudWatch Logs Insights, such as “fields @message | limit 20”."
    if errors := errors_of(asked["query"]):
        return errors[0].text
    minutes = asked.get("minutes", 30)
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= MOST_MINUTES:
        return f"minutes is between 1 and {MOST_MINUTES}."
    unknown = sorted(set(asked) - {"service", "query", "minutes"})
    return f"logs has no {unknown[0]}; it has service, query, minutes." if unknown else ""
