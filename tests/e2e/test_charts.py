"""Charts of a service by pointer, by keyboard alone, and without script."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from monitoring.store import ensure_partitions, floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.monitoring import metric_of, series_named, service_of, write

pytestmark = pytest.mark.e2e
WEEK = timedelta(days=7)


@pytest.fixture
def service_page(platform: Platform) -> str:
    """A service with two charts of the last three hours, and of the same hours a week ago."""
    end = floor_to(now(), 300)
    ensure_partitions(end - WEEK, end)
    metric_of(platform, at=end)
    metric_of(platform, at=end, key="bytes", name="ProcessedBytes")
    for name, level in (("RequestCount", 700.0), ("ProcessedBytes", 30.0)):
        write(series_named(name), [level] * 40, end=end, period=300, column="sum")
        write(series_named(name), [level / 2] * 40, end=end - WEEK, period=300, column="sum")
    return reverse("monitoring:service", args=[service_of(platform).pk])


def _drawn(page: Page) -> None:
    expect(page.locator("#service-charts svg.area")).to_have_count(2)


def _seconds(url: str) -> float:
    query = parse_qs(urlsplit(url).query)
    begins, ends = (datetime.fromisoformat(query[name][0]) for name in ("from", "to"))
    return (ends - begins).total_seconds()


def test_the_cursor_reads_every_chart_and_zooms_by_keys_alone(open_page: Open, viewer: User, service_page: str) -> None:
    page = open_page(viewer, service_page)
    _drawn(page)
    cursor = page.locator("[data-cursor]")
    cursor.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-readout]")).to_have_text(re.compile(r"^\d\d:\d\d; Requests, Sum 700; Bytes, Sum 30$"))
    expect(cursor).to_have_attribute("aria-valuetext", re.compile("Requests, Sum 700"))
    expect(page.locator("#service-charts [data-hover]")).to_have_count(2)
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#service-charts [data-zoomed]")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("#service-charts [data-zoomed]")).to_have_count(0)
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**")
    assert _seconds(page.url) == pytest.approx(0.2 * 3 * 3600, abs=10)
    _drawn(page)
    page.go_back()
    page.wait_for_url(lambda url: "from=" not in url)
    _drawn(page)


def test_dragging_zooms_and_keeps_the_comparison(open_page: Open, viewer: User, service_page: str) -> None:
    page = open_page(viewer, service_page)
    _drawn(page)
    page.get_by_role("link", name="with a week before").click()
    page.wait_for_url("**compare=7d**")
    _drawn(page)
    expect(page.locator("#service-charts path.l2")).to_have_count(2)
    box = page.locator("#service-charts svg.area").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.75, y)
    expect(page.locator("#service-charts .tipt").first).to_have_text(re.compile(r"700 · 350 a week before"))
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=4)
    expect(page.locator("#service-charts [data-zoomed]")).to_have_count(2)
    page.mouse.up()
    page.wait_for_url("**from=**")
    assert "compare=7d" in page.url
    assert _seconds(page.url) == pytest.approx(0.25 * 3 * 3600, abs=60)


def test_without_script_the_charts_are_pictures_and_links_move_the_range(
    open_context: Callable[..., BrowserContext], viewer: User, service_page: str
) -> None:
    page = open_context(viewer, java_script_enabled=False).new_page()
    page.goto(service_page)
    pictures = page.locator("#service-charts img")
    expect(pictures).to_have_count(2)
    assert all(page.request.get(image.get_attribute("src") or "").ok for image in pictures.all())
    expect(page.locator("[data-cursor-row]")).to_be_hidden()
    page.get_by_role("link", name="Zoom in").click()
    assert _seconds(page.url) == pytest.approx(1.5 * 3600, abs=1)
    page.locator("summary", has_text="From – to").click()
    page.locator("input[name=from]").fill("2026-03-10T09:00")
    page.locator("input[name=to]").fill("2026-03-10T10:00")
    page.get_by_role("button", name="Show").click()
    assert _seconds(page.url) == 3600
    expect(pictures.first).to_have_attribute("src", re.compile("from=2026-03-10T"))
