"""Policy as data: metrics of services, alarm rules, objectives, platform databases. Written by packs and by admins."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction

from monitoring.models import AlarmRule, ServiceMetric, Slo, SloVersion, TargetDatabase
from monitoring.services.alarms import alarms_release
from monitoring.slo.indicator import rule_terms, slo_terms
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.models import VersionedModel
from opsportal.platforms.models import Platform, Service

VERSION_FIELDS = ("objective", "window_days", "indicator")
RowT = TypeVar("RowT", bound=VersionedModel)
SWITCHED_OFF = "Its rule was switched off."


def _put(
    model: type[RowT],
    *,
    by: Actor,
    at: datetime,
    verb: str,
    platform_id: int,
    match: Mapping[str, Any],
    values: Mapping[str, Any],
) -> RowT:
    """Insert or change one row by its key; an unchanged row is left alone and leaves no audit row."""
    row, is_new, changed = model.put(match=match, values=values)
    if is_new or changed:
        data = {"key": str(match["key"]), "new": is_new, "changed": changed}
        kind = f"{model._meta.app_label}.{model._meta.model_name}"
        record(by=by, at=at, verb=verb, obj_kind=kind, obj_id=row.pk, platform_id=platform_id, data=data)
    return row


@transaction.atomic
def service_metric_put(
    *, by: Actor, at: datetime, service: Service, key: str, values: Mapping[str, Any]
) -> ServiceMetric:
    """Put a metric into a service's picture. `values` are fields of ServiceMetric."""
    match = {"service": service, "key": key}
    return _put(
        ServiceMetric,
        by=by,
        at=at,
        verb="monitoring.service_metric.changed",
        platform_id=service.platform_id,
        match=match,
        values={**values, "platform_id": service.platform_id},
    )


@transaction.atomic
def alarm_rule_put(*, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]) -> AlarmRule:
    """Put a threshold. `values` are fields of AlarmRule. Raises IndicatorError, ThresholdError."""
    from monitoring.evaluation import threshold_of

    rule_terms(values["indicator"], stat=values.get("stat", "Average"))
    row = _put(
        AlarmRule,
        by=by,
        at=at,
        verb="monitoring.alarm_rule.changed",
        platform_id=platform.pk,
        match={"platform": platform, "key": key},
        values=values,
    )
    threshold_of(row)
    if not row.enabled:
        alarms_release(platform=platform, at=at, reason=SWITCHED_OFF)
    return row


@transaction.atomic
def slo_put(*, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]) -> Slo:
    """Put an objective. A changed `objective` (per cent), `window_days` or `indicator` makes a new dated version.

    The first version counts from the beginning, so that backfilled history is judged by it. Raises IndicatorError.
    """
    slo_terms(values["indicator"])
    plain = {name: value for name, value in values.items() if name not in VERSION_FIELDS}
    slo = _put(
        Slo,
        by=by,
        at=at,
        verb="monitoring.slo.changed",
        platform_id=platform.pk,
        match={"platform": platform, "key": key},
        values=plain,
    )
    promised = {
        "objective": Decimal(str(values["objective"])),
        "window_days": int(values.get("window_days", 30)),
        "indicator": dict(values["indicator"]),
    }
    last = slo.versions.order_by("-number").first()
    if last is None or any(getattr(last, name) != value for name, value in promised.items()):
        version = SloVersion.objects.create(
            slo=slo, number=last.number + 1 if last else 1, effective_from=at, created_by_name=by.name, **promised
        )
        record(
            by=by,
            at=at,
            verb="monitoring.slo.promised",
            obj_kind="monitoring.slo",
            obj_id=slo.pk,
            platform_id=platform.pk,
            data={"version": version.number, "objective": str(promised["objective"])},
        )
    return slo


@transaction.atomic
def target_database_put(
    *, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]
) -> TargetDatabase:
    """Name a platform's own database; never a password."""
    return _put(
        TargetDatabase,
        by=by,
        at=at,
        verb="monitoring.target_database.changed",
        platform_id=platform.pk,
        match={"platform": platform, "key": key},
        values=values,
    )
