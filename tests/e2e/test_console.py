"""A browser's console stays empty: no error, no warning, no refusal by the content security policy."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from incidents.models import Incident
from incidents.services import entry_log
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from tests.e2e.test_pages import FIXED, pages

pytestmark = pytest.mark.e2e
__all__ = ["pages"]
# htmx calls it an error when a live part's request is taken back for what a person clicked meanwhile.
GAVE_WAY = ("htmx:sendAbort", "htmx:afterRequest")


def _listen(page: Page) -> list[str]:
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # A page that is not there is said by the browser itself, and rightly.
        is_expected = "/nowhere/" in message.location["url"] or message.text.startswith(GAVE_WAY)
        if message.type in ("error", "warning") and not is_expected:
            said.append(f"{page.url}: {message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    return said


def test_the_console_stays_empty_on_every_main_page(
    open_context: Callable[..., BrowserContext], admin: User, pages: list[str]
) -> None:
    page = open_context(admin).new_page()
    said = _listen(page)
    for path in (*pages, "/help/", "/decisions/new/"):
        page.goto(path, wait_until="networkidle" if path not in FIXED else "load")
    assert not said, "\n".join(said)


def test_the_console_stays_empty_while_an_incident_is_worked_on(
    open_context: Callable[..., BrowserContext], operator: User, admin: User, pages: list[str],
    actor_for: Callable[..., Actor],
) -> None:  # fmt: skip
    page = open_context(operator).new_page()
    said = _listen(page)
    detail = next(path for path in pages if path.startswith("/incidents/") and path not in FIXED)
    page.goto(detail)
    for line in ("one", "/decision roll back"):
        page.locator(".composer input.in").fill(line)
        page.keyboard.press("Enter")
        expect(page.locator(".composer input.in")).to_have_value("")
    incident = Incident.objects.get(number=int(detail.strip("/").split("/")[-1]))
    entry_log(by=actor_for(admin), at=clock.now(), incident=incident, body="said by somebody else")
    expect(page.get_by_text("said by somebody else")).to_be_visible()
    for tab in ("Metrics", "Comms", "Related", "Triage", "Situation"):
        page.get_by_role("link", name=tab, exact=True).last.click()
        expect(page.locator(f"#incident-{incident.pk}-pane [aria-current]")).to_have_text(tab)
    page.keyboard.press("/")
    page.wait_for_timeout(500)
    assert not said, "\n".join(said)
