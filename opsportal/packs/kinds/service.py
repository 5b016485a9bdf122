"""Services with their AWS selectors, and the metrics of each service's picture."""

from datetime import datetime

from monitoring.models import ServiceMetric
from monitoring.services.policy import service_metric_put
from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import Environment, Platform, Service


def _service_shape(data: Data, context: Context) -> Data:
    del context
    return pick(data, name="", description="", environment="", selectors={}, note="")


def _service_load(platform: Platform) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for row in platform.services.select_related("environment").order_by("pk"):
        own = {"name": row.name, "description": row.description, "environment": row.environment.key}
        found[row.key] = {**own, "selectors": row.selectors, "note": row.note}
    return found


def _service_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    environment = Environment.objects.get(platform=platform, key=data["environment"])
    columns = {**data, "environment": environment}
    row = Service.objects.filter(platform=platform, key=key).first()
    save(row, lambda: Service(platform=platform, key=key), columns)


SERVICE = Kind(name="service", load=_service_load, write=_service_write, shape=_service_shape)


def _metric_shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, title="", namespace="", name="", dimensions={}, unit="", stats=[], poll_every=300, position=0)
    return {**own, "title": own["title"] or data["key"].replace("-", " ").capitalize(), **provenance(data)}


def _metric(row: ServiceMetric) -> Data:
    return {
        "title": row.name,
        "namespace": row.namespace,
        "name": row.metric,
        "dimensions": row.dimensions,
        "unit": row.unit,
        "stats": row.stats,
        "poll_every": row.poll_every,
        "position": row.position,
        **row_provenance(row),
    }


def _metric_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    service_key, metric_key = key.split(".", 1)
    service = Service.objects.get(platform=platform, key=service_key)
    values = {
        **{name: data[name] for name in ("namespace", "dimensions", "unit", "stats", "poll_every", "position")},
        "name": data["title"],
        "metric": data["name"],
        **source_columns(data),
    }
    service_metric_put(by=by, at=at, service=service, key=metric_key, values=values)


def _metric_load(platform: Platform) -> dict[str, Data]:
    rows = platform.service_metrics.select_related("service").order_by("service_id", "position", "pk")
    return {f"{row.service.key}.{row.key}": _metric(row) for row in rows}


def _metric_declare(data: Data, context: Context) -> Data:
    """A metric carries the provenance and the place of its service's list in the file."""
    del context
    return {name: value for name, value in data.items() if name not in ("position", *provenance(data))}


METRIC = Kind(
    name="metric",
    load=_metric_load,
    write=_metric_write,
    shape=_metric_shape,
    declare=_metric_declare,
)
