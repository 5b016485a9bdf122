"""Charts of a service: read and drawn in one answer, in one range, beside a week before; points and question behind."""

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from monitoring import cloudwatch_query
from monitoring.charting import Asked, asked_of, draw_all
from monitoring.models import Series, ServiceMetric
from monitoring.ranges import LONGEST, Range, range_of
from monitoring.selectors.points import Wanted, curves, fitting_periods
from monitoring.services.marks import annotation_put, deployment_put
from monitoring.services.policy import service_metric_put
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.monitoring import ALB, BY, metric_of, rule_of, series_named, service_of, write

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
HOUR = timedelta(hours=1)
HTMX = {"HX-Request": "true"}


def ends() -> datetime:
    return floor_to(now(), 300)


def drawn_metric(platform: Platform, values: list[float | None], *, end: datetime) -> ServiceMetric:
    metric = metric_of(platform, at=end)
    write(series_named("RequestCount"), values, end=end, period=300, column="sum")
    metric.refresh_from_db()
    return ServiceMetric.objects.select_related("series").get(pk=metric.pk)


def read(metric: ServiceMetric, span: Range, at: datetime) -> Any:
    drawing = draw_all([asked_of(metric)], span, at=at)[0]
    assert drawing is not None
    return drawing


@pytest.mark.parametrize(
    "query", ["range=24h", "range=90d&compare=7d", "from=2026-03-10T09:00:00Z&to=2026-03-10T10:00:00Z"]
)
def test_a_ranges_query_shows_the_same_again(query: str, at: datetime) -> None:
    span = range_of(RequestFactory().get(f"/?{query}"), at)
    assert span.query == query
    assert range_of(RequestFactory().get(f"/?{span.query}"), at) == span
    fixed = range_of(RequestFactory().get(f"/?{span.fixed}"), at + HOUR)
    assert (fixed.start, fixed.end) == (span.start, span.end)


def test_steps_stay_within_the_limits_and_the_present(at: datetime) -> None:
    for key in ("1h", "90d"):
        span = range_of(RequestFactory().get(f"/?range={key}"), at)
        steps = {words: range_of(RequestFactory().get(f"/?{query}"), at) for words, _, query in span.steps(at)}
        assert "Later" not in steps
        assert steps["Earlier"].start == span.start - (span.end - span.start) / 2
        assert steps["Zoom in"].end - steps["Zoom in"].start == (span.end - span.start) / 2
        assert all(one.end <= at and one.end - one.start <= LONGEST for one in steps.values())
        assert ("Zoom out" in steps) is (key == "1h")
    past = Range("", at - 9 * HOUR, at - 8 * HOUR)
    later = {words: query for words, _, query in past.steps(at)}["Later"]
    assert range_of(RequestFactory().get(f"/?{later}"), at).end == at - 7.5 * HOUR


def test_a_time_without_a_zone_is_the_readers(settings: Any) -> None:
    from django.utils import timezone

    with timezone.override("Europe/Berlin"):
        span = range_of(RequestFactory().get("/?from=2026-03-10T10:00&to=2026-03-10T11:00"), now())
    assert span.start == datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def test_many_curves_are_as_each_alone_and_cost_one_statement(platform: Platform) -> None:
    end = ends()
    drawn_metric(platform, [100.0, None, 300.0], end=end)
    rule_of(platform, at=end)
    write(series_named("DatabaseConnections"), [1.0, 7.0, 5.0], end=end, period=300)
    wanted = [Wanted(series_named("RequestCount"), "Sum"), Wanted(series_named("DatabaseConnections"), "Maximum")]
    with CaptureQueriesContext(connection) as captured:
        both = curves(wanted, [300, 300], end - HOUR, end)
    assert len(captured) == 1
    assert [value for _, value in both[0]] == [100.0, 300.0]
    assert [value for _, value in both[1]] == [1.0, 7.0, 5.0]
    assert both[1][0][0] == end - timedelta(minutes=15)


def test_a_day_is_drawn_by_the_minute_only_where_minutes_reach_back(platform: Platform) -> None:
    end = ends()
    rule_of(platform, at=end)
    series = series_named("DatabaseConnections")
    write(series, [4.0] * 30, end=end)
    assert fitting_periods([series], end - timedelta(days=1), end) == [300]
    write(series, [4.0], end=end - timedelta(days=1, minutes=3))
    assert fitting_periods([series], end - timedelta(days=1), end) == [60]
    assert fitting_periods([series], end - timedelta(days=30), end) == [3600]


def test_the_week_before_lies_under_the_curve_at_the_same_resolution(platform: Platform) -> None:
    end = ends()
    metric = drawn_metric(platform, [100.0, 100.0], end=end)
    write(series_named("RequestCount"), [40.0, 50.0], end=end - timedelta(days=7), period=300, column="sum")
    drawing = read(metric, Range("", end - HOUR, end, "7d"), end)
    quiet = re.search(r'class="l2"[^>]*data-name="a week before"[^>]*data-v="([^"]*)"', drawing.svg)
    assert quiet is not None
    assert quiet[1] == "40 50"
    assert drawing.rows[0][1:] == ("100", "50")
    assert 'class="l2"' not in read(metric, Range("", end - HOUR, end), end).svg


def test_deployments_incidents_and_windows_are_drawn(platform: Platform) -> None:
    end = ends()
    metric = drawn_metric(platform, [1.0] * 12, end=end)
    service = service_of(platform)
    deployment_put(
        by=BY, at=end, platform=platform, service=service, external_id="d1", label="web:42", state="completed",
        started_at=end - HOUR / 2,
    )  # fmt: skip
    for kind, ref in (("incident", "INC-7"), ("window", "MNT-9")):
        annotation_put(
            by=BY, at=end, platform=platform, service=service, kind=kind, ref=ref, title="x", url="",
            starts_at=end - HOUR / 3, ends_at=end - HOUR / 6,
        )  # fmt: skip
    svg = read(metric, Range("", end - HOUR, end), end).svg
    assert "<title>web:42</title>" in svg
    assert 'class="evt" d=' in svg
    assert ">INC-7<" in svg
    assert 'class="mw"' in svg


def test_a_limit_below_tints_the_lower_side(platform: Platform) -> None:
    end = ends()
    for key, comparison, threshold in (("high", "gt", 80.0), ("low", "lt", 20.0)):
        rule_of(platform, at=end, key=key, comparison=comparison, threshold=threshold)
    series = series_named("DatabaseConnections")
    write(series, [50.0, 100.0], end=end)
    drawing = draw_all([Asked(series, "Maximum", "Connections", "Count")], Range("", end - HOUR, end), at=end)[0]
    assert drawing is not None
    boxes = re.findall(r'<rect class="bc" x="0" width="100%" y="([\d.]+)" height="([\d.]+)"', drawing.svg)
    tops = sorted((float(y), float(y) + float(height)) for y, height in boxes)
    floor = float(re.search(r'data-floor="(\d+)"', drawing.svg)[1])  # type: ignore[index]
    assert len(tops) == 2
    assert tops[0][1] < tops[1][0]
    assert tops[1][1] == floor


def test_the_foot_names_a_baseline_s_own_unit_and_no_rule_of_another_statistic(platform: Platform) -> None:
    end = ends()
    rule_of(platform, at=end, key="usual", measure="z", threshold=3.0)
    rule_of(platform, at=end, key="other", stat="p95", threshold=77.0)
    series = series_named("DatabaseConnections")
    write(series, [50.0], end=end)
    drawing = draw_all([Asked(series, "Maximum", "Connections", "Bytes")], Range("", end - HOUR, end), at=end)[0]
    assert drawing is not None
    assert "3 σ" in drawing.foot.replace("\xa0", " ").replace("\u202f", " ")
    assert "B" not in drawing.foot
    assert "77" not in drawing.foot


def test_what_was_not_read_lately_is_grey_and_says_so(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    end = ends()
    metric = drawn_metric(platform, [1.0] * 3, end=end)
    assert not read(metric, Range("", end - HOUR, end), end).is_stale
    Series.objects.update(watermark=end - timedelta(minutes=25))
    text = client_for(viewer).get(reverse("monitoring:metric-chart", args=[metric.pk])).content.decode()
    assert 'class="plot is-stale"' in text
    assert "stale, " in text[text.index('class="chip stale"') : text.index('class="plot')].replace("\u00a0", " ")
    past = f"?from={end - 9 * HOUR:%Y-%m-%dT%H:%M:%SZ}&to={end - 8 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    text = client_for(viewer).get(reverse("monitoring:metric-chart", args=[metric.pk]) + past).content.decode()
    assert 'class="plot is-stale"' not in text


def test_twelve_charts_cost_what_one_does(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    end = ends()
    drawn_metric(platform, [1.0] * 12, end=end)
    client, url = client_for(viewer), reverse("monitoring:service-charts", args=[service_of(platform).pk])
    counts = []
    for many in (1, 14):
        for number in range(1, many):
            values = {"name": f"M{number}", "namespace": "AWS/ApplicationELB", "metric": "RequestCount",
                      "dimensions": ALB, "unit": "Count", "stats": ["Sum"]}  # fmt: skip
            row = service_metric_put(by=BY, at=end, service=service_of(platform), key=f"m{number}", values=values)
            ServiceMetric.objects.filter(pk=row.pk).update(series=series_named("RequestCount"))
        client.get(url, headers=HTMX)
        with CaptureQueriesContext(connection) as captured:
            text = client.get(url, {"compare": "7d"}, headers=HTMX).content.decode()
        assert text.count('class="chart"') == min(many, 12)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 16


def test_the_same_question_is_answered_304_until_something_was_stored(
    platform: Platform, viewer: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = ends()
    drawn_metric(platform, [1.0] * 12, end=end)
    monkeypatch.setattr("opsportal.core.freshness.clock.now", lambda: end)
    monkeypatch.setattr("monitoring.views.charts.now", lambda: end)
    client, url = client_for(viewer), reverse("monitoring:service-charts", args=[service_of(platform).pk])
    first = client.get(url, headers=HTMX)
    again = client.get(url, headers={**HTMX, "If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Series.objects.update(watermark=end + timedelta(minutes=5))
    assert client.get(url, headers={**HTMX, "If-None-Match": first["ETag"]}).status_code == 200


def test_the_page_without_script_shows_each_chart_and_leads_to_other_times(
    platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    metric = drawn_metric(platform, [1.0] * 12, end=ends())
    url = reverse("monitoring:service", args=[service_of(platform).pk])
    text = client_for(viewer).get(url, {"range": "24h", "compare": "7d"}).content.decode()
    assert f'<img src="{reverse("monitoring:metric-chart-svg", args=[metric.pk])}?range=24h&amp;compare=7d"' in text
    assert 'href="?range=90d&amp;compare=7d"' in text
    assert re.search(r'href="\?from=[^"]*&amp;compare=7d"[^>]*>.*?Earlier', text)
    assert re.search(r'<input type="datetime-local"[^>]*name="from"', text)
    assert re.search(r'href="\?from=\S+">Link to these times', text)


def test_another_range_keeps_the_statistic(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    metric = drawn_metric(platform, [1.0] * 12, end=ends())
    ServiceMetric.objects.update(stats=["Sum", "Maximum"])
    url = reverse("monitoring:metric-chart", args=[metric.pk])
    text = client_for(viewer).get(url, {"range": "24h", "stat": "Maximum"}).content.decode()
    assert 'href="?range=7d&amp;stat=Maximum"' in text
    assert '<input type="hidden" name="stat" value="Maximum">' in text
    assert 'aria-label="Requests, Maximum"' in text


def test_the_points_of_a_chart_come_as_csv(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    end = ends()
    drawn_metric(platform, [100.0, None, 300.0], end=end)
    response = client_for(viewer).get(reverse("monitoring:series-csv", args=[series_named("RequestCount").pk]))
    rows = list(csv.DictReader(b"".join(response).decode().splitlines()))
    assert [float(row["sum"]) for row in rows] == [100.0, 300.0]
    assert rows[0]["from"] == (end - timedelta(minutes=15)).isoformat(timespec="seconds")
    assert response["Content-Disposition"].endswith('300s.csv"')


@pytest.mark.parametrize("stat", ["Sum", "Average", "p95", "TC"])
def test_the_question_for_cloudwatch_is_one_it_takes(platform: Platform, stat: str, at: datetime) -> None:
    metric_of(platform, at=at)
    series = series_named("RequestCount")
    series.count_below = 0.5
    text = cloudwatch_query.request_json(series, stat, 300, at - HOUR, at)
    shape = botocore.session.get_session().get_service_model("cloudwatch").operation_model("GetMetricData").input_shape
    assert shape is not None
    assert not ParamValidator().validate(json.loads(text), shape).has_errors()
    body = json.loads(text)["MetricDataQueries"][0]["MetricStat"]
    assert body["Stat"] == ("TC(:0.5)" if stat == "TC" else stat)
    assert {pair["Name"]: pair["Value"] for pair in body["Metric"]["Dimensions"]} == series.dimensions
    source = json.loads(cloudwatch_query.console_source(series, stat, 300, at - HOUR, at))
    assert source["metrics"][0][:2] == [series.namespace, series.name]
    assert (source["start"], source["end"]) == ("2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z")


def test_the_question_stands_on_a_page_of_its_own(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    drawn_metric(platform, [100.0], end=ends())
    url = reverse("monitoring:series-query", args=[series_named("RequestCount").pk])
    text = client_for(viewer).get(url, {"range": "24h"}).content.decode()
    assert "&#34;MetricName&#34;: &#34;RequestCount&#34;" in text
    assert "<pre>aws cloudwatch get-metric-data --region us-east-1 --cli-input-json file://query.json</pre>" in text
    assert text.count("data-copy") == 3
