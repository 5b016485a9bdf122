"""Dashboards of packs: what the guides name, whole, and rows once a pack was applied."""

from datetime import datetime
from pathlib import Path

import pytest

from monitoring.models import Chart, Dashboard, Origin, ServiceMetric
from monitoring.services.dashboards import DashboardError, dashboard_delete
from opsportal.core.actor import Actor
from opsportal.packs.documents import PackError
from opsportal.packs.exporting import pack_export
from opsportal.packs.pack import read_pack
from opsportal.packs.services import load_pack, pack_apply

GUIDES = {
    "bookstore": {"Key metrics": 11},
    "shop-management": {"Business Metrics": 3, "Infrastructure Health": 3},
    "solemate": {"Production overview: infrastructure": 12, "Production overview: cache, business, security": 11},
    "phase-09": {"Production": 9, "Infrastructure": 8},
    "genai-demo": {"Key metrics": 12},
}
NOT_READ = {
    "bookstore": ["Disk I/O", "Query execution time"],
    "shop-management": [],
    "solemate": ["Task count"],
    "phase-09": ["Error rates by endpoint"],
    "genai-demo": ["Error rates by endpoint", "Database query performance"],
}


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_each_guides_dashboards_are_there_and_nothing_is_left_out_in_silence(name: str) -> None:
    found = [item.data for item in read_pack(name).of("dashboard")]
    assert {data["title"]: len(data["charts"]) for data in found} == GUIDES[name]
    unread = [chart for data in found for chart in data["charts"] if "metric" not in chart]
    assert [chart["title"] for chart in unread] == NOT_READ[name]
    assert all(len(chart["note"]) > 20 for chart in unread)


def test_the_guides_sums_of_gauges_are_drawn_as_averages_and_said_so() -> None:
    business = next(item.data for item in read_pack("shop-management").of("dashboard"))
    assert {chart["stat"] for chart in business["charts"]} == {"Average"}
    assert "stat Sum" in business["note"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(GUIDES))
def test_every_named_metric_exists_once_applied(name: str, portal: Actor, at: datetime) -> None:
    platform = pack_apply(name, by=portal, at=at).platform
    stats = {
        (metric.service.key, metric.key): metric.stats
        for metric in ServiceMetric.objects.filter(platform=platform).select_related("service")
    }
    rows = list(Dashboard.objects.filter(platform=platform).order_by("pk"))
    assert {row.name: len(row.charts) for row in rows} == GUIDES[name]
    assert {row.origin for row in rows} == {Origin.PACK}
    for chart in (chart for row in rows for chart in row.shown if chart.metric):
        assert chart.stat in stats[chart.service, chart.metric]


@pytest.mark.django_db
def test_a_change_here_is_exported_and_a_declared_one_is_not_thrown_away(portal: Actor, at: datetime) -> None:
    platform = pack_apply("genai-demo", by=portal, at=at).platform
    row = Dashboard.objects.get(platform=platform)
    with pytest.raises(DashboardError, match="come back"):
        dashboard_delete(by=portal, at=at, dashboard=row, expected=1)
    Dashboard.objects.filter(pk=row.pk).update(charts=[Chart("genai-api", "cpu", limits=False)._asdict()])
    Dashboard.objects.create(platform=platform, name="Shared here", charts=row.charts)
    text = pack_export(platform)["services.yaml"]
    assert text.count("limits: false") == 1
    assert "Shared here" not in text


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("metric: active-shops, stat", "metric: active-shop, stat", "has no metric 'active-shop'"),
        ("metric: active-shops, stat: Average", "metric: active-shops, stat: p99", "'p99' is no statistic"),
        ("service: shop-management-api, metric: active-shops", "service: shop, metric: active-shops", "is no service"),
        ("metric: active-shops, stat: Average", "title: Shops", "title and a note that says why"),
        ("metric: active-shops, stat", "metric: active-shops, colour: red, stat", "not a field that is known"),
    ],
)
def test_a_chart_that_leads_nowhere_is_refused_with_its_line(pack_copy: Path, old: str, new: str, said: str) -> None:
    path = pack_copy / "services.yaml"
    text = path.read_text()
    begins = text.index("dashboards:")
    assert old in text[begins:]
    path.write_text(text[:begins] + text[begins:].replace(old, new, 1))
    with pytest.raises(PackError) as caught:
        load_pack(str(pack_copy))
    problem = caught.value.problems[0]
    assert said in problem.message
    assert problem.field.startswith("dashboards[0].charts[0]")
