"""What one incident used of the error budgets, as the SLO report attributes them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from monitoring.models import Annotation, AnnotationKind, Slo, SloBucket
from monitoring.selectors.slo_report import slo_rows
from monitoring.slo.attribution import SLICE, Mark, attribute
from monitoring.slo.periods import rolling

DAYS = 30


@dataclass(frozen=True, slots=True)
class Burnt:
    """Share of an objective's budget of the 30 days to the incident's end, and the minutes fully down that equal it.

    None where nothing was counted under the incident: unknown, not nothing.
    """

    slo_id: int
    name: str
    share: float | None
    minutes: float | None


def _about(platform_id: int, service_id: int | None) -> QuerySet[Slo]:
    """The objectives that are about a service; without one, all of the platform."""
    slos = Slo.objects.filter(platform_id=platform_id, enabled=True).order_by("key", "pk")
    return slos if service_id is None else slos.filter(Q(service_id=service_id) | Q(service__isnull=True))


def is_counted(*, platform_id: int, service_id: int | None, until: datetime) -> bool:
    """Whether each objective about the service was counted up to `until`; true where there is none."""
    reached = SloBucket.objects.filter(slo=OuterRef("pk"), res=5, covered__gt=0, ts__gte=until - SLICE)
    return not _about(platform_id, service_id).filter(~Exists(reached)).exists()


def burnt_by(*, platform_id: int, service_id: int | None, ref: str, at: datetime) -> list[Burnt]:
    """What the incident `ref` used of the budgets of its service, of all the platform's when it names none."""
    marks = Annotation.objects.filter(platform_id=platform_id, kind=AnnotationKind.INCIDENT)
    own = marks.filter(ref=ref).first()
    if own is None:
        return []
    slos = _about(platform_id, service_id)
    ends_at = own.ends_at or at
    rows = slo_rows(list(slos), rolling(ends_at + SLICE, DAYS))
    if not rows:
        return []
    over = marks.filter(starts_at__lt=ends_at).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=own.starts_at))
    others = list(over.order_by("starts_at", "pk")[:200])
    buckets = SloBucket.objects.filter(
        slo__in=[row.slo.pk for row in rows], res=5, covered__gt=0, ts__gt=own.starts_at - SLICE, ts__lt=ends_at
    ).annotate(bad=F("total") - F("xtotal") - F("good") + F("xgood"))
    slices: dict[int, list[tuple[datetime, float]]] = {}
    for slo_id, ts, bad in buckets.order_by("ts").values_list("slo_id", "ts", "bad"):
        slices.setdefault(slo_id, []).append((ts, bad))
    found = []
    for row in sorted(rows, key=lambda row: row.slo.key):
        here = [mark for mark in others if mark.service_id in (None, row.slo.service_id)]
        counted = slices.get(row.slo.pk)
        share = minutes = None
        if counted and row.budget.events:
            used = attribute(counted, [Mark(mark.ref, mark.starts_at, mark.ends_at) for mark in here])
            share = used.get(ref, 0.0) / row.budget.events
            minutes = share * row.budget.minutes
        found.append(Burnt(row.slo.pk, row.slo.name, share, minutes))
    return found
