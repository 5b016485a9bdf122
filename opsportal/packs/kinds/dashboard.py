"""Dashboards: the key metrics and panels that a guide names (M-MET-02, M-MET-06)."""

from datetime import datetime
from typing import Any

from monitoring.models import Chart, Dashboard
from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import Platform

_UNSAID = Chart._field_defaults


def _shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, title="", note="", range="3h", compare="")
    charts = [Chart(**chart)._asdict() for chart in data["charts"]]
    return {**own, "charts": charts, **provenance(data)}


def _load(platform: Platform) -> dict[str, Data]:
    rows = Dashboard.objects.filter(platform=platform).of_origin("pack").order_by("pk")
    return {
        row.key: {
            "title": row.name,
            "note": row.note,
            "range": row.range,
            "compare": row.compare,
            "charts": row.charts,
            **row_provenance(row),
        }
        for row in rows
    }


def _write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {
        "name": data["title"],
        **{name: data[name] for name in ("note", "range", "compare", "charts")},
        **source_columns(data),
    }
    row = Dashboard.objects.filter(platform=platform, key=key).first()
    save(row, lambda: Dashboard(platform=platform, key=key), columns)


def _declare(data: Data, context: Context) -> Data:
    """A chart says only what differs from the usual."""
    del context
    return {**data, "charts": [_said(chart) for chart in data["charts"]]}


def _said(chart: dict[str, Any]) -> Data:
    return {name: value for name, value in chart.items() if value != _UNSAID[name]}


DASHBOARD = Kind(name="dashboard", load=_load, write=_write, shape=_shape, declare=_declare)
