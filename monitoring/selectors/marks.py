"""Marks that hold now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from monitoring.models import Annotation, AnnotationKind, Slo
from opsportal.core.actor import Actor
from opsportal.platforms.models import Service

MOST: Final = 20


def _holding(actor: Actor, at: datetime) -> QuerySet[Annotation]:
    rows = Annotation.objects.visible_to(actor).filter(kind=AnnotationKind.FREEZE, starts_at__lte=at, ends_at__gt=at)
    found: QuerySet[Annotation] = rows.order_by("ends_at", "pk")
    return found


def freezes(
    actor: Actor, *, at: datetime, platform_id: int | None = None, service: Service | None = None
) -> Sequence[Annotation]:
    """Change freezes that hold at that time: everywhere, of one platform, or over a service; first what ends first."""
    rows = _holding(actor, at)
    if service is not None:
        rows = rows.filter(Q(service=None) | Q(service=service), platform_id=service.platform_id)
    elif platform_id is not None:
        rows = rows.filter(platform_id=platform_id)
    return list(rows[:MOST])


def freezes_over(actor: Actor, slo: Slo, at: datetime) -> Sequence[Annotation]:
    """Those that hold over the service of an objective, or over its platform."""
    own = Q(service=None) | Q(service_id=slo.service_id) if slo.service_id else Q()
    return list(_holding(actor, at).filter(own, platform_id=slo.platform_id)[:MOST])
