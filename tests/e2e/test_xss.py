"""What people and machines write about incidents is text wherever it is shown, in a real browser (P13).

Three witnesses: a script that ran, what the content security policy refused, and any element or attribute that only
markup out of a text could have made.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.hostile import FOUND, HOOK, cases, hostile
from tests.e2e.sinks import Sinks, sinks_of

pytestmark = pytest.mark.e2e
LONG = hostile()
LEAST = 3_200  # payloads by fields that hold text


def _found(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.evaluate(FOUND)
    return found


def test_the_witnesses_see_what_would_be_wrong(open_context: Callable[..., BrowserContext], admin: User) -> None:
    page = open_context(admin).new_page()
    page.add_init_script(HOOK)
    page.goto("/incidents/")
    assert not any(_found(page).values())
    page.evaluate("markup => document.querySelector('main').insertAdjacentHTML('beforeend', markup)", LONG)
    page.wait_for_function("() => window.refused.length > 5")
    found = _found(page)
    assert len(found["made"]) > 30
    assert not found["ran"], "the content security policy stops what markup would do"
    page.route("**/control/", lambda route: route.fulfill(body=f"<html>{LONG}", content_type="text/html"))
    page.goto("/control/")
    page.wait_for_function("() => window.ran.length > 5")


@pytest.fixture
def sinks(platform: Platform, admin: User, commander: User, actor_for: Callable[..., Actor]) -> Sinks:
    return sinks_of(platform, by=actor_for(admin), person=admin, reader=actor_for(commander))


def test_no_text_becomes_markup_on_any_page_of_incidents(
    open_context: Callable[..., BrowserContext], admin: User, sinks: Sinks
) -> None:
    page = open_context(admin).new_page()
    page.add_init_script(HOOK)
    faults, seen = [], set[str]()
    for path in sinks.pages:
        answer = page.goto(path)
        page.wait_for_function("() => !document.querySelector('.skels')")
        found = {witness: seen for witness, seen in _found(page).items() if seen}
        shown = page.content()
        seen |= cases(shown)
        if answer is None or answer.status != 200 or "xss" not in shown or found:
            faults.append(f"{path}: {answer and answer.status} {found or 'nothing of the corpus is on it'}")
    path, field, typed = sinks.lost
    page.goto(path)
    page.locator(f"#main [name={field}]").fill(typed)
    page.evaluate("document.querySelector('#main [name=version]').value = 1")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save what is in the box").wait_for()
    seen |= cases(page.content())
    faults += [f"a lost race: {found}" for found in [_found(page)] if any(found.values())]
    page.goto(sinks.pages[0])
    page.keyboard.press("/")
    page.keyboard.insert_text("xss")
    page.wait_for_function("() => document.querySelector('#palette-list [role=option]')")
    faults += [f"palette: {found}" for found in [_found(page)] if any(found.values())]
    assert not faults, "\n".join(faults)
    assert len(seen) >= LEAST, f"{len(seen)} payloads by fields were on the pages"


def test_no_file_is_shown_as_a_page(open_context: Callable[..., BrowserContext], admin: User, sinks: Sinks) -> None:
    request = open_context(admin).request
    for path in sinks.files:
        answer = request.get(path)
        head = answer.headers
        assert answer.status == 200, path
        is_kept = head.get("content-disposition", "").startswith("attachment")
        assert is_kept or head["content-type"].startswith("text/calendar"), path
        assert head["x-content-type-options"] == "nosniff", path
        assert "html" not in head["content-type"], path
        assert "svg" not in head["content-type"], path
        assert "xss" in answer.text(), path
