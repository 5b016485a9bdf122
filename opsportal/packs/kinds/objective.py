"""Thresholds (alarm rules) and service level objectives: what monitoring judges by."""

from datetime import datetime
from typing import Any, Final

from monitoring.models import AlarmRule, Slo, SloVersion
from monitoring.services.objectives import slo_put
from monitoring.services.policy import alarm_rule_put
from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import (
    Context,
    Data,
    Kind,
    pick,
    provenance,
    row_provenance,
    source_columns,
)
from opsportal.platforms.models import Platform, Service, Severity

COMPARISONS: Final = {">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
SIGNS: Final = {code: sign for sign, code in COMPARISONS.items()}
ERROR_RATE: Final = "error-rate"
# What most thresholds leave out, with what it is then; only what is said is compared.
RARE: Final[Data] = {
    "warning": None, "other_side": {}, "clear_value": None, "clear_periods": 0, "measure": "value",
    "flapping": {"changes": 6, "minutes": 60}, "grouped": True,
}  # fmt: skip


def _term(context: Context, service: str, metric: str, stat: str, **more: Any) -> Data:
    selector = context.selector(service, metric)
    term = {
        "namespace": selector.get("namespace"),
        "metric": selector.get("name"),
        "dimensions": selector.get("dimensions"),
    }
    return {**term, "stat": stat, **more}


def _metric_key(context: Context, service: str, term: Data) -> str:
    selector = {"namespace": term["namespace"], "name": term["metric"], "dimensions": term["dimensions"]}
    return context.metric_key(service, selector) or term["metric"]


def _ratio(data: Data, context: Context) -> Data:
    roles = {role: data[role] for role in ("total", "bad")}
    return {role: [_term(context, data["service"], key, "Sum") for key in keys] for role, keys in roles.items()}


def _threshold_shape(data: Data, context: Context) -> Data:
    own = pick(
        data, name="", service="", period=300, datapoints=1, evaluation_periods=1, comparison=">", value=0,
        severity="", opens_incident=False, missing="missing", poll_every=300, note="",
    )  # fmt: skip
    if "metric" in data:
        stat = data["stat"]
        own |= {"signal": data["metric"], "stat": stat}
        own["unit"] = context.selector(data["service"], data["metric"]).get("unit", "")
        own["indicator"] = {"value": _term(context, data["service"], data["metric"], stat)}
    else:
        own |= {"signal": ERROR_RATE, "stat": "Sum", "unit": "Percent", "indicator": _ratio(data, context)}
    rare = {name: data[name] for name, usual in RARE.items() if data.get(name, usual) != usual}
    return {**own, **rare, **provenance(data)}


def _threshold_declare(data: Data, context: Context) -> Data:
    derived = ("signal", "stat", "unit", "indicator")
    own = {name: value for name, value in data.items() if name not in derived}
    indicator, service = data["indicator"], data["service"]
    if "value" in indicator:
        return {**own, "metric": _metric_key(context, service, indicator["value"]), "stat": data["stat"]}
    return {
        **own,
        **{role: [_metric_key(context, service, term) for term in terms] for role, terms in indicator.items()},
    }


def _threshold(row: AlarmRule) -> Data:
    return {
        "name": row.name,
        "service": row.service.key if row.service else "",
        "period": row.period,
        "datapoints": row.datapoints,
        "evaluation_periods": row.window,
        "comparison": SIGNS[row.comparison],
        "value": row.threshold,
        "severity": row.severity.label if row.severity else "",
        "opens_incident": row.opens_incident,
        "missing": row.missing,
        "poll_every": row.poll_every,
        "note": row.note,
        "signal": row.signal,
        "stat": row.stat,
        "unit": row.unit,
        "indicator": row.indicator,
        **_rare(row),
        **row_provenance(row),
    }


def _rare(row: AlarmRule) -> Data:
    other = {"warning": row.opposite_warn, "value": row.opposite_threshold}
    said = {
        "warning": row.warn_threshold,
        "other_side": {name: value for name, value in other.items() if value is not None},
        "clear_value": row.clear_threshold,
        "clear_periods": row.clear_periods,
        "measure": row.measure,
        "flapping": {"changes": row.flap_changes, "minutes": row.flap_minutes},
        "grouped": row.grouped,
    }
    return {name: value for name, value in said.items() if value != RARE[name]}


def _rare_columns(data: Data) -> Data:
    """The inverse of `_rare`."""
    said = {**RARE, **{name: data[name] for name in RARE if name in data}}
    return {
        "warn_threshold": said["warning"],
        "opposite_warn": said["other_side"].get("warning"),
        "opposite_threshold": said["other_side"].get("value"),
        "clear_threshold": said["clear_value"],
        "clear_periods": said["clear_periods"],
        "measure": said["measure"],
        "flap_changes": said["flapping"]["changes"],
        "flap_minutes": said["flapping"]["minutes"],
        "grouped": said["grouped"],
    }


def _threshold_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    same = ("name", "signal", "indicator", "stat", "period", "datapoints", "unit", "missing", "poll_every", "note")
    values = {
        **{name: data[name] for name in (*same, "opens_incident")},
        "service": Service.objects.get(platform=platform, key=data["service"]),
        "severity": Severity.objects.get(scheme__platform=platform, scheme__kind="alert", label=data["severity"]),
        "window": data["evaluation_periods"],
        "comparison": COMPARISONS[data["comparison"]],
        "threshold": float(data["value"]),
        **_rare_columns(data),
        **source_columns(data),
    }
    alarm_rule_put(by=by, at=at, platform=platform, key=key, values=values)


THRESHOLD = Kind(
    name="threshold",
    load=lambda platform: {
        row.key: _threshold(row) for row in platform.alarm_rules.select_related("service", "severity").order_by("pk")
    },
    write=_threshold_write,
    shape=_threshold_shape,
    declare=_threshold_declare,
)


def _slo_shape(data: Data, context: Context) -> Data:
    own = pick(data, name="", service="", objective=0, window_days=30, note="")
    if "latency" in data:
        metric, below = data["latency"]["metric"], data["latency"]["below_seconds"]
        indicator = {
            "total": [_term(context, data["service"], metric, "SampleCount")],
            "good": [_term(context, data["service"], metric, "TC", below=below)],
        }
    else:
        indicator = _ratio(data, context)
    return {**own, "indicator": {"method": "occurrences", **indicator}, **provenance(data)}


def _slo_declare(data: Data, context: Context) -> Data:
    own = {name: value for name, value in data.items() if name != "indicator"}
    indicator, service = data["indicator"], data["service"]
    if "good" in indicator:
        term = indicator["good"][0]
        key = _metric_key(context, service, term)
        return {**own, "kind": "latency", "latency": {"metric": key, "below_seconds": term["below"]}}
    roles = {role: [_metric_key(context, service, term) for term in indicator[role]] for role in ("total", "bad")}
    # The export keeps the declared kind where it knows it; both kinds count alike.
    return {**own, "kind": "availability", **roles}


def _latest(row: Slo) -> SloVersion | None:
    return max(row.versions.all(), key=lambda version: version.number, default=None)


def _slo(row: Slo) -> Data:
    figures = _latest(row)
    return {
        "name": row.name,
        "service": row.service.key if row.service else "",
        "objective": figures.objective if figures else 0,
        "window_days": figures.window_days if figures else 0,
        "note": row.note,
        "indicator": figures.indicator if figures else {},
        **row_provenance(row),
    }


def _slo_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    values = {
        **{name: data[name] for name in ("name", "note", "objective", "window_days", "indicator")},
        "service": Service.objects.get(platform=platform, key=data["service"]),
        **source_columns(data),
    }
    slo_put(by=by, at=at, platform=platform, key=key, values=values)


SLO = Kind(
    name="slo",
    load=lambda platform: {
        row.key: _slo(row)
        for row in platform.slos.select_related("service").prefetch_related("versions").order_by("pk")
    },
    write=_slo_write,
    shape=_slo_shape,
    declare=_slo_declare,
)
