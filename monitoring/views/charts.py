"""Charts as lazy fragments, the same drawing as a file for browsers without script, its points and its question."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from csp.decorators import csp_update
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control

from monitoring import cloudwatch_query
from monitoring.charting import Asked, Drawing, asked_of, draw_all
from monitoring.models import MOST_CHARTS, Series, ServiceMetric
from monitoring.ranges import Range, range_of
from monitoring.selectors.points import Wanted, curves, fitting_period, point_rows
from monitoring.selectors.services import metrics_of
from monitoring.views.ranges import range_context
from opsportal.core import charts
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.freshness import seen_version
from opsportal.core.gate import permitted
from opsportal.core.htmx import render_page, wants_fragment
from opsportal.core.spreadsheets import csv_lines
from opsportal.platforms.models import Service

CSV_ROWS = 30_000  # 93 days at 5 minutes
COLUMNS = ("from", "samples", "sum", "average", "min", "max", "p50", "p95", "p99", "below_limit", "revised")


@require_action("monitoring.series_view")
def service_charts(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Every chart of a service's page in one answer: what they share is read once."""
    service = permitted(request.actor, "monitoring.series_view", Service.objects.visible_to(request.actor), pk=pk)
    asked = [asked_of(metric) for metric in metrics_of(service)[:MOST_CHARTS]]
    return charts_response(request, service.name, asked, range_of(request, now()))


def charts_response(request: AuthorizedRequest, title: str, asked: Sequence[Asked], span: Range) -> HttpResponse:
    """All of them drawn over the range; 304 where nothing of it changed."""
    etag = _etag(request, asked, span)
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    context = {"title": title, "span": span, "charts": zip(asked, draw_all(asked, span, at=now()), strict=True)}
    response = render_page(request, "monitoring/charts.html", context, fragment="charts")
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _etag(request: AuthorizedRequest, asked: Sequence[Asked], span: Range) -> str:
    """By what was stored last of each series, the range, and what this person can see of marks and rules."""
    read = [(one.series.watermark, one.series.newest_point_at) for one in asked if one.series is not None]
    parts = (seen_version(request, request.actor), span, wants_fragment(request), read)
    return f'W/"{hashlib.blake2s(repr(parts).encode(), digest_size=16).hexdigest()}"'


def _metric_asked(request: AuthorizedRequest, pk: int) -> Asked:
    rows = ServiceMetric.objects.visible_to(request.actor).select_related("series__account", "service")
    metric = permitted(request.actor, "monitoring.series_view", rows, pk=pk)
    return replace(asked_of(metric, request.GET.get("stat", "")), limits=request.GET.get("limits") != "0")


def _series_asked(request: AuthorizedRequest, pk: int) -> Asked:
    rows = Series.objects.visible_to(request.actor).select_related("account")
    series = permitted(request.actor, "monitoring.series_view", rows, pk=pk)
    usual = "Average" if {"Sum", "SampleCount"} <= set(series.stats) else next(iter(series.stats), "Sum")
    stat = request.GET.get("stat", usual)
    stat = stat if stat in (*series.stats, "Average") else usual
    return Asked(series, stat, series.name, series.unit, stats=series.stats)


def _one(asked: Asked, request: AuthorizedRequest) -> tuple[Drawing | None, Range]:
    at = now()
    span = range_of(request, at)
    return draw_all([asked], span, at=at)[0], span


def _page(request: AuthorizedRequest, asked: Asked) -> HttpResponse:
    drawing, span = _one(asked, request)
    context = {"asked": asked, "drawing": drawing, **range_context(span, now(), stat=asked.stat)}
    return render_page(request, "monitoring/chart.html", context, fragment="chart")


@require_action("monitoring.series_view")
def metric_chart(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One metric of a service as a chart."""
    return _page(request, _metric_asked(request, pk))


@csp_update({"style-src": charts.STYLE_SOURCE})
@require_action("monitoring.series_view")
def metric_chart_svg(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The same drawing as a file."""
    return _svg(_one(_metric_asked(request, pk), request)[0])


@require_action("monitoring.series_view")
def series_chart(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A series as a chart, for pages of upper apps: `?from=&to=` or `?range=`, and `&stat=`."""
    return _page(request, _series_asked(request, pk))


@csp_update({"style-src": charts.STYLE_SOURCE})
@require_action("monitoring.series_view")
def series_chart_svg(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The same drawing as a file."""
    return _svg(_one(_series_asked(request, pk), request)[0])


def _svg(drawing: Drawing | None) -> HttpResponse:
    body = charts.standalone(drawing.svg) if drawing else charts.NO_DRAWING
    response = HttpResponse(body, content_type="image/svg+xml")
    response["Cache-Control"] = f"private, max-age={int(timedelta(seconds=30).total_seconds())}"
    return response


@require_action("monitoring.series_export")
def series_csv(request: AuthorizedRequest, pk: int) -> StreamingHttpResponse:
    """The points behind a chart, oldest first, at the resolution it is drawn at; times in UTC."""
    known = Series.objects.visible_to(request.actor).select_related("account")
    series = permitted(request.actor, "monitoring.series_export", known, pk=pk)
    span = range_of(request, now())
    period = fitting_period(series, span.start, span.end)
    rows = point_rows(series_id=series.pk, period=period, start=span.start, end=span.end, limit=CSV_ROWS)
    cells = ((p.ts, p.n, p.sum, p.average, p.min, p.max, p.p50, p.p95, p.p99, p.below, p.rev) for p in reversed(rows))
    response = StreamingHttpResponse(csv_lines(COLUMNS, cells), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="series-{series.pk}-{period}s.csv"'
    return response


@require_action("monitoring.series_view")
def series_query(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The question CloudWatch was asked for this chart, to be pasted into its console or a shell."""
    asked = _series_asked(request, pk)
    series = asked.series
    assert series is not None
    span = range_of(request, now())
    period = fitting_period(series, span.start, span.end)
    drawn = curves([Wanted(series, asked.stat)], [period], span.start, span.end)[0]
    context = {
        "series": series,
        "stat": asked.stat,
        "span": span,
        "period": period,
        "points": len(drawn),
        "body": cloudwatch_query.request_json(series, asked.stat, period, span.start, span.end),
        "source": cloudwatch_query.console_source(series, asked.stat, period, span.start, span.end),
        "command": cloudwatch_query.shell_command(series),
    }
    return render_page(request, "monitoring/series_query.html", context)
