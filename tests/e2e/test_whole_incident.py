"""A whole incident, from declaring it to closing it: by plain pages without script, and by the keyboard alone."""

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from incidents.models import ActionItem, Incident, ResponseTask, Review, RoleAssignment
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.knowledge.models import RunbookRun
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.runbooks import runbook

pytestmark = pytest.mark.e2e
LINE = "Payment provider answers 500"
TEXTS = {
    "users_affected": "1,200, from the order log",
    "impact_business": "No order is paid.",
    "cause": "Their deploy.",
}


@pytest.fixture
def shop(platform: Platform) -> Platform:
    runbook(platform, at=clock.now(), triggers={"services": ["web"]})
    return platform


def _is_told_whole(commander: User, operator: User, admin: User) -> None:
    """What the record holds at the end, whichever way it was written."""
    incident = Incident.objects.get()
    assert (incident.commander, incident.severity.label, incident.state) == (commander, "P0", "closed")
    assert incident.mitigated_at
    assert (incident.cause, incident.resolution) == ("Their deploy.", "The provider answers again.")
    assert RoleAssignment.objects.get(incident=incident, role="scribe").user == operator
    assert incident.entries.filter(kind="log", body=LINE).count() == 1
    assert incident.updates.get().body == "We know that orders stay unpaid."
    assert incident.entries.filter(body__contains="no order is paid").exists()
    assert RunbookRun.objects.get().step_runs.get(step=1).output == "nothing in the log"
    task = ResponseTask.objects.get(incident=incident)
    assert (task.title, task.done_by) == ("Call the provider", commander)
    review = Review.objects.get(incident=incident)
    assert (review.state, review.author, review.published_by) == ("published", commander, admin)
    assert review.sections.get(key="cause").body == "A person wrote this cause."
    item = ActionItem.objects.get()
    assert (item.state, item.owner, item.evidence) == ("done", operator, "Alarm 7 fires")
    numbers = list(incident.entries.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


# --- without script --------------------------------------------------------------------------------------------
def _fill(page: Page, **fields: str) -> None:
    form = page.locator("main form[method=post]").last
    for name, value in fields.items():
        control: Any = form.locator(f"[name={name}]")
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(label=value)
        else:
            control.fill(value)
    form.locator("button[type=submit]").last.click()


def _act(page: Page, link: str, **fields: str) -> None:
    page.get_by_role("link", name=link, exact=True).first.click()
    _fill(page, **fields)


def _respond_plainly(page: Page, scribe: str) -> None:
    page.get_by_role("link", name="Declare incident").click()
    _fill(page, title="Orders stay unpaid", service="Shop: Web")
    expect(page.locator("h1")).to_contain_text("Orders stay unpaid")
    page.get_by_label("Log a line").last.fill(LINE)
    page.get_by_role("button", name="Log").last.click()
    expect(page.locator(".tl").get_by_text(LINE)).to_be_visible()
    _act(page, "Update", body="We know that orders stay unpaid.")
    _act(page, "Severity", severity="P0 Critical", why="no order is paid")
    expect(page.locator("h1")).to_contain_text("P0")
    _act(page, "Roles", role="Scribe", user_id=scribe, note="I watch the provider")
    page.get_by_role("link", name="Runbook", exact=True).last.click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Output, or why it is skipped").fill("nothing in the log")
    page.get_by_role("button", name="Done", exact=True).first.click()
    expect(page.locator(".more").get_by_text("1 of 6")).to_be_visible()
    _act(page, "Task", title="Call the provider", owner_id="Nobody yet")
    page.get_by_role("button", name="Done", exact=True).first.click()
    expect(page.locator("section[aria-label=Tasks]").get_by_text("done", exact=True)).to_be_visible()
    _act(page, "Mark mitigated", note="Second provider takes over")
    _act(page, "Resolve", resolution="The provider answers again.")


def _look_back_plainly(page: Page, owner: str) -> None:
    # The dispatcher would have drafted it within seconds; here nobody runs it.
    page.get_by_role("button", name="Draft review").click()
    _act(page, "Edit Cause", body="A person wrote this cause.")
    form = page.get_by_role("form", name="New action item")
    form.locator("[name=title]").fill("Watch the provider's error rate")
    form.locator("[name=owner_id]").select_option(label=owner)
    form.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Request review").click()
    expect(page.get_by_role("button", name="Request review")).to_have_count(0)


def test_without_script_from_declared_to_closed(
    open_page: Open, shop: Platform, commander: User, admin: User, operator: User
) -> None:
    page = open_page(commander, "/", java_script_enabled=False)
    _respond_plainly(page, operator.name)
    _look_back_plainly(page, operator.name)
    url = Incident.objects.get().url
    reader = open_page(admin, f"{url}review/", java_script_enabled=False)
    reader.get_by_label("Because").fill("Its lessons are the action's")
    reader.get_by_role("button", name="Approve and publish").click()
    expect(reader.get_by_text(f"read and published by {admin.name}")).to_be_visible()
    owner = open_page(operator, "/actions/", java_script_enabled=False)
    owner.get_by_role("link", name="Watch the provider's error rate").first.click()
    _fill(owner, state="Done", evidence="Alarm 7 fires")
    page.goto(url)
    _act(page, "Close", **TEXTS)
    _is_told_whole(commander, operator, admin)


# --- by the keyboard alone ---------------------------------------------------------------------------------------
class Keys:
    """A person without a mouse: text is typed, keys are pressed, and Tab is how one gets anywhere."""

    FARTHEST = 150

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.locator(".composer .in")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.insert_text(text)

    def reach(self, selector: str, text: str = "") -> None:
        """Tab until the focus is on such an element."""
        is_there = "([selector, text]) => { const here = document.activeElement;"
        is_there += " return here.matches(selector) && here.textContent.includes(text); }"
        for _ in range(self.FARTHEST):
            self.press("Tab")
            if self.page.evaluate(is_there, [selector, text]):
                return
        raise AssertionError(f"Tab does not reach {selector} {text} on {self.page.url}")

    def fill(self, selector: str, text: str) -> None:
        self.reach(selector)
        if self.page.evaluate("document.activeElement.localName") == "select":
            self.page.keyboard.type(text)
        else:
            self.press("Control+a")
            self.type(text)

    def do(self, selector: str, text: str = "") -> None:
        """Press that button or follow that link."""
        self.reach(selector, text)
        self.press("Enter")

    def go(self, selector: str, text: str = "") -> None:
        """The same; another page comes."""
        self.reach(selector, text)
        with self.page.expect_navigation():
            self.press("Enter")

    def say(self, line: str) -> None:
        """A line in the composer, from wherever one is."""
        if not self.page.evaluate("document.activeElement.matches('.composer .in')"):
            self.press("t")
        expect(self.box).to_be_focused()
        self.type(line)
        with self.page.expect_response(lambda answer: answer.url.endswith("/log/")) as answer:
            self.press("Enter")
        assert answer.value.ok, line
        expect(self.box).to_have_value("")

    def declare(self, title: str) -> None:
        with self.page.expect_navigation():
            self.press("i")
        expect(self.page.locator("[name=title]")).to_be_focused()
        self.type(title)
        self.press("Tab")
        self.page.keyboard.type("Shop: Web")
        self.go("button", "Declare and take command")


def _respond_by_keys(keys: Keys, scribe: str) -> None:
    lines, pane = keys.page.locator(".tl"), keys.page.locator("section[aria-label='Working pane']")
    keys.declare("Orders stay unpaid")
    keys.say(LINE)
    expect(lines.get_by_text(LINE)).to_be_visible()
    keys.say("/update We know that orders stay unpaid.")
    keys.say("/severity P0 no order is paid")
    expect(keys.page.locator("h1")).to_contain_text("P0")
    keys.say(f"/role scribe @{scribe}: I watch the provider")
    keys.say("/runbook slow")
    keys.say("/task Call the provider")
    expect(lines.get_by_text("Call the provider")).to_be_visible()
    keys.do("nav.tabs a", "Runbook")
    expect(pane.get_by_label("Output, or why it is skipped")).to_be_visible()
    keys.fill("textarea[name=note]", "nothing in the log")
    keys.do("button[value=done]")
    expect(pane.get_by_text("1 of 6")).to_be_visible()
    keys.do("nav.tabs a", "Triage")
    expect(pane.get_by_role("heading", name="Tasks")).to_be_visible()
    keys.do("button[value=done]")
    expect(pane.get_by_text("done", exact=True)).to_be_visible()
    keys.say("/status mitigated Second provider takes over")
    keys.say("/status resolved The provider answers again.")


def _look_back_by_keys(keys: Keys, owner: str) -> None:
    expect(keys.page.get_by_role("button", name="Draft review")).to_be_visible()
    keys.go("button", "Draft review")
    keys.go("a", "Edit Cause")
    keys.fill("textarea[name=body]", "A person wrote this cause.")
    keys.go("button", "Save")
    keys.fill("input[name=title]", "Watch the provider's error rate")
    keys.fill("select[name=owner_id]", owner)
    keys.go("button", "Add")
    keys.go("button", "Request review")


def test_by_the_keyboard_alone_from_declared_to_closed(
    open_page: Open, shop: Platform, commander: User, admin: User, operator: User
) -> None:
    keys = Keys(open_page(commander, "/"))
    _respond_by_keys(keys, operator.name)
    _look_back_by_keys(keys, operator.name)
    incident = Incident.objects.get()

    reader = Keys(open_page(admin, "/"))
    reader.press("/")
    reader.type(incident.reference)
    expect(reader.page.get_by_role("option", name=incident.title).first).to_have_attribute("aria-selected", "true")
    with reader.page.expect_navigation():
        reader.press("Enter")
    reader.go(".acts a", "Review")
    reader.fill("#publish-note", "Its lessons are the action's")
    reader.go("button", "Approve and publish")
    expect(reader.page.get_by_text(f"read and published by {admin.name}")).to_be_visible()

    owner = Keys(open_page(operator, "/actions/"))
    owner.go("a", "Watch the provider's error rate")
    owner.fill("select[name=state]", "Done")
    owner.fill("textarea[name=evidence]", "Alarm 7 fires")
    owner.go("button", "Save")

    keys.page.goto(incident.url)
    keys.do(".acts a", "Close")
    for name, text in TEXTS.items():
        keys.fill(f"[name={name}]", text)
    keys.go("button", "Close incident")
    _is_told_whole(commander, operator, admin)


# A click, a tap, or any key but text, Tab and the choice in a list.
COUNT = """
const count = () => sessionStorage.setItem("acts", Number(sessionStorage.getItem("acts")) + 1);
addEventListener("click", (event) => event.detail && count(), true);
addEventListener("keydown", ({ key, target }) => {
  if (key !== "Tab" && (key === "Enter" || !target.matches("input, textarea, select"))) count();
}, true);
"""


def test_a_commander_declares_and_logs_within_three_interactions(
    open_page: Open, shop: Platform, commander: User, capsys: pytest.CaptureFixture[str]
) -> None:
    page = open_page(commander, "/")
    page.add_init_script(COUNT)
    page.reload()
    begun, keys = time.monotonic(), Keys(page)
    keys.declare("Orders stay unpaid")
    expect(keys.box).to_be_focused()
    keys.type(LINE)
    keys.press("Enter")
    expect(page.locator(".tl").get_by_text(LINE)).to_be_visible()
    passed = time.monotonic() - begun
    assert int(page.evaluate("sessionStorage.getItem('acts')")) <= 3
    assert Incident.objects.get().commander == commander
    with capsys.disabled():
        print(f"\ndeclared, command taken and first line logged in {passed:.1f} s")  # noqa: T201 - the figure of UI.md
