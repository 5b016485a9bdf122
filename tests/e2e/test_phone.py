"""What a phone, a sheet of paper or forced colours must not hide, and what a mouse finds on charts."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare
from tests.factories.monitoring import metric_of, rule_of, series_named, service_of, slo_of, write

pytestmark = pytest.mark.e2e
PHONE = {"width": 360, "height": 780}


@pytest.mark.parametrize("path", ["/monitoring/", "/slos/"])
def test_a_phone_shows_the_state_of_every_row(open_page: Open, viewer: User, platform: Platform, path: str) -> None:
    at = clock.now() - timedelta(minutes=5)
    rule_of(platform, at=at)
    slo_of(platform, at=at)
    page = open_page(viewer, path, viewport=PHONE)
    rows = page.locator(".main .tbl.keep tbody tr")
    expect(rows.first).to_be_visible()
    for row in rows.all():
        expect(row.locator(".st")).to_be_visible()


def test_a_phone_shows_why_a_line_was_refused(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now(), title="Checkout is down")
    page = open_page(commander, incident.url, viewport=PHONE)
    page.locator(".composer .in").fill("/severity P77 no such level")
    page.locator(".composer .in").press("Enter")
    error = page.locator(".composer .err")
    expect(error).to_be_visible()
    expect(error).not_to_be_empty()


def test_a_phone_names_the_incident_by_its_number(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now(), title="Checkout is down")
    for path in (incident.url, "/incidents/"):
        page = open_page(commander, path, viewport={"width": 390, "height": 844})
        expect(
            page.locator("#main").get_by_text(incident.reference, exact=True).and_(page.locator(":visible"))
        ).to_be_in_viewport()


def test_a_phone_keeps_the_composer_free_and_names_the_clock_that_is_paused(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now(), title="Checkout is down")
    page = open_page(commander, incident.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.route("**/log/", lambda route: route.fulfill(status=500, body="no"))
    page.locator(".composer .in").fill("/status respond")
    page.locator(".composer .in").press("Enter")
    toast, composer = page.locator("#toasts .toast"), page.locator(".composer")
    expect(toast).to_be_visible()
    shown, field = toast.bounding_box(), composer.bounding_box()
    assert shown is not None
    assert field is not None
    assert shown["y"] + shown["height"] <= field["y"], "what went wrong stands above what is being written"
    pause = page.get_by_role("link", name="Pause Status update")
    target = pause.bounding_box()
    assert target is not None
    assert target["height"] >= 44
    pause.click()
    expect(page.locator("select[name=kind]")).to_have_value("update")


def test_charts_of_a_service_share_one_crosshair(open_page: Open, viewer: User, platform: Platform) -> None:
    at = floor_to(clock.now(), 60)
    for key, name in (("requests", "RequestCount"), ("errors", "HTTPCode_ELB_5XX_Count")):
        metric_of(platform, at=at, key=key, name=name)
        write(series_named(name), [100.0] * 30, end=at, column="sum")
    page = open_page(viewer, reverse("monitoring:service", args=[service_of(platform).pk]))
    plots = page.locator("svg.area")
    expect(plots).to_have_count(2)
    plots.first.hover()
    expect(page.locator("svg.area > [data-hover]")).to_have_count(2)
    page.mouse.move(0, 0)
    expect(page.locator("[data-hover]")).to_have_count(0)


def test_signs_are_seen_in_forced_colours_and_on_paper(open_page: Open, admin: User) -> None:
    page = open_page(admin, "/styleguide/", forced_colors="active")
    hidden = """() => [...document.querySelectorAll(".main :is(.st:not(.own), .sev)")].filter(sign => {
        const drawn = getComputedStyle(sign, "::before");
        let under = sign;
        while (getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
        return drawn.maskImage === "none" || drawn.backgroundColor === getComputedStyle(under).backgroundColor;
    }).length"""
    assert page.locator(".main :is(.st:not(.own), .sev)").count() > 20
    assert page.evaluate(hidden) == 0
    page.emulate_media(media="print", forced_colors="none")
    assert page.evaluate(hidden) == 0
    assert page.locator(".main .st").first.evaluate("e => getComputedStyle(e, '::before').printColorAdjust") == "exact"


def test_each_part_of_the_style_guide_is_small(open_page: Open, admin: User) -> None:
    page = open_page(admin, "/styleguide/")
    expect(page.get_by_text("Type: 12 13 14 16 20 28")).to_be_visible()
    page.get_by_role("link", name="Controls and messages").click()
    expect(page.get_by_role("heading", name="Fields")).to_be_visible()
    for part in ("tokens", "charts", "controls"):
        assert len(page.request.get(f"/styleguide/?part={part}").body()) < 40_000
