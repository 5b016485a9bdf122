"""Charts as lazy fragments, and the same drawing as a file for browsers without script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from csp.decorators import csp_update
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from markupsafe import Markup

from monitoring.models import AlarmRule, Annotation, AnnotationKind, Measure, RuleTerm, Series, ServiceMetric
from monitoring.ranges import Range, range_of
from monitoring.selectors.points import fitting_period, gaps, silence_filled, stat_values, unread_for
from opsportal.core import charts
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.formats import number, stamp
from opsportal.core.gate import authorize
from opsportal.core.htmx import render_page

DATA_ROWS = 60


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart with the figures around it."""

    title: str
    svg: Markup
    newest: str
    newest_at: datetime | None
    unit: str
    rows: list[tuple[str, str]]
    foot: str
    series: Series | None
    stale_for: timedelta | None = None


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


def _rules(series: Series) -> list[AlarmRule]:
    terms = RuleTerm.objects.filter(series=series, role="value", rule__enabled=True).select_related("rule__severity")
    return [term.rule for term in terms.order_by("rule__key")]


def _limits(rules: Sequence[AlarmRule], stat: str) -> list[charts.Threshold]:
    found: dict[tuple[float, bool], charts.Threshold] = {}
    for rule in rules:
        if rule.stat != stat and not (stat in ("Average", "Maximum") and rule.stat in ("Average", "Maximum")):
            continue
        for limit in limits_of(rule):
            found.setdefault((limit.value, limit.above), limit)
    return list(found.values())


def _marks(series: Series, span: Range) -> tuple[list[charts.Annotation], list[charts.Band]]:
    rows = Annotation.objects.filter(platform_id=series.platform_id, starts_at__lt=span.end)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=span.start))
    moments: list[charts.Annotation] = []
    bands: list[charts.Band] = []
    for mark in rows.filter(Q(service=None) | Q(service_id=series.service_id)).order_by("starts_at", "pk")[:20]:
        if mark.kind in (AnnotationKind.WINDOW, AnnotationKind.DRILL):
            bands.append(
                charts.Band(max(mark.starts_at, span.start), min(mark.ends_at or span.end, span.end), mark.ref)
            )
        elif mark.starts_at >= span.start:
            kind: Any = {"incident": "incident", "deployment": "deploy"}.get(mark.kind, "event")
            moments.append(charts.Annotation(mark.starts_at, "" if mark.restricted else mark.ref, kind))
    return moments, bands


def draw(*, series: Series, stat: str, title: str, unit: str, span: Range, at: datetime) -> Drawing:
    """Draw one statistic of a series over a range, with limits, marks and gaps, as it is known at `at`."""
    period = fitting_period(series, span.start, span.end)
    points = stat_values(series_id=series.pk, stat=stat, period=period, start=span.start, end=span.end)
    blind = gaps(series, span.start, span.end)
    points = silence_filled(series, points, stat=stat, period=period, start=span.start, end=span.end, unread=blind)
    rules = _rules(series)
    moments, bands = _marks(series, span)
    wide = (span.end - span.start) / 6  # a narrower hole has no room for its words
    bands += [charts.Band(a, b, "not read" if b - a > wide else "", "nodata") for a, b in blind]
    curve: list[tuple[datetime, float | None]] = []
    edges = [begins for begins, _ in blind]
    for ts, value in points:
        # Silence that was asked about is drawn through; what was not asked about is cut.
        while edges and edges[0] <= ts:
            curve.append((edges.pop(0), None))
        curve.append((ts, value))
    svg = charts.line_chart(
        [charts.Series(stat, curve)],
        title=f"{title}, {stat}",
        unit=unit,
        start=span.start,
        end=span.end,
        thresholds=_limits(rules, stat),
        annotations=moments,
        bands=bands,
    )
    newest = points[-1] if points else None
    step = max(1, len(points) // DATA_ROWS)
    labels = [(rule.severity.label if rule.severity else "limit", rule) for rule in rules]
    limits = [f"{label} {rule.get_comparison_display()} {number(rule.threshold, unit)}" for label, rule in labels]
    return Drawing(
        title=title,
        svg=svg,
        newest=number(newest[1], unit) if newest else "no data",
        newest_at=newest[0] if newest else None,
        unit=unit,
        rows=[(stamp(ts), number(value, unit)) for ts, value in points[::-step]],
        foot="; ".join(dict.fromkeys(limits)),
        series=series,
        stale_for=unread_for(series, at),
    )


def _metric_drawing(request: AuthorizedRequest, pk: int) -> tuple[ServiceMetric, Drawing | None, Range]:
    rows = ServiceMetric.objects.visible_to(request.actor).select_related("series__account", "service")
    metric = get_object_or_404(rows, pk=pk)
    authorize(request.actor, "monitoring.series_view", metric)
    at = now()
    span = range_of(request, at)
    if metric.series is None:
        return metric, None, span
    stat = request.GET.get("stat", "")
    stat = stat if stat in metric.stats else metric.stats[0]
    drawing = draw(series=metric.series, stat=stat, title=metric.name, unit=metric.unit, span=span, at=at)
    return metric, drawing, span


@require_action("monitoring.series_view")
def metric_chart(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One metric of a service as a chart."""
    metric, drawing, span = _metric_drawing(request, pk)
    context = {"drawing": drawing, "title": metric.name, "stats": metric.stats, "span": span}
    return render_page(request, "monitoring/chart.html", context, fragment="chart")


@csp_update({"style-src": charts.STYLE_SOURCE})
@require_action("monitoring.series_view")
def metric_chart_svg(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The same drawing as a file."""
    _, drawing, _ = _metric_drawing(request, pk)
    return _svg(drawing)


def _series_drawing(request: AuthorizedRequest, pk: int) -> tuple[Series, Drawing, Range]:
    series = get_object_or_404(Series.objects.visible_to(request.actor).select_related("account"), pk=pk)
    authorize(request.actor, "monitoring.series_view", series)
    at = now()
    span = range_of(request, at)
    usual = "Average" if {"Sum", "SampleCount"} <= set(series.stats) else next(iter(series.stats), "Sum")
    stat = request.GET.get("stat", usual)
    stat = stat if stat in (*series.stats, "Average") else usual
    drawing = draw(series=series, stat=stat, title=series.name, unit=series.unit, span=span, at=at)
    return series, drawing, span


@require_action("monitoring.series_view")
def series_chart(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A series as a chart, for pages of upper apps: `?from=&to=` or `?range=`, and `&stat=`."""
    series, drawing, span = _series_drawing(request, pk)
    context = {"drawing": drawing, "title": series.name, "stats": series.stats, "span": span}
    return render_page(request, "monitoring/chart.html", context, fragment="chart")


@csp_update({"style-src": charts.STYLE_SOURCE})
@require_action("monitoring.series_view")
def series_chart_svg(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The same drawing as a file."""
    return _svg(_series_drawing(request, pk)[1])


def _svg(drawing: Drawing | None) -> HttpResponse:
    body = charts.standalone(drawing.svg) if drawing else charts.NO_DRAWING
    response = HttpResponse(body, content_type="image/svg+xml")
    response["Cache-Control"] = f"private, max-age={int(timedelta(seconds=30).total_seconds())}"
    return response
