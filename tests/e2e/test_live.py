"""Pages follow what happens, in every tab, and a race has one winner and one who is told."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from maintenance.models import ChecklistRun
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare
from tests.factories.maintenance import checklist_run

pytestmark = pytest.mark.e2e
LIVE_MS = 8_000  # well below the 15 s after which a page without a stream would ask by itself


def test_today_shows_a_new_incident_by_itself_in_eight_tabs(
    open_context: Callable[..., BrowserContext],
    operator: User,
    commander: User,
    platform: Platform,
    actor_for: Callable[..., Actor],
) -> None:
    context = open_context(operator)
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto("/", wait_until="domcontentloaded")
    for tab in tabs:
        expect(tab.get_by_text("No open incident")).to_be_visible()
    # The first tab holds the stream for all; the others hear that it is alive.
    tabs[0].wait_for_timeout(3000)
    declare(platform, by=actor_for(commander), at=clock.now(), title="Checkout is down")
    for number, tab in enumerate(tabs):
        expect(tab.get_by_role("link", name="Checkout is down"), f"tab {number}").to_be_visible(timeout=LIVE_MS)


def test_what_happens_between_a_page_and_its_stream_is_shown(
    open_context: Callable[..., BrowserContext],
    operator: User,
    commander: User,
    platform: Platform,
    actor_for: Callable[..., Actor],
) -> None:
    context = open_context(operator)
    first, second = context.new_page(), context.new_page()
    held: list[Route] = []
    for tab in (first, second):  # the one whose page has the stream, the one that hears of it
        declared = f"Checkout is down, {len(held)}"
        tab.route("**/js/main*.js", lambda route: held.insert(0, route))
        tab.goto("/", wait_until="commit")
        expect(tab.get_by_role("heading", name="Now")).to_be_visible()
        expect(tab.get_by_role("link", name=declared)).to_have_count(0)
        declare(platform, by=actor_for(commander), at=clock.now(), title=declared)
        held[0].continue_()
        expect(tab.get_by_role("link", name=declared)).to_be_visible(timeout=LIVE_MS)


def test_an_open_incident_follows_another_person_in_all_its_parts(
    open_page: Open, operator: User, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now(), title="Checkout is down")
    reader, writer = (open_page(person, f"{incident.url}?tab=triage") for person in (operator, commander))
    head = reader.locator(f"#incident-{incident.pk}-head")
    record = reader.locator(f"#incident-{incident.pk}-pane")
    count = reader.locator(f"#incident-{incident.pk}-count")
    expect(record).to_contain_text("not known")
    before = int(count.inner_text())

    def send(line: str) -> None:
        writer.get_by_label("Log a line").last.fill(line)
        writer.get_by_role("button", name="Log").last.click()
        expect(writer.locator(".composer .in")).to_have_value("")

    send("Payment provider answers 500")
    expect(count).to_have_text(str(before + 1), timeout=LIVE_MS)
    expect(writer.locator(f"#incident-{incident.pk}-count")).to_have_text(str(before + 1))
    send("/severity P0 no order is paid")
    expect(head.locator("h1")).to_contain_text("P0", timeout=LIVE_MS)
    send("/status mitigated second provider takes over")
    mitigated = record.locator("dt", has_text="Mitigated").locator("xpath=following-sibling::dd[1]")
    expect(mitigated.locator("time")).to_be_visible(timeout=LIVE_MS)
    expect(head.locator(".steps [aria-current]")).to_contain_text("Resolve", timeout=LIVE_MS)


def test_two_people_tick_the_same_item_and_one_wins(
    open_context: Callable[..., BrowserContext], open_page: Open, operator: User, commander: User, platform: Platform
) -> None:
    run: ChecklistRun = checklist_run(platform, at=clock.now() - timedelta(minutes=5))
    first = open_page(operator, f"/checklists/{run.pk}/")
    context = open_context(commander)
    context.route("**/events/*", lambda route: route.abort())  # what a slow network makes of it: an old page
    second = context.new_page()
    second.goto(f"/checklists/{run.pk}/")
    item = "Tick: Check thing 1"
    first.get_by_role("checkbox", name=item).click()
    expect(first.get_by_text("1 of 3").first).to_be_visible()
    second.get_by_role("checkbox", name=item).click()
    expect(second.get_by_role("alert").filter(has_text=f"{operator.name} was first")).to_be_visible()
    second.get_by_role("checkbox", name="Tick: Check thing 2").click()
    expect(first.get_by_text("2 of 3").first).to_be_visible(timeout=LIVE_MS)


def test_a_race_without_script_ends_the_same(
    open_page: Open, operator: User, commander: User, platform: Platform
) -> None:
    run = checklist_run(platform, at=clock.now() - timedelta(minutes=5))
    first, second = (
        open_page(person, f"/checklists/{run.pk}/", java_script_enabled=False) for person in (operator, commander)
    )
    for page in (first, second):
        page.get_by_role("checkbox", name="Tick: Check thing 1").click()
    expect(first.get_by_text("1 of 3").first).to_be_visible()
    expect(second.get_by_role("alert").filter(has_text=f"{operator.name} was first")).to_be_visible()


def test_a_second_tick_does_not_cut_the_first(open_page: Open, operator: User, platform: Platform) -> None:
    run: ChecklistRun = checklist_run(platform, at=clock.now() - timedelta(minutes=5))
    page = open_page(operator, f"/checklists/{run.pk}/")
    held: list[Route] = []
    page.route("**/tick/", lambda route: held.insert(len(held), route))
    cut: list[str] = []
    page.on("requestfailed", lambda request: cut.append(request.method))
    for number in (1, 2):
        with page.expect_request("**/tick/"):
            page.get_by_role("checkbox", name=f"Tick: Check thing {number}").click()
    page.wait_for_timeout(300)
    assert len(held) == 2
    for route in held:
        with page.expect_response("**/tick/"):
            route.continue_()
    # The answer of the second finds its place although the first took that place anew.
    expect(page.get_by_text("2 of 3").first).to_be_visible(timeout=LIVE_MS)
    assert "POST" not in cut
    run.refresh_from_db()
    assert run.items.filter(state="done").count() == 2
