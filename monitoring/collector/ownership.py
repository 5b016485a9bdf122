"""Whose is it: a resource or a metric belongs to the service whose selectors name it."""

from collections.abc import Iterable, Mapping
from typing import Any

from monitoring.models import AwsAccount
from opsportal.platforms.models import Service


def words_of(selectors: Mapping[str, Any]) -> Iterable[str]:
    """The words by which a service's selectors claim what AWS names."""
    for value in selectors.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))
    if "ecs_cluster" in selectors and "ecs_service" in selectors:
        yield f"{selectors['ecs_cluster']}/{selectors['ecs_service']}"


class Owners:
    """The services of the platforms that live in an account, by the words of their selectors."""

    def __init__(self, account: AwsAccount) -> None:
        self.by_word: dict[str, Service] = {}
        services = Service.objects.filter(platform__metric_sources__account=account).select_related(
            "platform", "environment"
        )
        # A shared word (a load balancer, a cluster) belongs to the service that was declared first.
        for service in services.order_by("platform_id", "pk"):
            for word in words_of(service.selectors):
                self.by_word.setdefault(word, service)

    def service_for(self, words: Iterable[str]) -> Service | None:
        """The first service that one of the words names."""
        return next((self.by_word[word] for word in words if word in self.by_word), None)
