"""The scorecard (M-MET-13): rules and success criteria of the guides, each with what was reached and the rows behind.

A criterion without data is unknown, never met.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from opsportal.core.formats import DASH, duration, percent
from opsportal.reports.incidents.selectors import Report


@dataclass(frozen=True, slots=True)
class Line:
    """One rule. `rows` names the list behind it: an objective's buckets, a figure's incidents, runs, deployments."""

    rule: str
    asked: str
    reached: str
    is_met: bool | None
    rows: str
    key: str
    source: str

    def data(self) -> dict[str, Any]:
        return asdict(self)


# Phase09's "Always do" and "Never do": what the portal's record can tell of them. Each asks for all of its cases.
ALWAYS: Final[Mapping[str, str]] = {
    "clocks": "Always respond promptly: clocks met",
    "documented": "Always document all incidents",
    "reviews": "Never skip reviews: reviews on time",
}
PHASE09: Final = "Phase09, Critical Requirements for This Phase"


def scorecard(body: Mapping[str, Any], incidents: Report) -> list[Line]:
    """Every line of the scorecard, in the order of the report's sections."""
    return [*_objectives(body["objectives"]), *_targets(incidents), *_always(incidents), *_lists(body), *_backups(body)]


def _objectives(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [
        Line(
            rule=row["name"],
            asked=f"≥ {percent(row['objective'], 2)}",
            reached=percent(row["adjusted"], 3),
            is_met=None if row["health"] == "no_data" else row["budget"]["left"] >= 0,
            rows="buckets",
            key=str(row["id"]),
            source=row["source"],
        )
        for row in rows
    ]


def _targets(incidents: Report) -> list[Line]:
    lines = []
    for row in incidents.targets:
        reached = percent(row.reached, 1) if isinstance(row.reached, float) else duration(row.reached)
        name = f"{row.name}, {row.severity}" if row.severity else row.name
        rows = "changes" if row.target.figure in ("change_failure", "rollback") else "incidents"
        key = row.target.figure
        lines.append(Line(name, row.target.words, reached, row.is_met, rows, key, row.target.source_text))
    return lines


def _share(rule: str, part: int, whole: int, *, rows: str, key: str, source: str) -> Line:
    reached = f"{part} of {whole}" if whole else DASH
    return Line(rule, "all", reached, None if not whole else part == whole, rows, key, source)


def _always(incidents: Report) -> list[Line]:
    found = {row.key: row.now for row in incidents.shares}
    lines = [
        _share(rule, found[key].part, found[key].whole, rows="incidents" if key == "documented" else "clocks", key=key,
               source=PHASE09)
        for key, rule in ALWAYS.items()
    ]  # fmt: skip
    seen = next(row.now for row in incidents.times if row.key == "mtta")
    whole = seen.n + seen.excluded.get("not acknowledged", 0)
    rule = "Never ignore alerts: incidents acknowledged"
    return [*lines, _share(rule, seen.n, whole, rows="incidents", key="mtta", source=PHASE09)]


def _lists(body: Mapping[str, Any]) -> list[Line]:
    rows = body["checklists"]
    done, whole = sum(row["done"] for row in rows), sum(row["done"] + row["late"] + row["missed"] for row in rows)
    return [_share("Always review and maintain: lists done in time", done, whole, rows="runs", key="", source=PHASE09)]


def _backups(body: Mapping[str, Any]) -> list[Line]:
    rows = body["backups"]
    good = sum(row["ok"] for row in rows)
    whole = sum(row["ok"] + row["warn"] + row["fail"] + row["unknown"] for row in rows)
    return [_share("Never skip backup verification", good, whole, rows="evidence", key="", source=PHASE09)]
