"""Probes for pages and the API: what fails first, then what is not known."""

from datetime import datetime, timedelta

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from monitoring.models import PROBE_NAMESPACE, Probe, ProbeResult, Series
from monitoring.models.probes import LATE
from opsportal.core.actor import Actor
from opsportal.core.pagination import Page, keyset_page

# Worst first as PostgreSQL can tell; what stands in a row is `Probe.kind_at`.
ORDER = ("place", "key", "pk")
PAGE = 50
RESULTS = 60


def probes_of(actor: Actor, *, at: datetime, platform_id: int | None = None) -> QuerySet[Probe]:
    """Probes the actor may see, with `place` to order them: failing, not known, fine, paused."""
    known = Q(ran_at__gte=at - 2 * timedelta(seconds=30) - LATE, ok__isnull=False)
    place = Case(
        When(enabled=False, then=Value(3)),
        When(known & Q(ok=False), then=Value(0)),
        When(~known | Q(ran_at=None) | Q(ok=None), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = Probe.objects.visible_to(actor).of_platform(platform_id).annotate(place=place)
    return rows.select_related("platform", "service", "severity", "database", "alarm")


def probe_page(
    actor: Actor, *, at: datetime, platform_id: int | None, cursor: str | None, size: int = PAGE
) -> Page[Probe]:
    """A page of probes, the worst first."""
    return keyset_page(probes_of(actor, at=at, platform_id=platform_id), order=ORDER, cursor=cursor, size=size)


def result_page(probe: Probe, *, failed_only: bool, cursor: str | None, size: int = RESULTS) -> Page[ProbeResult]:
    """Its answers, newest first."""
    rows = ProbeResult.objects.filter(probe=probe)
    if failed_only:
        rows = rows.filter(Q(ok=False) | Q(ok=None))
    return keyset_page(rows, order=("-slot_at", "-pk"), cursor=cursor, size=size)


def day_counts(probe: Probe, *, at: datetime) -> dict[str, int]:
    """Answers of the last 24 h: `asked`, `fine`, and `due`, how many slots there were."""
    since = max(at - timedelta(days=1), probe.created_at)
    rows = ProbeResult.objects.filter(probe=probe, slot_at__gte=since)
    counted = rows.aggregate(asked=Count("pk", filter=Q(ok__isnull=False)), fine=Count("pk", filter=Q(ok=True)))
    due = int((at - since) / timedelta(seconds=probe.every))
    return {**counted, "due": max(due, counted["asked"])}


def series_of(probe: Probe) -> list[Series]:
    """What it measures: success first."""
    own = Series.objects.filter(
        platform_id=probe.platform_id, namespace=PROBE_NAMESPACE, account=None, dimensions={"Probe": probe.key},
        count_below=None,
    )  # fmt: skip
    return list(own.order_by("-name"))
