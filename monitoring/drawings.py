"""The drawings of an objective: budget left and the calendar."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from markupsafe import Markup

from monitoring.models import LASTING, AnnotationKind
from monitoring.selectors.slo_detail import Detail
from monitoring.slo.periods import Period
from opsportal.core import charts

BANDS: Final = 200  # windows, freezes and drills drawn
LABELLED: Final = 0.02  # a smaller share is no label on the chart


@dataclass(frozen=True, slots=True)
class Drawings:
    """SVG for the page, and the calendar's limits in per cent a day."""

    left: Markup
    calendar: Markup
    even: float


def drawings(detail: Detail, period: Period) -> Drawings:
    """Draw the budget left with its marks, and what each day used."""
    row = detail.row
    shares = {share.ref: share.share for share in detail.shares if share.ref}
    marks: list[charts.Annotation] = []
    bands: list[charts.Band] = []
    for mark in detail.marks:
        if mark.kind == AnnotationKind.INCIDENT and shares.get(mark.ref, 0) >= LABELLED:
            label = "" if mark.restricted else f"{mark.ref} −{100 * shares[mark.ref]:.1f} %"
            marks.append(charts.Annotation(max(mark.starts_at, period.starts_at), label, "incident"))
        elif mark.kind in LASTING:
            end = min(mark.ends_at or period.until, period.until)
            bands.append(charts.Band(max(mark.starts_at, period.starts_at), end, mark.ref))
    bands = bands[:BANDS]
    bands += [charts.Band(begins, ends, "no data", "nodata") for begins, ends in detail.gaps[:20]]
    days = max(1.0, (period.ends_at - period.starts_at) / timedelta(days=1))
    even = 100 / days
    name = f"{row.slo.platform.name}, {row.slo.name}"
    options: dict[str, Any] = {"annotations": marks, "bands": bands}
    left = charts.burn_down(
        detail.left, title=f"{name}: budget left", start=period.starts_at, end=period.ends_at, now=period.until,
        forecast=_forecast_left(detail), **options,
    )  # fmt: skip
    calendar = charts.heat_map(
        detail.days, title=f"{name}: budget used per day, per cent", limits=(even / 10, even, 3 * even, 25.0),
        today=period.until.date(),
    )  # fmt: skip
    return Drawings(left=left, calendar=calendar, even=even)


def _forecast_left(detail: Detail) -> float | None:
    row = detail.row
    if row.forecast is None:
        return None
    return 100 * (1 - (1 - row.forecast) / (1 - row.objective))
