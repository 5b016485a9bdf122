"""Two people, one incident: the page of a lost race stands once, and what is long breaks instead of the page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from incidents.services import incident_triage
from incidents.services.acts import ACTS
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare
from tests.factories.platforms import MembershipFactory

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}
WORD = "https://example.com/" + "x" * 180


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_lost_race_takes_the_whole_page_once_and_offers_only_what_can_work(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    by = actor_for(commander)
    incident = declare(platform, by=by, at=clock.now() - timedelta(minutes=5))
    first = open_page(commander, f"{incident.url}severity/")
    second = open_page(commander, f"{incident.url}resolve/")
    values = {"changes": {"title": "Checkout is slow"}}
    ACTS["describe"].perform(by=by, at=clock.now(), incident=incident, expected=incident.version, values=values)
    first.get_by_label("Why").fill("all users")
    first.get_by_role("button", name="Set severity").click()
    expect(first.get_by_role("button", name="Save mine on top")).to_be_visible()
    for part in ("main", "nav.rail", "#toasts"):
        assert first.locator(part).count() <= 1, part
    expect(first.locator("#main")).to_contain_text(f"{commander.name} saved this at")
    # What someone else has done already is not offered again, whatever was written stays.
    incident.refresh_from_db()
    ACTS["resolve"].perform(
        by=by, at=clock.now(), incident=incident, expected=incident.version, values={"resolution": "restarted"}
    )
    second.get_by_label("What ended it").fill("failed over")
    second.get_by_role("button", name="Resolve").click()
    expect(second.locator("#main .note.fail")).to_contain_text(f"{commander.name} was first")
    assert second.locator("main").count() == 1
    expect(second.get_by_label("What ended it")).to_have_value("failed over")
    expect(second.get_by_role("button", name="Resolve", exact=True)).to_have_count(0)
    expect(second.get_by_role("button", name="Save mine on top")).to_have_count(0)


def test_a_phone_breaks_long_words_of_titles_and_answers(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    by = actor_for(commander)
    incident = declare(platform, by=by, at=clock.now(), title="T" * 200)
    answers = {"users": {"answer": "yes", "note": WORD}}
    incident = incident_triage(by=by, at=clock.now(), incident=incident, expected=incident.version, answers=answers)
    page = open_page(commander, f"{incident.url}role/", viewport=PHONE)
    assert fits(page)
    for width in (PHONE["width"], 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"{incident.url}?tab=triage")
        assert fits(page)
        row = page.locator(".qa tbody tr", has_text=WORD)
        question, answer = row.locator("td").first.bounding_box(), row.locator(".st").bounding_box()
        box = row.bounding_box()
        assert question
        assert answer
        assert box
        assert question["width"] >= 120
        assert answer["x"] + answer["width"] <= box["x"] + box["width"]


def test_a_phone_shows_refused_lines_beside_the_timeline_and_lets_go_of_them(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now())
    page = open_page(commander, incident.url, viewport=PHONE)
    page.evaluate(
        """(word) => {
            const form = document.querySelector("form[data-composer]");
            const why = "Write /at 14:32 what happened then, in words that go on and on until the line is full:";
            const line = (n) => ({ key: `k${n}`, text: `/at -10x ${word}`, refused: why, since: Date.now() });
            const lines = [0, 1, 2, 3, 4, 5].map(line);
            const name = `unsent:${document.body.dataset.person}:${form.dataset.draft}`;
            localStorage.setItem(name, JSON.stringify(lines));
        }""",
        WORD,
    )
    page.reload()
    unsent, text = page.locator(".unsent"), page.locator(".unsent li span").first
    expect(unsent.locator("li")).to_have_count(6)
    assert fits(page)
    shown, words = unsent.bounding_box(), text.bounding_box()
    assert shown
    assert words
    assert shown["height"] <= 0.31 * PHONE["height"]
    assert words["width"] >= 150
    for name in ("Edit", "Discard"):
        expect(unsent.get_by_role("button", name=name).first).to_be_in_viewport()
    unsent.get_by_role("button", name="Discard").first.click()
    expect(unsent.locator("li")).to_have_count(5)
    page.reload()
    expect(unsent.locator("li")).to_have_count(5)


def test_what_is_typed_on_after_enter_is_a_line_of_its_own(
    open_page: Open, commander: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    incident = declare(platform, by=actor_for(commander), at=clock.now())
    page = open_page(commander, incident.url)
    box = page.locator(".composer [name=text]")
    held: list[Route] = []
    page.route("**/log/", lambda route: held.append(route), times=1)  # noqa: PLW0108 - playwright marks its handlers
    with page.expect_request("**/log/"):
        box.fill("/runbook")
        box.press("Enter")
    for line in ("pool is full", "restarting it"):
        box.fill(line)
        box.press("Enter")
        expect(box).to_have_value("")
    box.fill("typed on")
    held[0].continue_()
    for line in ("pool is full", "restarting it"):
        expect(page.locator(".tl").get_by_text(line)).to_be_visible()
    expect(box).to_have_value("typed on")
    expect(page.locator(".unsent")).to_contain_text("/runbook")
    assert list(incident.entries.filter(kind="log").order_by("number").values_list("body", flat=True)) == [
        "pool is full",
        "restarting it",
    ]


def test_only_the_severities_of_the_services_platform_are_offered(
    open_page: Open, commander: User, platform: Platform, other_platform: Platform
) -> None:
    MembershipFactory.create(platform=other_platform, user=commander, role="commander")
    page = open_page(commander, "/incidents/declare/")
    page.get_by_text("More, if you know it").click()
    severity = page.locator("select[name=severity]")
    assert severity.locator("optgroup:not([disabled])").count() == 2
    page.locator("select[name=service]").select_option(label=f"{platform.name}: Web")
    expect(severity.locator("optgroup:not([disabled])")).to_have_attribute("label", platform.name)
