"""Policy as data: metrics of services, alarm rules. Written by packs and by admins."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from monitoring.models import AlarmRule, ServiceMetric
from monitoring.services.alarms import alarms_release
from monitoring.slo.indicator import rule_terms
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.models import VersionedModel
from opsportal.platforms.models import Platform, Service

RowT = TypeVar("RowT", bound=VersionedModel)
SWITCHED_OFF = "Its rule was switched off."


def row_put(
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
    return row_put(
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
    row = row_put(
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
