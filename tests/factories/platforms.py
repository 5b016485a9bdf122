"""Platforms with what their pages need."""

from datetime import UTC, datetime

import factory
from factory.django import DjangoModelFactory

from opsportal.platforms.models import Environment, Membership, Platform, Service, Severity, SeverityScheme

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = (("P0", "Critical"), ("P1", "High"), ("P2", "Medium"), ("P3", "Low"))


class PlatformFactory(DjangoModelFactory[Platform]):
    class Meta:
        model = Platform

    key = factory.Sequence(lambda n: f"platform-{n}")
    name = factory.Sequence(lambda n: f"Platform {n}")
    created_at = CREATED


class EnvironmentFactory(DjangoModelFactory[Environment]):
    class Meta:
        model = Environment

    platform = factory.SubFactory(PlatformFactory)
    key = factory.Sequence(lambda n: f"env-{n}")
    name = "Production"
    zone = "Europe/Berlin"
    is_production = True


class ServiceFactory(DjangoModelFactory[Service]):
    class Meta:
        model = Service

    environment = factory.SubFactory(EnvironmentFactory)
    platform = factory.SelfAttribute("environment.platform")
    key = factory.Sequence(lambda n: f"service-{n}")
    name = factory.Sequence(lambda n: f"Service {n}")


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    platform = factory.SubFactory(PlatformFactory)
    user = factory.SubFactory("tests.factories.accounts.UserFactory")
    role = "viewer"
    created_at = CREATED


class SeveritySchemeFactory(DjangoModelFactory[SeverityScheme]):
    class Meta:
        model = SeverityScheme

    platform = factory.SubFactory(PlatformFactory)
    kind = "incident"
    name = "Incident severities"


class SeverityFactory(DjangoModelFactory[Severity]):
    class Meta:
        model = Severity

    scheme = factory.SubFactory(SeveritySchemeFactory)
    rank = 1
    label = "P0"


def platform_with_policy(*, key: str, name: str) -> Platform:
    """A platform with environment `prod` (Europe/Berlin), service `web`, and P0–P3 schemes of both kinds."""
    platform = PlatformFactory.create(key=key, name=name)
    environment = EnvironmentFactory.create(platform=platform, key="prod")
    ServiceFactory.create(environment=environment, key="web", name="Web")
    levels: list[Severity] = []
    for kind in ("incident", "alert"):
        scheme = SeveritySchemeFactory.create(platform=platform, kind=kind, name=f"{kind.capitalize()} scheme")
        for rank, (label, word) in enumerate(LABELS, start=1):
            levels.append(SeverityFactory.build(scheme=scheme, rank=rank, label=label, name=word, pages=rank <= 2))
    Severity.objects.bulk_create(levels)  # most tests begin here: one statement, not one for each level
    return platform
