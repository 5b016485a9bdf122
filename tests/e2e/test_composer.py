"""What was typed during an incident survives a lost session, and no line breaks the page."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare

pytestmark = pytest.mark.e2e


def test_signed_out_meanwhile_keeps_the_line_and_offers_to_sign_in(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)
    page.context.clear_cookies(name="sessionid")
    box = page.locator(".composer [name=text]")
    box.fill("pool is full")
    box.press("Enter")
    login = f"/accounts/login/?next={quote(incident.url, safe='')}"
    expect(page.locator("[data-signed-out]")).to_have_attribute("href", login)
    expect(page.get_by_text("You are signed out. What you typed is kept.")).to_be_visible()
    expect(box).to_have_value("pool is full")
    assert page.url.endswith(incident.url)


def test_a_word_without_end_is_broken(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now(), title="T" * 200)
    page = open_page(operator, incident.url)
    box = page.locator(".composer [name=text]")
    box.fill("x" * 5_000)
    box.press("Enter")
    expect(page.locator(".tl").get_by_text("x" * 50).first).to_be_visible()
    for url in (incident.url, "/incidents/", "/"):
        page = open_page(operator, url)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), url
