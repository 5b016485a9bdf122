"""Charts of series: what is read for all of them at once, and each drawn with its limits, marks and gaps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from django.db.models import Q
from markupsafe import Markup

from monitoring.models import (
    LASTING,
    AlarmRule,
    Annotation,
    AnnotationKind,
    Deployment,
    Measure,
    RuleTerm,
    Series,
    ServiceMetric,
)
from monitoring.ranges import Range
from monitoring.selectors.points import (
    Curve,
    Wanted,
    curves,
    fitting_periods,
    gaps_of,
    silence_filled,
    unread_for,
)
from opsportal.core import charts
from opsportal.core.formats import number, stamp

DATA_ROWS: Final = 30
MARKS: Final = 20
MarkT = TypeVar("MarkT", Annotation, Deployment)
LIVE: Final = timedelta(minutes=2)  # a range that ends later than this ago shows the present
_ALIKE: Final = ("Average", "Maximum")  # limits of the one are drawn on the other


@dataclass(frozen=True, slots=True)
class Asked:
    """One chart that is wanted; `series` is None where it is not read, and `why` says so in words ("": no account).

    `limits`: whether those of rules are drawn; `note` stands below the chart.
    """

    series: Series | None
    stat: str
    title: str
    unit: str
    metric_pk: int | None = None
    stats: Sequence[str] = ()
    limits: bool = True
    note: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart with the figures around it. `is_stale`: the present is shown, and was not read lately."""

    asked: Asked
    svg: Markup
    newest: str
    newest_at: datetime | None
    rows: list[tuple[str, ...]]
    head: tuple[str, ...]
    foot: str
    period: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class _Background:
    """What lies behind the curves: the limits of each series, the marks of the platform, the gaps of each series."""

    rules: Mapping[int, list[AlarmRule]]
    marks: Sequence[Annotation]
    deployments: Sequence[Deployment]
    gaps: Mapping[int, list[tuple[datetime, datetime]]]


def asked_of(metric: ServiceMetric, stat: str = "") -> Asked:
    """The chart of a service's metric, by its first statistic or by `stat` if it has that."""
    chosen = stat if stat in metric.stats else metric.stats[0]
    title = metric.name
    return Asked(metric.series, chosen, title, metric.unit, metric_pk=metric.pk, stats=metric.stats)


def draw_all(asked: Sequence[Asked], span: Range, *, at: datetime) -> list[Drawing | None]:
    """Draw each over the range, beside the range it is compared with; None where there is no series.

    Six statements for any number of charts of one resolution, two more for a comparison.
    """
    known = [one for one in asked if one.series is not None]
    wanted = [Wanted(one.series, one.stat) for one in known if one.series is not None]
    if not wanted:
        return [None for _ in asked]
    own = [one.series for one in wanted]
    periods = fitting_periods(own, span.start, span.end)
    before: list[Curve] = [[] for _ in wanted]
    if span.back is not None:
        start, end = span.start - span.back, span.end - span.back
        # A sum of a minute beside one of five says nothing: both are drawn at the coarser of the two.
        periods = [max(pair) for pair in zip(periods, fitting_periods(own, start, end), strict=True)]
        before = curves(wanted, periods, start, end)
    now_drawn = curves(wanted, periods, span.start, span.end)
    behind = _background(own, span)
    drawn = iter(
        _draw(one, series.series, (points, earlier), period, span, behind, at)
        for one, series, points, earlier, period in zip(known, wanted, now_drawn, before, periods, strict=True)
    )
    return [next(drawn) if one.series is not None else None for one in asked]


def _background(series: Sequence[Series], span: Range) -> _Background:
    rules: dict[int, list[AlarmRule]] = defaultdict(list)
    terms = RuleTerm.objects.filter(series__in=series, role="value", rule__enabled=True)
    for term in terms.select_related("rule__severity").order_by("rule__key", "pk"):
        rules[term.series_id].append(term.rule)
    here = Q(service=None) | Q(service__in={one.service_id for one in series if one.service_id})
    platforms = {one.platform_id for one in series}
    marks = Annotation.objects.filter(here, platform__in=platforms, starts_at__lt=span.end)
    marks = marks.filter(Q(ends_at=None) | Q(ends_at__gt=span.start)).order_by("-starts_at", "pk")
    deployed = Deployment.objects.filter(here, platform__in=platforms, is_production=True, started_at__gte=span.start)
    deployed = deployed.filter(started_at__lt=span.end).order_by("-started_at", "pk")
    return _Background(
        rules, list(marks[: MARKS * 3]), list(deployed[: MARKS * 3]), gaps_of(series, span.start, span.end)
    )


def limits_of(rule: AlarmRule) -> list[charts.Threshold]:
    """A rule's limits as a chart draws them; those of a baseline are no figures of its axis."""
    if rule.measure != Measure.VALUE:
        return []
    above = rule.comparison in ("gt", "ge")
    level: Literal["warn", "crit"] = "crit" if rule.severity is not None and rule.severity.rank <= 2 else "warn"
    sides: list[tuple[float | None, Literal["warn", "crit"], bool]] = [
        (rule.threshold, level, above),
        (rule.warn_threshold, "warn", above),
        (rule.opposite_threshold, level, not above),
        (rule.opposite_warn, "warn", not above),
    ]
    return [charts.Threshold(value, kind, side) for value, kind, side in sides if value is not None]


def _judging(rules: Sequence[AlarmRule], stat: str) -> list[AlarmRule]:
    return [rule for rule in rules if rule.stat == stat or (stat in _ALIKE and rule.stat in _ALIKE)]


def _limit_text(rule: AlarmRule, unit: str) -> str:
    label = rule.severity.label if rule.severity else "limit"
    own = unit if rule.measure == Measure.VALUE else rule.limit_unit
    return f"{label} {rule.get_comparison_display()} {number(rule.threshold, own)}"


def _limits(rules: Sequence[AlarmRule], stat: str) -> list[charts.Threshold]:
    """The limits of rules that judge this statistic; those below which it is wrong tint the other side."""
    found: dict[tuple[float, bool], charts.Threshold] = {}
    for rule in _judging(rules, stat):
        for limit in limits_of(rule):
            found.setdefault((limit.value, limit.above), limit)
    return list(found.values())


def _marks(behind: _Background, series: Series, span: Range) -> tuple[list[charts.Annotation], list[charts.Band]]:
    moments: list[charts.Annotation] = []
    bands: list[charts.Band] = []
    for mark in _of(behind.marks, series):
        if mark.kind in LASTING:
            bands.append(
                charts.Band(max(mark.starts_at, span.start), min(mark.ends_at or span.end, span.end), mark.ref)
            )
        elif mark.starts_at >= span.start:
            incident = mark.kind == AnnotationKind.INCIDENT
            label = "" if mark.restricted else mark.ref
            moments.append(charts.Annotation(mark.starts_at, label, "incident" if incident else "event"))
    moments += [charts.Annotation(row.started_at, row.words, "deploy") for row in _of(behind.deployments, series)]
    return moments, bands


def _of(rows: Iterable[MarkT], series: Series) -> list[MarkT]:
    own = [row for row in rows if row.platform_id == series.platform_id and row.service_id in (None, series.service_id)]
    return own[:MARKS]


def _draw(
    asked: Asked,
    series: Series,
    lines: tuple[Curve, Curve],
    period: int,
    span: Range,
    behind: _Background,
    at: datetime,
) -> Drawing:
    points, earlier = lines
    rules, blind = behind.rules[series.pk] if asked.limits else [], behind.gaps[series.pk]
    points = silence_filled(
        series, points, stat=asked.stat, period=period, start=span.start, end=span.end, unread=list(blind)
    )
    moments, bands = _marks(behind, series, span)
    wide = (span.end - span.start) / 6  # a narrower hole has no room for its words
    bands += [charts.Band(a, b, "not read" if b - a > wide else "", "nodata") for a, b in blind]
    is_stale = span.end > at - LIVE and (series.watermark is None or unread_for(series, at) is not None)
    drawn = [charts.Series(asked.stat, _cut(points, blind))]
    if span.back is not None:
        drawn.append(charts.Series(span.back_name, [(ts + span.back, value) for ts, value in earlier], "second"))
    svg = charts.line_chart(
        drawn,
        title=f"{asked.title}, {asked.stat}",
        unit=asked.unit,
        start=span.start,
        end=span.end,
        thresholds=_limits(rules, asked.stat),
        annotations=moments,
        bands=bands,
    )
    newest = points[-1] if points else None
    limits = [_limit_text(rule, asked.unit) for rule in _judging(rules, asked.stat)]
    return Drawing(
        asked=asked,
        svg=svg,
        newest=number(newest[1], asked.unit) if newest else "no data",
        newest_at=newest[0] if newest else None,
        rows=_rows(points, earlier, asked.unit, span),
        head=("Time, UTC", asked.title, *([span.back_name] if span.back else [])),
        foot="; ".join(dict.fromkeys(limits)),
        period=period,
        is_stale=is_stale,
    )


def _cut(points: Curve, blind: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, float | None]]:
    """Silence that was asked about is drawn through; what was not asked about is cut."""
    if not blind:
        return list(points)
    curve: list[tuple[datetime, float | None]] = []
    edges = [begins for begins, _ in blind]
    for ts, value in points:
        while edges and edges[0] <= ts:
            curve.append((edges.pop(0), None))
        curve.append((ts, value))
    return curve


def _rows(points: Curve, earlier: Curve, unit: str, span: Range) -> list[tuple[str, ...]]:
    step = max(1, len(points) // DATA_ROWS)
    before = {ts + span.back: value for ts, value in earlier} if span.back else {}
    return [
        (stamp(ts), number(value, unit), *([number(before.get(ts), unit)] if span.back else []))
        for ts, value in points[::-step]
    ]
