"""Saved questions to a service's logs (M-MET-07)."""

from datetime import datetime

from monitoring.models import LogQuery
from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import Platform, Service


def _shape(data: Data, context: Context) -> Data:
    del context
    return {**pick(data, title="", text="", minutes=60, guide_text="", note=""), **provenance(data)}


def _load(platform: Platform) -> dict[str, Data]:
    rows = platform.log_queries.select_related("service").order_by("pk")
    return {
        f"{row.service.key}.{row.key}": {
            "title": row.name,
            "text": row.text,
            "minutes": row.minutes,
            "guide_text": row.guide_text,
            "note": row.note,
            **row_provenance(row),
        }
        for row in rows
    }


def _write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    service_key, query_key = key.split(".", 1)
    service = Service.objects.get(platform=platform, key=service_key)
    columns = {
        "name": data["title"],
        **{name: data[name] for name in ("text", "minutes", "guide_text", "note")},
        **source_columns(data),
    }
    row = LogQuery.objects.filter(service=service, key=query_key).first()
    save(row, lambda: LogQuery(platform=platform, service=service, key=query_key), columns)


LOG_QUERY = Kind(name="log-query", load=_load, write=_write, shape=_shape)
