"""A body as the page shows it: times as times, days as drawings."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from monitoring.slo.periods import midnight
from opsportal.core import charts

WINDOWS: Final = 40  # drawn; the text lists what matters
DEPLOYMENTS: Final = 40
_INSTANTS: Final = frozenset({
    "starts_at", "ends_at", "until", "as_of", "at", "from", "to", "judged_at", "since", "approved_at", "voided_at",
    "gaps",
})  # fmt: skip


def revived(value: Any, key: str = "") -> Any:
    """The same with its instants as datetimes: by their keys, for a person's text may look like a time."""
    if isinstance(value, str):
        return datetime.fromisoformat(value) if key in _INSTANTS else value
    if isinstance(value, dict):
        return {name: revived(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [revived(one, key) for one in value]
    return value


def drawn(body: Mapping[str, Any], slo_id: int) -> Markup:
    """Budget left and the calendar of one objective, from the figures of its days; empty for one not in the report."""
    row = next((one for one in body["objectives"] if one["id"] == slo_id), None)
    if row is None:
        return Markup("")
    period = body["period"]
    zone = ZoneInfo(period["zone"] or "UTC")
    days = [(date.fromisoformat(day), used) for day, used in row["days"]]
    even = 100 * timedelta(days=1) / (period["ends_at"] - period["starts_at"])
    left: list[tuple[datetime, float | None]] = [(period["starts_at"], 100.0)]
    used = 0.0
    for day, share in days:
        used += share or 0.0
        ends = min(midnight(day + timedelta(days=1), zone), period["until"])
        left.append((ends, None if share is None else 100 - used))
    name = f"{body['platform_name']}, {row['name']}"
    forecast = None
    if row["forecast"] is not None and not period["is_over"]:
        forecast = 100 * (1 - (1 - row["forecast"]) / (1 - row["objective"]))
    marks = [
        charts.Annotation(
            max(one["from"], period["starts_at"]), f"{one['ref']} −{100 * one['share']:.1f} %", "incident"
        )
        for one in row["attribution"]
        if one["from"] and one["ref"] and one["share"] >= 0.02
    ]
    changes, windows = row.get("changes", ())[:DEPLOYMENTS], row.get("windows", ())[:WINDOWS]
    marks += [charts.Annotation(one["at"], one["label"], "deploy") for one in changes]
    first, last = period["starts_at"], period["until"]
    bands = [charts.Band(max(one["from"], first), min(one["to"] or last, last), one["ref"]) for one in windows]
    bands += [charts.Band(begins, ends, "no data", "nodata") for begins, ends in row["gaps"][:20]]
    burn_down = charts.burn_down(
        left, title=f"{name}: budget left", start=period["starts_at"], end=period["ends_at"], now=period["until"],
        forecast=forecast, annotations=marks, bands=bands, zone=zone,
    )  # fmt: skip
    calendar = charts.heat_map(
        days, title=f"{name}: budget used per day, per cent", limits=(even / 10, even, 3 * even, 25.0),
        today=period["until"].astimezone(zone).date(),
    )  # fmt: skip
    return Markup('<div class="cols c2">{}<div>{}{}</div></div>').format(
        burn_down, calendar, _left_out(row.get("counts", {}), {"changes": len(changes), "windows": len(windows)})
    )


def _left_out(there: Mapping[str, int], shown: Mapping[str, int]) -> Markup:
    """What of the objective's time is not drawn; nothing where all is, or an earlier format does not say."""
    words = {"changes": "deployments", "windows": "windows, freezes and drills"}
    said = [f"{shown[key]} of {n} {words[key]}" for key, n in there.items() if n > shown[key]]
    return Markup('<p class="q f12">Drawn are the first {}.</p>').format(" and ".join(said)) if said else Markup("")
