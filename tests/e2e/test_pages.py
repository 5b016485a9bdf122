"""Every main page: no axe finding in either theme, nothing wider than a phone, dark where dark is asked for."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import BrowserContext, Page

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare
from tests.factories.maintenance import checklist_run, window
from tests.factories.monitoring import rule_of, slo_of

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}
FIXED = (
    "/",
    "/incidents/",
    "/incidents/declare/",
    "/actions/",
    "/monitoring/",
    "/monitoring/alarms/",
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
    return [*FIXED, f"/incidents/{incident.number}/", f"/checklists/{run.pk}/", f"/slos/{slo.pk}/"]


@cache
def _axe() -> str:
    folder = Path(axe_playwright_python.__file__).parent
    return next(folder.rglob("axe.min.js")).read_text(encoding="utf-8")


RUN_AXE = "async rules => (await axe.run(rules ? {runOnly: rules} : {})).violations"


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


def test_theme_chosen_by_hand_stays(open_context: Callable[..., BrowserContext], admin: User) -> None:
    page = open_context(admin, color_scheme="light").new_page()
    page.goto("/incidents/")
    page.locator("header.top details.menu", has=page.locator("[data-theme-switch]")).locator("summary").click()
    page.locator("header.top [data-theme-switch]").click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
