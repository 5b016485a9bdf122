"""The rooms beside an incident's timeline: axe in both themes, a phone, and the keyboard's way through each page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page

from incidents.services import (
    action_item_add,
    cause_add,
    entry_log,
    incident_resolve,
    problem_open,
    report_add,
    retrospective_open,
    retrospective_write,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.runbooks import runbook_start
from incidents.services.tasks import task_add
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.knowledge.models import StepOutcome
from opsportal.knowledge.services.runs import run_start, step_finish
from opsportal.platforms.models import Platform
from tests.e2e.test_pages import _look
from tests.factories.incidents import alarm, clock_policy, declare, transition
from tests.factories.runbooks import runbook

pytestmark = pytest.mark.e2e
FIXED = (
    "/incidents/queue/", "/problems/", "/user-reports/", "/clocks/", "/calendar/", "/learnings/",
    "/learnings/retrospectives/", "/runbooks/", "/reports/incidents/", "/reports/incidents/rows/", "/wall/",
)  # fmt: skip


@pytest.fixture
def rooms(platform: Platform, admin: User, commander: User, actor_for: Callable[..., Actor]) -> list[str]:
    """The rooms, with something in each."""
    by, at = actor_for(admin), clock.now()
    clock_policy(platform, "update", 30)
    incident = declare(platform, by=by, at=at, title="Checkout is down")
    line = entry_log(by=by, at=at, incident=incident, body="The **pool** is full")
    task_add(by=by, at=at, incident=incident, title="Call the provider", owner_id=admin.pk)
    declare(platform, by=by, at=at, title="Search is slow", label="P2")
    past = declare(platform, by=by, at=at - timedelta(hours=2), title="Orders stay unpaid", label="P0")
    past = incident_resolve(by=by, at=at, incident=past, expected=past.version)
    review = review_draft(by=by, at=at, incident=past)
    lessons = review.sections.get(key="lessons")
    review_section_edit(by=by, at=at, section=lessons, expected=1, body="Watch the pool.")
    cause_add(by=by, at=at, review=review, parent=None, kind="root", text="The pool ran dry")
    action_item_add(by=by, at=at, incident=past, title="Watch the pool", owner_id=admin.pk)
    told = declare(platform, by=by, at=at - timedelta(hours=3), title="Mail is late")
    told = incident_resolve(by=by, at=at, incident=told, expected=told.version)
    sent = review_draft(by=by, at=at, incident=told)
    sent = review_submit(by=by, at=at, review=sent, expected=sent.version)
    signed = review_publish(by=actor_for(commander), at=at, review=sent, expected=sent.version, note="it is known")
    action_item_add(by=by, at=at, incident=told, title="Watch the queue", owner_id=admin.pk)
    problem = problem_open(by=by, at=at, platform_id=platform.pk, values={"title": "The pool is small"})
    report = report_add(by=by, at=at, platform_id=platform.pk, text="It is slow", kind="fault", channel="phone")
    first = (at - timedelta(days=40)).date()
    look_back = retrospective_open(by=by, at=at, platform=platform, kind="biweekly", starts_on=first)
    retrospective_write(by=by, at=at, row=look_back, expected=1, well="We were quick.", improve="", actions="")
    transition(alarm(platform, key="quiet", signal="quiet", opens_incident=False), "alarm", at)
    book = runbook(platform, at=at, triggers={"services": ["web"]})
    run = runbook_start(by=by, at=at, incident=incident, runbook=book)
    step_finish(by=by, at=at, run=run, expected=run.version, step=1, outcome=StepOutcome.DONE, note="nothing")
    practice = run_start(by=by, at=at, runbook=book, is_practice=True)
    url, booked = incident.url, book.get_absolute_url()
    return [
        *FIXED, f"{url}?tab=runbook", f"{url}?tab=triage", f"{url}log/{line.number}/", f"{past.url}review/",
        f"{past.url}review/sections/lessons/texts/", signed.url, f"{signed.url}versions/{signed.version}/",
        f"/problems/{problem.number}/", f"/user-reports/{report.pk}/", look_back.url,
        look_back.texts_url, booked,
        practice.get_absolute_url(),
    ]  # fmt: skip


# What a mouse can use and Tab does not reach, and where the focus is that nobody sees.
WATCH = """() => {
  window.seen = new Set(); window.unseen = [];
  document.addEventListener("focusin", ({ target }) => {
    seen.add(target);
    const drawn = getComputedStyle(target), row = target.closest("tr");
    const ring = (style) => style.outlineStyle !== "none" || style.boxShadow !== "none";
    if (!ring(drawn) && !(row && ring(getComputedStyle(row)))) unseen.push(target.outerHTML.slice(0, 120));
  });
}"""
LEFT = """() => {
  const own = "a[href], button:not(:disabled), input:not(:disabled, [type=hidden]), select, textarea, summary";
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
  const all = [...document.querySelectorAll(own)].filter((one) => shown(one) && !one.matches("[type=radio]"));
  const held = all.filter((one) => !seen.has(one));
  const hidden = [...document.querySelectorAll("body *")].filter((one) => shown(one)
    && getComputedStyle(one).cursor === "pointer" && !one.closest(`${own}, label, tr:has(a.go)`));
  return [...held, ...hidden].map((one) => one.outerHTML.slice(0, 120));
}"""


def _by_tab(page: Page) -> list[str]:
    page.evaluate(WATCH)
    count, before = 0, -1
    while count > before:  # a date's parts take a Tab each
        for _ in range(20):
            page.keyboard.press("Tab")
        before, count = count, page.evaluate("seen.size")
    left: list[str] = page.evaluate(LEFT)
    unseen: list[str] = page.evaluate("unseen")
    return [*(f"not reached: {one}" for one in left), *(f"focus not seen: {one}" for one in unseen)]


def test_each_room_is_sound_on_a_desk_on_a_phone_and_by_the_keyboard(
    open_context: Callable[..., BrowserContext], admin: User, rooms: list[str]
) -> None:
    page = open_context(admin).new_page()
    faults: list[str] = []
    for path in rooms:
        page.emulate_media(color_scheme="light")
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        faults += [f"{path}: {fault}" for fault in _by_tab(page)]
        faults += _look(page, path)
    assert not faults, "\n".join(faults)
