"""A dashboard from a service's view, rearranged, copied and thrown away: without script, and by keyboard with it."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, expect

from monitoring.models import Chart, Dashboard
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.e2e.test_pages import _look
from tests.e2e.test_rooms import _by_tab
from tests.factories.dashboards import UNREAD, dashboard_of
from tests.factories.monitoring import metric_of, series_named, service_of, write

pytestmark = pytest.mark.e2e
TWO = (Chart("web", "requests", "Sum"), Chart("web", "bytes", "Sum"))


@pytest.fixture
def metrics(platform: Platform) -> Platform:
    end = floor_to(now(), 300)
    metric_of(platform, at=end)
    metric_of(platform, at=end, key="bytes", name="ProcessedBytes")
    for name in ("RequestCount", "ProcessedBytes"):
        write(series_named(name), [700.0] * 40, end=end, period=300, column="sum")
    return platform


def test_without_script_a_view_is_kept_rearranged_and_thrown_away(
    open_context: Callable[..., BrowserContext], viewer: User, metrics: Platform
) -> None:
    page = open_context(viewer, java_script_enabled=False).new_page()
    page.goto(f"{reverse('monitoring:service', args=[service_of(metrics).pk])}?range=24h&compare=7d")
    page.get_by_role("link", name="Save this view").click()
    page.get_by_label("Name").fill("My view")
    rows = page.locator(".chartrows > li")
    expect(rows.first).to_contain_text("Requests")
    page.get_by_role("button", name="Chart 1 down").click()
    expect(rows.first).to_contain_text("Bytes")
    page.get_by_role("button", name="Add chart").click()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Remove chart 3").click()
    page.get_by_label("Name").press("Enter")  # saves, though other buttons stand in the form
    pictures = page.locator("#dashboard-charts img")
    expect(pictures).to_have_count(2)
    assert all("range=24h&compare=7d" in (image.get_attribute("src") or "") for image in pictures.all())
    assert all(page.request.get(image.get_attribute("src") or "").ok for image in pictures.all())
    kept = Dashboard.objects.get()
    assert ([chart.metric for chart in kept.shown], kept.range, kept.compare) == (["bytes", "requests"], "24h", "7d")
    page.get_by_role("link", name="Copy").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My view, copy")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/monitoring/dashboards/")
    assert [row.name for row in Dashboard.objects.all()] == ["My view"]


def test_the_editor_keeps_the_focus_and_the_charts_share_one_cursor(
    open_page: Open, operator: User, metrics: Platform
) -> None:
    shared = dashboard_of(metrics, charts=[*TWO, UNREAD], name="Team")
    page = open_page(operator, f"/monitoring/dashboards/{shared.pk}/edit/")
    page.get_by_label("Name").fill("Ours")
    page.locator("#up-2").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chartrows > li").nth(1)).to_contain_text("Disk I/O")
    expect(page.locator("#up-1")).to_be_focused()  # it follows what moved
    page.keyboard.press("Enter")
    expect(page.locator("#down-0")).to_be_focused()  # at the top there is no further up
    page.keyboard.press("Enter")
    expect(page.locator(".chartrows > li").nth(1)).to_contain_text("Disk I/O")
    expect(page.get_by_label("Name")).to_have_value("Ours")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/monitoring/dashboards/{shared.pk}/")
    expect(page.locator("#dashboard-charts svg.area")).to_have_count(2)
    expect(page.locator("#dashboard-charts > section").nth(1)).to_contain_text("Nothing sends it.")
    page.locator("[data-cursor]").focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#dashboard-charts [data-hover]")).to_have_count(2)


def test_the_pages_are_sound_on_a_desk_and_on_a_phone(
    open_context: Callable[..., BrowserContext], operator: User, metrics: Platform
) -> None:
    shared = dashboard_of(metrics, charts=[*TWO, UNREAD], name="Team")
    page = open_context(operator).new_page()
    own = f"/monitoring/dashboards/{shared.pk}/"
    faults: list[str] = []
    for path in (
        "/monitoring/dashboards/",
        own,
        f"{own}edit/",
        f"{own}delete/",
        "/wall/choose/",
        "/wall/?show=services",
    ):
        page.goto(path)
        faults += [f"{path}: {fault}" for fault in _by_tab(page)]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            faults += _look(page, f"{path} {scheme}")
    assert not faults, "\n".join(faults)
