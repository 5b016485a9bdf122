"""The keyboard acts on the row somebody chose, and its place outlives what refreshes under it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from maintenance.models import ChecklistRun, ItemState
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare
from tests.factories.maintenance import checklist_run

pytestmark = pytest.mark.e2e


@pytest.fixture
def run(platform: Platform) -> ChecklistRun:
    return checklist_run(platform, at=clock.now() - timedelta(minutes=5))


def _done(run: ChecklistRun) -> list[int]:
    return list(run.items.filter(state=ItemState.DONE).values_list("position", flat=True))


def test_x_without_a_chosen_item_ticks_nothing(open_page: Open, operator: User, run: ChecklistRun) -> None:
    page = open_page(operator, f"/checklists/{run.pk}/")
    page.keyboard.press("x")
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    assert not _done(run)
    assert page.url.endswith(f"/checklists/{run.pk}/")


def test_x_ticks_the_item_the_address_chose(open_page: Open, operator: User, run: ChecklistRun) -> None:
    second = run.items.get(position=2)
    page = open_page(operator, f"/checklists/{run.pk}/?item={second.pk}")
    page.keyboard.press("x")
    expect(page.get_by_text("1 of 3").first).to_be_visible()
    assert _done(run) == [2]


def test_the_chosen_item_stays_chosen_after_a_tick(open_page: Open, operator: User, run: ChecklistRun) -> None:
    page = open_page(operator, f"/checklists/{run.pk}/")
    for key in ("j", "j", "x"):
        page.keyboard.press(key)
    row = page.locator(f"#checklist-item-{run.items.get(position=2).pk}")
    expect(row.locator("[aria-checked=true]")).to_be_visible()
    expect(row).to_have_class("done sel")
    expect(row.locator("a.go")).to_be_focused()
    page.keyboard.press("x")
    page.wait_for_timeout(300)
    assert _done(run) == [2]
    for key in ("j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_text("2 of 3").first).to_be_visible()
    assert _done(run) == [2, 3]


def _refreshed(page: Page, selector: str) -> None:
    """Refetch that live part as the event stream would have it."""
    element = page.locator(selector).element_handle()
    page.evaluate("selector => htmx.trigger(document.querySelector(selector), 'live')", selector)
    page.wait_for_function("element => !element.isConnected", arg=element)


def test_a_focused_link_keeps_the_focus_when_its_part_refreshes(
    open_page: Open, operator: User, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now(), title="Checkout is down")
    page = open_page(operator, "/")
    link = page.locator(f"main a[href='{incident.url}']").first
    link.focus()
    part = link.evaluate("element => `#${element.closest('[data-live]').id}`")
    _refreshed(page, part)
    expect(page.locator(f"{part} a[href='{incident.url}']").first).to_be_focused()
