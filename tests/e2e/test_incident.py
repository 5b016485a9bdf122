"""One incident from declaring it to its published review, with a mouse; a phone's list."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from incidents.models import Incident, Review
from incidents.services import incident_resolve
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.conftest import Open
from tests.factories.incidents import declare

pytestmark = pytest.mark.e2e


def _act(page: Page, label: str, name: str, **fields: str) -> None:
    """Open an act from the incident's head, fill it in, send it."""
    page.locator(".acts").get_by_role("link", name=label).click()
    form = page.locator(f"form[action$='/{name}/']")
    for field, value in fields.items():
        control: Any = form.locator(f"[name={field}]")
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(label=value)
        else:
            control.fill(value)
    form.locator("button[type=submit]").last.click()
    expect(form).to_have_count(0)


def _declare(page: Page) -> None:
    page.locator("[name=title]").fill("Orders stay unpaid")
    page.locator("[name=service]").select_option(label="Shop: Web")
    page.get_by_role("button", name="Declare and take command").click()
    expect(page.get_by_role("heading", name="Orders stay unpaid")).to_be_visible()


def _work(page: Page) -> None:
    page.get_by_label("Log a line").last.fill("Payment provider answers 500")
    page.get_by_role("button", name="Log").last.click()
    expect(page.locator(".tl").get_by_text("Payment provider answers 500")).to_be_visible()
    _act(page, "Severity", "severity", severity="P0 Critical", why="no order is paid")
    expect(page.locator("h1")).to_contain_text("P0")
    _act(page, "Update", "update", body="We know that orders stay unpaid.")
    expect(page.locator(".tl").get_by_text("We know that orders stay unpaid.").first).to_be_visible()
    _act(page, "Mark mitigated", "mitigate", note="Second provider takes over")
    _act(page, "Resolve", "resolve", resolution="The provider answers again.")


def _review(page: Page, owner: str) -> None:
    # The dispatcher would have drafted it within seconds; here nobody runs it.
    page.locator(".acts").get_by_role("button", name="Draft review").click()
    expect(page.locator(".sect").get_by_text("The provider answers again.")).to_be_visible()
    for title in ("Cause", "Prevention"):
        page.get_by_role("link", name=f"Edit {title}").click()
        page.locator("[name=body]").fill(f"{title} written by a person.")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text(f"{title} written by a person.")).to_be_visible()
    form = page.get_by_role("form", name="New action item")
    form.locator("[name=title]").fill("Watch the provider's error rate")
    form.locator("[name=owner_id]").select_option(label=owner)
    form.locator("[name=due_date]").fill("2030-01-31")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("link", name="Watch the provider's error rate")).to_be_visible()
    page.get_by_role("button", name="Request review").click()
    expect(page.get_by_role("button", name="Request review")).to_have_count(0)


def test_a_phone_lists_incidents_one_below_the_other(
    open_page: Open, platform: Platform, commander: User, actor_for: Callable[..., Actor]
) -> None:
    by, at = actor_for(commander), clock.now()
    first = declare(platform, by=by, at=at, title="Orders stay unpaid")
    declare(platform, by=by, at=at, title="Search is slow")
    incident_resolve(by=by, at=at, incident=first, expected=first.version)
    page = open_page(commander, "/incidents/", viewport={"width": 360, "height": 780})
    table = page.locator("#incident-rows .tbl")
    for row in table.locator("tbody tr:has(a.go)").all():
        title, where = (row.locator(part).bounding_box() for part in ("a.go", "small"))
        assert title
        assert where
        assert where["y"] >= title["y"] + title["height"] - 1
    whole, head, group = (
        table.locator(part).bounding_box() for part in ("tbody", "thead th:visible >> nth=-1", ".grp th")
    )
    assert whole
    assert head
    assert group
    assert head["x"] + head["width"] == group["x"] + group["width"] == whole["x"] + whole["width"]


def test_incident_from_declared_to_published_review(
    open_page: Open, platform: Platform, commander: User, admin: User, operator: User
) -> None:
    page = open_page(commander, "/incidents/declare/")
    _declare(page)
    _work(page)
    incident = Incident.objects.get()
    assert (incident.commander, incident.severity.label, incident.state) == (commander, "P0", "resolved")
    _review(page, operator.name)
    reader = open_page(admin, f"/incidents/{incident.number}/review/")
    reader.get_by_label("Because").fill("Its lessons are the action's")
    reader.get_by_role("button", name="Approve and publish").click()
    expect(reader.get_by_text(f"read and published by {admin.name}")).to_be_visible()
    assert Review.objects.get().published_by == admin
