"""Long texts outlive a lost session and a lost race: back in their form, or in one box beside theirs."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from jinja2 import Environment, FileSystemLoader
from playwright.sync_api import Page, Route, expect

from incidents.models import Review, ReviewSection
from incidents.services import incident_reopen, incident_resolve, review_draft, review_section_edit
from incidents.services.acts import ACTS
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare

pytestmark = pytest.mark.e2e
ActorFor = Callable[..., Actor]
BACK = "What you typed here and did not save is back in the form."
DRAFTS = "Object.keys(localStorage).filter((one) => one.startsWith('draft:'))"
MINE = "The pool was too small, and nobody watched it."


@pytest.fixture
def section(platform: Platform, operator: User, actor_for: ActorFor) -> ReviewSection:
    by, at = actor_for(operator), clock.now() - timedelta(minutes=20)
    incident = declare(platform, by=by, at=at)
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version, resolution="Restarted.")
    review: Review = review_draft(by=by, at=at, incident=done)
    lessons = ReviewSection.objects.get(review=review, key="lessons")
    return review_section_edit(by=by, at=at, section=lessons, expected=lessons.version, body="As drafted.")


def path_of(section: ReviewSection) -> str:
    return f"{section.review.incident.url}review/sections/{section.key}/"


def sign_in_again(page: Page, user: User, client_for: Callable[..., Client]) -> None:
    cookies = client_for(user).cookies
    page.context.add_cookies([{"name": name, "value": one.value, "url": page.url} for name, one in cookies.items()])


def test_a_line_that_no_script_sent_is_not_taken_for_unsaved(
    open_page: Open, operator: User, platform: Platform, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now())
    page = open_page(operator, "/")
    page.route("**/htmx*.js", lambda route: route.abort())
    page.goto(incident.url)
    box = page.locator(".composer [name=text]")
    box.fill("rolled back")
    box.press("Enter")
    expect(page.locator(".tl").get_by_text("rolled back")).to_be_visible()
    page.wait_for_load_state("load")
    expect(box).to_have_value("")
    assert page.evaluate(DRAFTS) == []


def test_a_section_written_when_the_session_ended_is_back_after_signing_in(
    open_page: Open, operator: User, section: ReviewSection, client_for: Callable[..., Client]
) -> None:
    page = open_page(operator, path_of(section))
    page.get_by_label("Body").fill(MINE)
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile("/accounts/login/"))
    sign_in_again(page, operator, client_for)
    page.goto(path_of(section))
    expect(page.get_by_text(BACK)).to_be_visible()
    expect(page.get_by_label("Body")).to_have_value(MINE)
    page.get_by_role("button", name="Discard it").click()
    expect(page.get_by_label("Body")).to_have_value("As drafted.")
    page.reload()
    expect(page.get_by_text(BACK)).to_have_count(0)


def test_a_form_older_than_its_session_gives_the_text_back_and_saves_it_on_the_second_try(
    open_page: Open, operator: User, section: ReviewSection
) -> None:
    page = open_page(operator, path_of(section))
    page.get_by_label("Body").fill(MINE)
    page.context.clear_cookies(name="csrftoken")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("This form is older than your session.")).to_be_visible()
    expect(page.locator("textarea[readonly]")).to_have_value(MINE)
    page.get_by_role("link", name="Open the form again").click()
    expect(page.get_by_label("Body")).to_have_value(MINE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(MINE)).to_be_visible()
    page.goto(path_of(section))
    expect(page.get_by_text(BACK)).to_have_count(0)
    assert ReviewSection.objects.get(pk=section.pk).body == MINE


@pytest.mark.parametrize("name", ["500", "503", "busy", ""])
def test_a_text_that_met_a_fault_or_no_server_at_all_is_back_until_it_is_saved(
    open_page: Open, operator: User, section: ReviewSection, name: str
) -> None:
    pages = Environment(loader=FileSystemLoader(settings.BASE_DIR / "templates"), autoescape=True)

    def fail(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
        elif name:
            fault = pages.get_template(f"errors/{name}.html").render()
            route.fulfill(status=int(name) if name.isdecimal() else 503, content_type="text/html", body=fault)
        else:
            route.abort("connectionrefused")

    page = open_page(operator, path_of(section))
    page.get_by_label("Body").fill(MINE)
    page.route("**/sections/**", fail)
    page.get_by_role("button", name="Save").click()
    page.wait_for_timeout(500)
    page.unroute("**/sections/**")
    page.goto("/")
    page.goto(path_of(section))
    expect(page.get_by_text(BACK)).to_be_visible()
    expect(page.get_by_label("Body")).to_have_value(MINE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(MINE)).to_be_visible()
    page.goto(path_of(section))
    expect(page.get_by_label("Body")).to_have_value(MINE)
    assert page.evaluate(DRAFTS) == []


def test_two_texts_are_made_one_and_a_draft_never_hides_what_another_saved(
    open_page: Open, operator: User, commander: User, section: ReviewSection, actor_for: ActorFor
) -> None:
    page = open_page(operator, path_of(section))
    page.get_by_label("Body").fill(MINE)
    page.wait_for_timeout(500)  # typing rests for 300 ms before it is kept
    other = actor_for(commander)
    review_section_edit(by=other, at=clock.now(), section=section, expected=section.version, body="Theirs.")
    page.goto(path_of(section))  # comes back with the version it was written over
    expect(page.get_by_label("Body")).to_have_value(MINE)
    page.get_by_role("button", name="Save").click()
    main = page.locator("#main")
    expect(main).to_contain_text(f"{commander.name} saved this at")
    expect(main).to_contain_text("Theirs.")
    box = page.get_by_label("Body, yours, to be made one")
    expect(box).to_have_value(MINE)
    box.fill(f"Theirs. {MINE}")
    page.get_by_role("button", name="Save what is in the box").click()
    expect(page).to_have_url(re.compile(r"/review/(#.*)?$"))
    assert ReviewSection.objects.get(pk=section.pk).body == f"Theirs. {MINE}"
    page.goto(path_of(section))
    expect(page.get_by_text(BACK)).to_have_count(0)


def test_an_act_sent_by_htmx_is_let_go_of_once_it_is_saved_and_told_of_until_then(
    open_page: Open, operator: User, platform: Platform, actor_for: ActorFor
) -> None:
    by, at = actor_for(operator), clock.now() - timedelta(minutes=20)
    incident = declare(platform, by=by, at=at)
    resolve = f"{incident.url}resolve/"
    page = open_page(operator, resolve)
    ended = page.get_by_label("What ended it")
    ended.fill(MINE)
    page.route("**/resolve/", lambda route: route.abort() if route.request.method == "POST" else route.fallback())
    page.get_by_role("button", name="Resolve").click()
    page.wait_for_timeout(500)
    page.unroute("**/resolve/")
    page.goto(resolve)
    expect(page.get_by_text(BACK)).to_be_visible()  # the field was empty, still it is said
    expect(ended).to_have_value(MINE)
    page.get_by_role("button", name="Discard it").click()
    expect(ended).to_have_value("")
    expect(page.get_by_text(BACK)).to_have_count(0)
    assert page.evaluate(DRAFTS) == []
    ended.fill(MINE)
    page.get_by_role("button", name="Resolve").click()
    expect(page).to_have_url(re.compile(rf"{incident.url}(\?.*)?$"))
    assert page.evaluate(DRAFTS) == []
    incident.refresh_from_db()
    assert incident.resolution == MINE


def test_what_was_typed_of_a_wave_is_not_about_the_next_one(
    open_page: Open, operator: User, platform: Platform, actor_for: ActorFor
) -> None:
    by, at = actor_for(operator), clock.now() - timedelta(minutes=20)
    incident = declare(platform, by=by, at=at)
    resolve = f"{incident.url}resolve/"
    page = open_page(operator, resolve)
    page.get_by_label("What ended it").fill(MINE)
    page.wait_for_timeout(500)  # typing rests for 300 ms before it is kept
    assert page.evaluate(DRAFTS)
    incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version, resolution="Restarted.")
    incident_reopen(by=by, at=clock.now(), incident=incident, expected=incident.version, why="It is back.")
    page.goto(resolve)
    expect(page.get_by_label("What ended it")).to_be_visible()
    expect(page.get_by_text(BACK)).to_have_count(0)
    expect(page.get_by_label("What ended it")).to_have_value("")


def test_an_act_that_lost_a_race_is_let_go_of_once_it_is_saved_on_top(
    open_page: Open, operator: User, commander: User, platform: Platform, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now() - timedelta(minutes=20))
    page = open_page(operator, f"{incident.url}describe/")
    page.get_by_label("Cause").fill(MINE)
    theirs = {"changes": {"cause": "Theirs."}}
    by = actor_for(commander)
    ACTS["describe"].perform(by=by, at=clock.now(), incident=incident, expected=incident.version, values=theirs)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#main")).to_contain_text("Theirs.")
    assert page.evaluate(DRAFTS)  # still the browser's alone
    page.get_by_role("button", name="Save what is in the box").click()
    expect(page).to_have_url(re.compile(rf"{incident.url}(\?.*)?$"))
    assert page.evaluate(DRAFTS) == []
    incident.refresh_from_db()
    assert incident.cause == MINE


def test_a_line_that_was_not_sent_is_told_of_until_it_is(
    open_page: Open, operator: User, platform: Platform, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=actor_for(operator), at=clock.now() - timedelta(minutes=20))
    page = open_page(operator, incident.url)
    line = page.locator(".composer [name=text]")
    line.fill(MINE)
    page.wait_for_timeout(500)  # typing rests for 300 ms before it is kept
    page.reload()
    expect(page.get_by_text(BACK)).to_be_visible()
    expect(line).to_have_value(MINE)
    line.press("Enter")
    expect(page.locator(".tl").get_by_text(MINE)).to_be_visible()
    expect(page.get_by_text(BACK)).to_have_count(0)
    expect(line).to_have_value("")
    assert page.evaluate(DRAFTS) == []
