"""Every main page: no axe finding in either theme, nothing wider than a phone, dark where dark is asked for."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from django.template.loader import get_template
from playwright.sync_api import BrowserContext, Page, Route, expect

from monitoring.slo.periods import calendar
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Platform
from opsportal.platforms.services.invitations import invitation_create
from opsportal.reports.period.services import commentary_write, report_publish
from tests.e2e.conftest import Open
from tests.factories.accounts import PASSWORD
from tests.factories.incidents import declare
from tests.factories.maintenance import checklist_run, window
from tests.factories.monitoring import rule_of, series_named, slo_of, write

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}
FIXED = (
    "/",
    "/incidents/",
    "/incidents/declare/",
    "/actions/",
    "/monitoring/",
    "/monitoring/alarms/",
    "/monitoring/capacity/",
    "/monitoring/cost/",
    "/monitoring/quality/",
    "/slos/",
    "/checklists/",
    "/maintenance/",
    "/operations-log/",
    "/decisions/",
    "/settings/",
    "/notices/",
    "/health/",
    "/reports/audit/",
    "/reports/slo/",
    "/reports/standing/",
    "/reports/published/",
    "/packs/",
    "/nowhere/",
)


@pytest.fixture
def pages(platform: Platform, admin: User, actor_for: Callable[..., Actor]) -> list[str]:
    """The main pages, with something on them."""
    at = clock.now()
    incident = declare(platform, by=actor_for(admin), at=at, title="Checkout is down")
    run = checklist_run(platform, at=at - timedelta(minutes=5))
    rule_of(platform, at=at)
    slo = slo_of(platform, at=at)
    window(platform)
    write(series_named("RequestCount"), [100.0] * 12, end=floor_to(at, 300), period=300, column="sum")
    zone = zone_of(platform.pk)
    month = calendar("month", at.astimezone(zone).date(), at, zone)
    by = actor_for(admin)
    commentary_write(by=by, at=at, platform=platform, service=None, period=month, expected=0, text="**Calm**.")
    edition = report_publish(by=by, at=at, platform=platform, service=None, period=month)
    return [
        *FIXED, f"/incidents/{incident.number}/", f"/checklists/{run.pk}/", f"/slos/{slo.pk}/",
        f"/slos/{slo.pk}/change/", f"/slos/policy/{platform.key}/", f"/reports/period/{platform.key}/",
        edition.get_absolute_url(), f"/reports/mails/{platform.key}/",
    ]  # fmt: skip


@cache
def _axe() -> str:
    folder = Path(axe_playwright_python.__file__).parent
    return next(folder.rglob("axe.min.js")).read_text(encoding="utf-8")


# Of what passes nothing is asked but that it does: axe then need not name each element of it.
RUN_AXE = """async rules => (await axe.run({
  resultTypes: ["violations"], ...(rules ? {runOnly: rules} : {})
})).violations"""


def _findings(page: Page, path: str) -> list[str]:
    """What axe finds in light, and what of colour in dark."""
    found: list[str] = []
    page.evaluate(_axe())
    for theme, rules in (("light", None), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        violations: list[dict[str, Any]] = page.evaluate(RUN_AXE, rules)
        for violation in violations:
            where = ", ".join(str(node["target"]) for node in violation["nodes"][:3])
            found.append(f"{path} {theme}: {violation['id']} at {where}")
    return found


def test_axe_finds_nothing(open_context: Callable[..., BrowserContext], admin: User, pages: list[str]) -> None:
    page = open_context(admin).new_page()
    found: list[str] = []
    for path in pages:
        page.emulate_media(color_scheme="light")
        page.goto(path, wait_until="load")
        found += _findings(page, path)
    assert not found, "\n".join(found)


GATES = (
    "/accounts/login/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-used-up/",
    "/join/nothing/",
    "/nowhere/",
)


def _look(page: Page, name: str) -> list[str]:
    """What axe finds, and whether the page is wider than a phone."""
    found = _findings(page, name)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    return [*found, *([f"{name} is {width} px wide"] if width > PHONE["width"] else [])]


def test_the_first_run_is_sound(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(None).new_page()
    page.goto("/")
    assert page.url.endswith("/first-run/")
    assert not _look(page, "first run")


def test_pages_before_sign_in_are_sound(
    open_context: Callable[..., BrowserContext], admin: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    _, link = invitation_create(
        by=actor_for(admin), at=clock.now(), email="ida@example.com", name="Ida", roles={platform.pk: "operator"}
    )
    page = open_context(None).new_page()
    found: list[str] = []
    for path in (*GATES, urlsplit(link).path):
        page.emulate_media(color_scheme="light")
        page.goto(path)
        found += _look(page, path)
    assert not found, "\n".join(found)


def test_the_second_factors_pages_are_sound(open_page: Open, commander: User) -> None:
    page = open_page(commander, "/accounts/2fa/totp/activate/")
    if page.locator("input[name=password]").count():
        page.locator("input[name=password]").fill(PASSWORD)
        page.get_by_role("button").first.click()
    expect(page.locator("input[name=code]")).to_be_visible()
    assert not _look(page, "enrol")
    page.goto("/accounts/2fa/")
    assert not _look(page, "second factor")


def _answer(route: Route, *, body: str) -> None:
    route.fulfill(status=500, content_type="text/html", body=body)


def test_pages_about_faults_are_sound(open_page: Open, viewer: User) -> None:
    page = open_page(viewer, "/settings/me/")
    User.objects.filter(pk=viewer.pk).update(version=9, name="Changed elsewhere")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Someone was first")).to_be_visible()
    found = _look(page, "409")
    page.goto("/packs/")
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    found += _look(page, "403")
    for name in ("500", "503", "busy"):
        body = get_template(f"errors/{name}.html").render()
        page.route(f"**/{name}/", partial(_answer, body=body))
        page.emulate_media(color_scheme="light")
        page.goto(f"/{name}/")
        found += _look(page, name)
    assert not found, "\n".join(found)


def test_axe_would_find_a_nameless_button(open_context: Callable[..., BrowserContext], admin: User) -> None:
    page = open_context(admin).new_page()
    page.goto("/incidents/")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any("button-name" in line for line in _findings(page, "/incidents/"))


def test_pages_fit_a_dark_phone(open_context: Callable[..., BrowserContext], admin: User, pages: list[str]) -> None:
    page = open_context(admin, viewport=PHONE, color_scheme="dark", has_touch=True).new_page()
    faults = []
    for path in pages:
        page.goto(path, wait_until="domcontentloaded")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            faults.append(f"{path} is {width} px wide")
        red, green, blue = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
        )
        if max(red, green, blue) > 80:
            faults.append(f"{path} is not dark: {red}, {green}, {blue}")
    assert not faults, "\n".join(faults)


def test_today_needs_no_scrolling_on_a_laptop(
    open_context: Callable[..., BrowserContext], admin: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    for number in range(12):
        declare(platform, by=actor_for(admin), at=clock.now(), title=f"Fault number {number} of a bad day")
    page = open_context(admin, viewport={"width": 1280, "height": 800}).new_page()
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollHeight") <= 800
    column = page.locator(".cols.fit > div").first
    assert column.evaluate("element => element.scrollHeight > element.clientHeight")
    column.evaluate("element => element.scrollTo(0, 60)")
    expect(page.get_by_text("Nothing fires")).to_be_visible()


def test_theme_chosen_by_hand_stays(open_context: Callable[..., BrowserContext], admin: User) -> None:
    page = open_context(admin, color_scheme="light").new_page()
    page.goto("/incidents/")
    page.locator("header.top details.menu", has=page.locator("[data-theme-switch]")).locator("summary").click()
    page.locator("header.top [data-theme-switch]").click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
