"""What is counted: the JSON of an indicator, read and checked once, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

ADDITIVE: Final = frozenset({"Sum", "SampleCount", "Minimum", "Maximum", "TC"})
STATS: Final = ADDITIVE | {"Average", "p50", "p95", "p99"}
MISSING: Final = frozenset({"", "gap", "zero", "carry"})
COUNTED: Final = frozenset({"Sum", "SampleCount", "TC"})


class IndicatorError(ValueError):
    """The indicator cannot be counted; the message names the field."""


@dataclass(frozen=True, slots=True)
class Term:
    """One statistic of one metric; `below` belongs to TC, the number of samples under it.

    `missing` says what a period without a datapoint means (gap, zero, carry); "" leaves it to the kind of metric.
    """

    role: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    below: float | None = None
    region: str = ""
    missing: str = ""


def _whole(indicator: Any) -> Mapping[str, Any]:
    if not isinstance(indicator, Mapping):
        raise IndicatorError("An indicator is a mapping.")
    return indicator


def _listed(indicator: Mapping[str, Any], role: str) -> Sequence[Any]:
    found = indicator.get(role) or []
    if not isinstance(found, list | tuple):
        raise IndicatorError(f"{role}: a list of terms is needed.")
    return found


def _figure(value: Any, name: str) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not isfinite(found):
        raise IndicatorError(f"{name}: a number is needed.")
    return found


def read_term(data: Mapping[str, Any], *, role: str, stat: str = "") -> Term:
    """Read one TERM; `stat` stands in where it names none. Raises IndicatorError."""
    if not isinstance(data, Mapping):
        raise IndicatorError(f"{role}: a term is a mapping.")
    chosen = str(data.get("stat") or stat)
    if chosen not in STATS:
        raise IndicatorError(f"{role}: unknown statistic {chosen!r}.")
    below = data.get("below")
    if (chosen == "TC") != (below is not None):
        raise IndicatorError(f"{role}: TC needs `below`, and nothing else does.")
    namespace, metric = data.get("namespace"), data.get("metric")
    dimensions = data.get("dimensions") or {}
    if not namespace or not metric or not isinstance(dimensions, Mapping):
        raise IndicatorError(f"{role}: namespace, metric and dimensions are needed.")
    pairs = tuple(sorted((str(name), str(value)) for name, value in dimensions.items()))
    limit = None if below is None else _figure(below, f"{role}: below")
    missing = str(data.get("missing") or "")
    if missing not in MISSING:
        raise IndicatorError(f"{role}: missing is one of gap, zero and carry.")
    return Term(role, str(namespace), str(metric), pairs, chosen, limit, str(data.get("region") or ""), missing)


def slo_terms(indicator: Mapping[str, Any]) -> list[Term]:
    """The terms of an objective. Raises IndicatorError."""
    method = _whole(indicator).get("method", "occurrences")
    if method == "timeslices":
        if indicator.get("comparison") not in ("gt", "ge", "lt", "le") or "value" not in indicator:
            raise IndicatorError("timeslices: comparison and value are needed.")
        _figure(indicator["value"], "timeslices: value")
        return [read_term(indicator.get("value_of") or {}, role="value")]
    if method != "occurrences":
        raise IndicatorError(f"Unknown method {method!r}.")
    if bool(indicator.get("bad")) == bool(indicator.get("good")):
        raise IndicatorError("occurrences: exactly one of good and bad is needed.")
    terms = [
        read_term(term, role=role, stat="Sum") for role in ("total", "bad", "good") for term in _listed(indicator, role)
    ]
    if not any(term.role == "total" for term in terms):
        raise IndicatorError("occurrences: total is needed.")
    uncounted = [term.stat for term in terms if term.stat not in COUNTED]
    if uncounted:
        raise IndicatorError(f"occurrences: {uncounted[0]} does not add up; use Sum, SampleCount or TC.")
    return terms


def rule_terms(indicator: Mapping[str, Any], *, stat: str) -> list[Term]:
    """The terms of an alarm rule: one value, or bad and total. Raises IndicatorError."""
    if "value" in _whole(indicator):
        return [read_term(indicator["value"], role="value", stat=stat)]
    terms = [read_term(term, role=role, stat="Sum") for role in ("bad", "total") for term in _listed(indicator, role)]
    if {term.role for term in terms} != {"bad", "total"}:
        raise IndicatorError("A rule needs `value`, or `bad` and `total`.")
    return terms
