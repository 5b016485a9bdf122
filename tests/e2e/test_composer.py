"""What was typed during an incident survives a lost session, and no line breaks the page."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Route, expect

from incidents.services import entry_log
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare

pytestmark = pytest.mark.e2e


def test_signed_out_meanwhile_keeps_the_line_and_sends_it_after_signing_in(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)
    session = [cookie for cookie in page.context.cookies() if cookie["name"] == "sessionid"]
    page.context.clear_cookies(name="sessionid")
    box = page.locator(".composer [name=text]")
    box.fill("pool is full")
    box.press("Enter")
    login = f"/accounts/login/?next={quote(incident.url, safe='')}"
    expect(page.locator("[data-signed-out]")).to_have_attribute("href", login)
    expect(page.get_by_text("You are signed out. What you typed is kept.")).to_be_visible()
    expect(page.locator(".unsent")).to_contain_text("Sign in or load the page again, then it is sent:pool is full")
    assert page.url.endswith(incident.url)
    # Signing in, in whatever tab, also draws a new secret for forms; an answer on its way would bring the old one back.
    page.context.set_offline(True)
    page.wait_for_timeout(500)
    page.context.clear_cookies(name="csrftoken")
    page.context.add_cookies([{"name": one["name"], "value": one["value"], "url": page.url} for one in session])
    with page.expect_response(lambda answer: answer.url.endswith("/log/")) as answer:
        page.context.set_offline(False)
    assert answer.value.status == 401
    expect(page.locator(".unsent")).to_contain_text("load the page again")
    page.reload()
    expect(page.locator(".tl").get_by_text("pool is full")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)


def test_the_next_line_is_written_while_one_is_on_its_way(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=clock.now())
    for n in range(40):
        entry_log(by=by, at=clock.now(), incident=incident, body=f"line {n}")
    page = open_page(operator, incident.url)
    held: list[Route] = []
    page.route("**/log/", lambda route: held.insert(0, route))
    box, unsent = page.locator(".composer [name=text]"), page.locator(".unsent")

    def send(line: str, then: str) -> Route:
        box.fill(line)
        with page.expect_request("**/log/"):
            box.press("Enter")
        expect(box).to_have_value("")
        box.fill(then)
        return held.pop()

    send("pool is full", "restarting").continue_()
    line = page.locator(".tl li", has_text="pool is full")
    expect(line).to_be_visible()
    expect(box).to_have_value("restarting")
    expect(box).to_be_focused()
    # One's own line is not hidden by the composer that is stuck over the timeline.
    below, above = page.locator(".composer").bounding_box(), line.bounding_box()
    assert below
    assert above
    assert above["y"] + above["height"] <= below["y"] + 1
    send("/nonsense", "next").continue_()
    expect(unsent).to_contain_text("/nonsense is no command")
    expect(box).to_have_value("next")
    unsent.get_by_role("button", name="Edit").click()
    expect(box).to_have_value("/nonsense")
    expect(unsent).to_contain_text("Put aside:next")
    send("/status mitigated", "meanwhile").abort()
    expect(unsent).to_contain_text("Not taken (no answer):/status mitigated")
    expect(box).to_have_value("meanwhile")


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


def test_a_line_written_offline_waits_through_a_reload_and_is_sent_once(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)
    box = page.locator(".composer [name=text]")
    page.context.set_offline(True)
    for line in ("pool is full", "restarted it"):
        box.fill(line)
        box.press("Enter")
        expect(page.locator(".unsent")).to_contain_text(f"Not sent yet, retrying:{line}")
        expect(box).to_have_value("")
    # A command that changes the incident waits in the field for its writer.
    box.fill("/status mitigated")
    box.press("Enter")
    expect(box).to_have_value("/status mitigated")
    expect(page.locator(".unsent li")).to_have_count(2)
    box.fill("")
    page.wait_for_timeout(3_000)
    page.context.set_offline(False)
    page.reload()
    expect(page.locator(".tl").get_by_text("restarted it")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
    logged = list(incident.entries.filter(kind="log").order_by("number"))
    assert [entry.body for entry in logged] == ["pool is full", "restarted it"]
    for entry in logged:
        assert entry.data == {"sent_late": True}
        assert entry.occurred_at <= entry.recorded_at
    incident.refresh_from_db()
    assert incident.mitigated_at is None


def test_an_answer_lost_on_its_way_doubles_nothing(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)

    def lose(route: Route) -> None:
        route.fetch()  # it reaches the portal …
        route.abort()  # … whose answer never comes

    page.route("**/log/", lose, times=1)
    box = page.locator(".composer [name=text]")
    box.fill("pool is full")
    box.press("Enter")
    expect(page.locator(".tl").get_by_text("pool is full")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
    page.wait_for_timeout(500)
    assert incident.entries.filter(body="pool is full").count() == 1


def test_a_picture_is_dropped_into_the_composer(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)
    page.evaluate("""() => {
        const files = new DataTransfer();
        files.items.add(new File(["full"], "pool.log", { type: "text/plain" }));
        const composer = document.querySelector(".composer");
        composer.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }""")
    expect(page.locator(".tl").get_by_text("attached pool.log")).to_be_visible()
    with page.expect_download() as download:
        page.locator(".tl").get_by_role("link", name="download").click()
    assert download.value.suggested_filename == "pool.log"


def test_commands_complete_with_what_there_is(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)
    page.keyboard.press("t")
    expect(page.locator(f'datalist option[value="/assign @{operator.name}"]')).to_have_count(1)
    page.locator(".composer [name=text]").fill(f"/task Restart the pool @{operator.name} 15m")
    page.keyboard.press("Enter")
    expect(page.locator(".tl").get_by_text("Restart the pool")).to_be_visible()


def test_a_command_that_another_tab_is_sending_is_left_to_it(
    open_page: Open, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, incident.url)
    held: list[Route] = []
    page.route("**/log/", lambda route: held.insert(0, route))

    def send() -> None:
        page.locator(".composer [name=text]").fill("/status mitigated")
        with page.expect_request("**/log/"):
            page.locator(".composer [name=text]").press("Enter")
        expect(page.locator(".composer [name=text]")).to_have_value("")

    send()
    other = page.context.new_page()
    other.goto(incident.url)
    expect(other.locator(".composer [name=text]")).to_be_visible()
    other.wait_for_timeout(6_000)
    expect(other.locator(".unsent")).to_have_count(0)
    held.pop().continue_()
    expect(page.locator(f"#incident-{incident.pk}-head .steps [aria-current]")).to_contain_text("Resolve")
    other.reload()
    for tab in (page, other):
        expect(tab.locator(".unsent")).to_have_count(0)
    # Of a page that went, nobody else knows how it ended.
    send()
    page.reload()
    expect(page.locator(".unsent")).to_contain_text("Perhaps not carried out:/status mitigated")
