"""Pages of objectives, reports and windows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from maintenance.services.freezes import freeze_begin
from monitoring.models import Annotation, AnnotationKind, EvidenceResult, Slo, SloBucket, SloExclusion
from monitoring.slo.periods import parse
from monitoring.store import floor_to
from opsportal.core.actor import Actor
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Platform, Service
from opsportal.reports.period.services import report_publish
from tests.factories.incidents import alarm, declare, transition
from tests.factories.maintenance import checklist_run
from tests.factories.monitoring import service_of, slo_of

DAY: Final = timedelta(days=1)


def _objectives(platform: Platform, by: Actor, at: datetime, count: int) -> list[Slo]:
    """So many objectives that counted, burned under an incident, were frozen for and partly left out."""
    hour = floor_to(at, 3600) - timedelta(hours=2)
    service, slos = service_of(platform), []
    for number in range(count):
        slo = slo_of(platform, at=at - 20 * DAY, key=f"slo-{number}", name=f"Objective {number}")
        SloBucket.objects.bulk_create(
            SloBucket(slo=slo, res=res, ts=hour, good=60, total=100, xgood=1, xtotal=3, expected=n, covered=n)
            for res, n in ((5, 1), (60, 12), (1440, 288))
        )
        SloExclusion.objects.create(
            platform=platform, slo=slo, starts_at=hour, ends_at=hour + timedelta(minutes=5), reason="Test",
            requested_by_id=by.user_id, approved_by_id=by.user_id, created_at=at, approved_at=at,
        )  # fmt: skip
        Annotation.objects.create(
            platform=platform, kind=AnnotationKind.INCIDENT, ref=f"INC-{platform.pk}{number}", title="Fault",
            url="/incidents/1/", service=service, starts_at=hour, ends_at=hour + timedelta(minutes=5 * number + 5),
        )  # fmt: skip
        slos.append(slo)
    return slos


def _slos(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _objectives(platform, by, at, count)
    return f"/slos/?platform={platform.key}"


def _slo_report(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _objectives(platform, by, at, count)
    return f"/reports/slo/?platform={platform.key}"


def _standing(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _objectives(platform, by, at, count)
    return f"/reports/standing/?platform={platform.key}"


def _period(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    """A month with objectives, incidents, firings, a list and backup checks."""
    _objectives(platform, by, at, count)
    checklist_run(platform, at=at - DAY, items=1)
    for number in range(count):
        declare(platform, by=by, at=at, title=f"Fault {number}")
        # Before the last whole slice of the clock, to which a report counts.
        transition(alarm(platform, key=f"r{number}", signal=f"r{number}"), "alarm", at - timedelta(minutes=10))
        EvidenceResult.objects.create(
            platform=platform, check_name=f"backup.{number}", verdict="ok", fetched_at=at, created_at=at
        )
    return f"/reports/period/{platform.key}/?period={at - 2 * DAY:%Y-%m-%d}..{at:%Y-%m-%d}"


def _published(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        first = at - timedelta(days=number + 1)
        period = parse(f"{first:%Y-%m-%d}..{first:%Y-%m-%d}", at, zone_of(platform.pk))
        report_publish(by=by, at=at, platform=platform, service=None, period=period)
    return f"/reports/published/?platform={platform.key}"


def _firings(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        transition(alarm(platform, key=f"f{number}", signal=f"f{number}"), "alarm", at - timedelta(minutes=10))
    return f"/reports/period/{platform.key}/firings/?period={at - DAY:%Y-%m-%d}..{at:%Y-%m-%d}"


def _windows(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    environment = service_of(platform).environment
    for number in range(count):
        service = Service.objects.create(
            platform=platform, environment=environment, key=f"s{number}", name=f"Service {number}"
        )
        freeze_begin(by=by, at=at, platform=platform, service=service, reason="Launch", ends_at=at + DAY)
    return f"/maintenance/?platform={platform.key}"


def _overview(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _windows(platform, by, at, count)
    return f"/monitoring/?platform={platform.key}"


REPORT_PAGES: Final[dict[str, Callable[[Platform, Actor, datetime, int], str]]] = {
    "objectives": _slos,
    "report of objectives": _slo_report,
    "standing": _standing,
    "report of a period": _period,
    "published reports": _published,
    "firings behind a report": _firings,
    "windows and freezes": _windows,
    "overview": _overview,
}
