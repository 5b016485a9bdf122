"""The names by which the portal knows what a platform runs on: for texts that may not say them."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet

from monitoring.models import (
    Alarm,
    AlarmOrigin,
    AwsAccount,
    Deployment,
    Probe,
    Resource,
    Series,
    ServiceMetric,
    TargetDatabase,
)
from monitoring.models.marks import OWN_OF_ECS
from opsportal.platforms.models import Platform, Service

_SHORTEST: Final = 3
_PART: Final = re.compile(r"[/:]")
_MARKED: Final = re.compile(r"(?=.*[^\W\d_])(?=.*[-_.\d])")  # "web-tg", "db2"; a plain word may be just that
_WORD: Final = re.compile(r"\w+")


def inventory_names(platform: Platform, candidates: Collection[str]) -> frozenset[str]:
    """Those of `candidates`, words in lower case, that name something the platform runs on.

    A plain word counts only as the name of a database or an ECS service, and not when the platform or one of its
    services calls itself so. However many resources there are, what is kept is what was asked for.
    """
    wanted = frozenset(candidates)
    found = {part for part in _marked(_all_names(platform)) if part in wanted}
    found |= {part for part in _plain(platform) if part in wanted}
    return frozenset(found)


def alarm_names(platform: Platform) -> list[str]:
    """What its alarms are called, whoever judges them; not one plain word, which may be just that."""
    names = Alarm.objects.filter(platform=platform).values_list("name", flat=True).distinct()
    return [name.strip() for name in names if not name.strip().isalpha() and len(name.strip()) >= _SHORTEST]


def _all_names(platform: Platform) -> Iterator[str]:
    """Identifiers, dimensions, selectors, alarms, task definitions, databases and hosts, as they are kept."""
    for pair in _resources(platform).values_list("identifier", "parent").iterator():
        yield from pair
    for model in (Series, ServiceMetric):
        for dimensions in model.objects.filter(platform=platform).values_list("dimensions", flat=True).distinct():
            yield from _texts(dimensions)
    for selectors in Service.objects.filter(platform=platform).values_list("selectors", flat=True):
        yield from _texts(selectors)
    watched = Alarm.objects.filter(platform=platform, origin=AlarmOrigin.CLOUDWATCH)
    yield from watched.values_list("name", flat=True)
    rolled_out = Deployment.objects.filter(platform=platform, external_id__startswith=OWN_OF_ECS)
    yield from rolled_out.values_list("label", flat=True).distinct()
    yield from AwsAccount.objects.filter(sources__platform=platform).values_list("name", flat=True)
    for row in TargetDatabase.objects.filter(platform=platform).values_list(
        "key", "database", "reader_role", "maintainer_role", "socket_dir"
    ):
        yield from row
    for address in Probe.objects.filter(platform=platform).values_list("address", flat=True):
        yield urlsplit(address if "//" in address else f"//{address}").hostname or ""


def _resources(platform: Platform) -> QuerySet[Resource]:
    """Also what no service claims, of the accounts that carry the platform."""
    accounts = AwsAccount.objects.filter(sources__platform=platform)
    return Resource.objects.filter(Q(platform=platform) | Q(platform=None, account__in=accounts))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _marked(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        said = name.strip().lower()
        own = said.split(":", 5)[-1] if said.startswith("arn:") else said  # a region is nobody's name
        for part in (own, *_PART.split(own)):
            if len(part) >= _SHORTEST and _MARKED.match(part):
                yield part


def _plain(platform: Platform) -> Iterator[str]:
    named = [platform.name, platform.key]
    for pair in Service.objects.filter(platform=platform).values_list("name", "key"):
        named += pair
    public = {word for name in named for word in _WORD.findall(name.lower())}
    kinds = ("rds_cluster", "rds_instance", "ecs_service")
    for name in _resources(platform).filter(kind__in=kinds).values_list("identifier", flat=True).iterator():
        for part in name.lower().split("/"):
            if len(part) >= _SHORTEST and part not in public:
                yield part
