"""OpenSLO v1: objectives read from and written as its YAML. What it says and the portal cannot keep is refused by line.

A metric source is of type CloudWatch and carries our terms: `spec: {terms: [{namespace, metric, dimensions, stat}]}`.
OpenSLO has no field for exclusions: an export names how many there are in an annotation, and leaves them out.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import available_timezones

import yaml

from monitoring.models import Slo, SloVersion
from monitoring.slo.indicator import IndicatorError, slo_terms
from opsportal.packs.documents import Document, FieldPath, PackError, Problem, parse_document

VERSION: Final = "openslo/v1"
SOURCE: Final = "CloudWatch"
CALENDAR: Final = {"week": "1w", "month": "1M", "quarter": "1Q", "year": "1Y"}
KINDS: Final = {duration: kind for kind, duration in CALENDAR.items()}
OPERATORS: Final = {"gt": "gt", "gte": "ge", "lt": "lt", "lte": "le"}
OPERATOR_OF: Final = {code: word for word, code in OPERATORS.items()}
SLICE: Final = "5m"
_KEY: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")
_DAYS: Final = re.compile(r"([1-9]\d{0,2})d")
# Fields an SLO may have; anything else would be lost without a word.
KNOWN: Final[Mapping[FieldPath, frozenset[str]]] = {
    (): frozenset({"apiVersion", "kind", "metadata", "spec"}),
    ("metadata",): frozenset({"name", "displayName", "annotations", "labels"}),
    ("spec",): frozenset({"description", "service", "indicator", "timeWindow", "budgetingMethod", "objectives"}),
    ("spec", "indicator"): frozenset({"metadata", "spec"}),
    ("spec", "indicator", "spec"): frozenset({"ratioMetric", "thresholdMetric"}),
    ("spec", "indicator", "spec", "ratioMetric"): frozenset({"counter", "good", "bad", "total"}),
    ("spec", "timeWindow", 0): frozenset({"duration", "isRolling", "calendar"}),
    ("spec", "timeWindow", 0, "calendar"): frozenset({"startTime", "timeZone"}),
    ("spec", "objectives", 0): frozenset(
        {"displayName", "target", "targetPercent", "op", "value", "timeSliceWindow"}
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declared:
    """One objective as a document declares it; `values` are those of `slo_put`, `service` a key of the platform."""

    key: str
    service: str
    values: dict[str, Any]


class _Reader:
    """Reads one document and collects what is wrong with it."""

    def __init__(self, document: Document, services: Collection[str] | None) -> None:
        self.document = document
        self.services = services
        self.problems: list[Problem] = []

    def fail(self, path: FieldPath, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def at(self, *path: str | int) -> Any:
        found = self.document.data
        for part in path:
            if isinstance(part, str) and isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(part, int) and isinstance(found, list) and part < len(found):
                found = found[part]
            else:
                return None
        return found

    def unknown_fields(self) -> None:
        for path, known in KNOWN.items():
            found = self.at(*path)
            if isinstance(found, Mapping):
                for name in found:
                    if name not in known:
                        self.fail((*path, str(name)), "cannot be kept here; take it out, or keep it elsewhere")

    def text(self, *path: str | int, most: int = 160) -> str:
        found = self.at(*path)
        if found is None:
            return ""
        if not isinstance(found, str) or len(found) > most:
            self.fail(path, f"is text of at most {most} characters")
            return ""
        return found

    def declared(self) -> Declared | None:
        if self.at("apiVersion") != VERSION:
            self.fail(("apiVersion",), f"is not {VERSION}")
        if self.at("kind") != "SLO":
            self.fail(("kind",), "is not SLO: only whole SLOs with their own indicator are read")
        if self.problems:
            return None
        self.unknown_fields()
        key = self.text("metadata", "name", most=80)
        if _KEY.fullmatch(key) is None:
            self.fail(("metadata", "name"), "is made of small letters, digits and hyphens")
        if len(self.at("spec", "objectives") or ()) != 1:
            self.fail(("spec", "objectives"), "has exactly one objective: several, or a composite, cannot be kept")
        service = self.text("spec", "service", most=60)
        if service and self.services is not None and service not in self.services:
            self.fail(("spec", "service"), "is no service of this platform")
        values: dict[str, Any] = {
            "name": self.text("metadata", "displayName") or key,
            "description": self.text("spec", "description", most=4000),
            "objective": self._target(),
            "indicator": self._indicator(),
            **self._window(),
        }
        return None if self.problems else Declared(key, service, values)

    def _target(self) -> Decimal:
        base: FieldPath = ("spec", "objectives", 0)
        share, percent = self.at(*base, "target"), self.at(*base, "targetPercent")
        if (share is None) == (percent is None):
            self.fail(base, "needs one of target and targetPercent")
            return Decimal(0)
        try:
            found = Decimal(str(percent)) if share is None else 100 * Decimal(str(share))
        except InvalidOperation:
            found = Decimal(0)
        if not (found.is_finite() and 0 < found < 100 and found == found.quantize(Decimal("0.001"))):
            self.fail(base, "has a target between 0 and 100 %, to three places")
        return found

    def _window(self) -> dict[str, Any]:
        base: FieldPath = ("spec", "timeWindow", 0)
        if len(self.at("spec", "timeWindow") or ()) != 1:
            self.fail(("spec", "timeWindow"), "has exactly one window")
        duration = self.text(*base, "duration", most=8)
        if self.at(*base, "isRolling") is True:
            days = _DAYS.fullmatch(duration)
            if days is None or int(days[1]) > 400:
                self.fail((*base, "duration"), "of a rolling window is 1d to 400d")
                return {}
            return {"window_kind": "rolling", "window_days": int(days[1]), "zone": "UTC"}
        zone = self.text(*base, "calendar", "timeZone", most=64)
        if zone not in available_timezones():
            self.fail((*base, "calendar", "timeZone"), "is no time zone")
        if duration not in KINDS:
            self.fail((*base, "duration"), f"of a calendar window is one of {', '.join(KINDS)}")
            return {}
        start = self.text(*base, "calendar", "startTime", most=32)
        if not self._begins(KINDS[duration], start):
            self.fail((*base, "calendar", "startTime"), "is no midnight on which such a period begins")
        return {"window_kind": KINDS[duration], "zone": zone}

    @staticmethod
    def _begins(kind: str, text: str) -> bool:
        """Whether `2026-01-01 00:00:00` begins such a period; a week begins on Monday."""
        try:
            start = datetime.fromisoformat(text)
        except ValueError:
            return False
        first = {
            "week": start.weekday() == 0, "month": start.day == 1, "quarter": start.day == 1 and start.month % 3 == 1,
            "year": (start.month, start.day) == (1, 1),
        }[kind]  # fmt: skip
        return first and (start.hour, start.minute, start.second) == (0, 0, 0)

    def _indicator(self) -> dict[str, Any]:
        base: FieldPath = ("spec", "indicator", "spec")
        method = self.at("spec", "budgetingMethod")
        if method == "Occurrences":
            found = self._ratio((*base, "ratioMetric"))
        elif method == "Timeslices":
            found = self._slices((*base, "thresholdMetric"))
        else:
            self.fail(("spec", "budgetingMethod"), "is Occurrences or Timeslices; ratios of slices cannot be kept")
            return {}
        try:
            if not self.problems:
                slo_terms(found)
        except (IndicatorError, TypeError, ValueError, AttributeError) as error:
            self.fail(base, f"cannot be counted: {error}")
        return found

    def _ratio(self, base: FieldPath) -> dict[str, Any]:
        if self.at(*base, "counter") is not True:
            self.fail((*base, "counter"), "is true: events are counted, ratios are not averaged")
        for name in ("op", "value", "timeSliceWindow"):
            if self.at("spec", "objectives", 0, name) is not None:
                self.fail(("spec", "objectives", 0, name), "belongs to time slices")
        roles = {role: self._terms((*base, role)) for role in ("total", "good", "bad") if self.at(*base, role)}
        return {"method": "occurrences", **roles}

    def _slices(self, base: FieldPath) -> dict[str, Any]:
        objective: FieldPath = ("spec", "objectives", 0)
        if self.at(*objective, "timeSliceWindow") != SLICE:
            self.fail((*objective, "timeSliceWindow"), f"is {SLICE}: slices of another length cannot be kept")
        operator, value = self.at(*objective, "op"), self.at(*objective, "value")
        if operator not in OPERATORS or not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(objective, f"needs a number as value, and op: {', '.join(OPERATORS)}")
            return {}
        terms = self._terms(base)
        if len(terms) != 1:
            self.fail(base, "has exactly one term")
            return {}
        spec = self.at(*base, "metricSource", "spec")
        found = {"method": "timeslices", "value_of": terms[0], "comparison": OPERATORS[operator], "value": value}
        return found | ({"per_second": True} if spec.get("perSecond") is True else {})

    def _terms(self, base: FieldPath) -> Sequence[Any]:
        source = (*base, "metricSource")
        if self.at(*source, "type") != SOURCE:
            self.fail((*source, "type"), f"is not {SOURCE}")
            return []
        terms = self.at(*source, "spec", "terms")
        if not isinstance(terms, list):
            self.fail((*source, "spec"), "needs `terms`, a list of statistics to add up")
            return []
        return terms


def read(text: str, file: str, services: Collection[str] | None = None) -> list[Declared]:
    """The objectives that OpenSLO text declares, of these services where they are given.

    Raises PackError with every line that cannot be kept.
    """
    found: list[Declared] = []
    problems: list[Problem] = []
    for first_line, part in _parts(text):
        reader = _Reader(parse_document(part, file, first_line=first_line), services)
        one = reader.declared()
        problems += reader.problems
        if one is not None:
            found.append(one)
    if problems or not found:
        raise PackError(problems or [Problem(file, 1, "", "declares no SLO")])
    return found


def _parts(text: str) -> list[tuple[int, str]]:
    """The documents of a stream with the line each begins on."""
    parts: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if line.rstrip() == "---":
            parts.append((number + 1, []))
        else:
            parts[-1][1].append(line)
    return [(first, "".join(lines)) for first, lines in parts if "".join(lines).strip()]


def write(slos: Sequence[tuple[Slo, SloVersion]]) -> str:
    """These objectives as OpenSLO documents; `read` gives the same back."""
    return yaml.safe_dump_all(
        [_document(slo, version) for slo, version in slos], sort_keys=False, allow_unicode=True, explicit_start=True
    )


def _document(slo: Slo, version: SloVersion) -> dict[str, Any]:
    indicator = version.indicator
    objective: dict[str, Any] = {"displayName": slo.name, "targetPercent": float(version.objective)}
    if indicator.get("method") == "timeslices":
        spec = {"terms": [indicator["value_of"]]} | ({"perSecond": True} if indicator.get("per_second") else {})
        metric: dict[str, Any] = {"thresholdMetric": {"metricSource": {"type": SOURCE, "spec": spec}}}
        objective |= {
            "op": OPERATOR_OF[indicator["comparison"]], "value": indicator["value"], "timeSliceWindow": SLICE
        }  # fmt: skip
    else:
        metric = {
            "ratioMetric": {"counter": True} | {
                role: {"metricSource": {"type": SOURCE, "spec": {"terms": indicator[role]}}}
                for role in ("total", "good", "bad")
                if indicator.get(role)
            }
        }  # fmt: skip
    window: dict[str, Any] = {"duration": f"{version.window_days}d", "isRolling": True}
    if version.window_kind != "rolling":
        first = "2026-01-05 00:00:00" if version.window_kind == "week" else "2026-01-01 00:00:00"
        calendar = {"startTime": first, "timeZone": version.zone}
        window = {"duration": CALENDAR[version.window_kind], "isRolling": False, "calendar": calendar}
    excluded = slo.exclusions.filter(voided_at=None).count()
    return {
        "apiVersion": VERSION,
        "kind": "SLO",
        "metadata": {
            "name": slo.key,
            "displayName": slo.name,
            "annotations": {
                "opsportal/version": str(version.number),
                "opsportal/exclusions": str(excluded),
            },
        },
        "spec": {
            "description": slo.description,
            **({"service": slo.service.key} if slo.service else {}),
            "indicator": {"metadata": {"name": f"{slo.key}-indicator"}, "spec": metric},
            "timeWindow": [window],
            "budgetingMethod": "Timeslices" if indicator.get("method") == "timeslices" else "Occurrences",
            "objectives": [objective],
        },
    }
