"""Sign-in by e-mail and password, and by the second factor."""

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from playwright.sync_api import Page, expect

from opsportal.accounts.models import User
from opsportal.local.demo.people import present_code
from tests.e2e.conftest import Open
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.e2e


def _give(page: Page, email: str, password: str) -> None:
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_commander_signs_in_with_six_digits(open_page: Open, commander: User, *, script: bool) -> None:
    TOTP.activate(commander, generate_totp_secret())
    page = open_page(None, "/incidents/", java_script_enabled=script)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    _give(page, commander.email, "not the password at all")
    expect(page.locator(".err, .note.fail").first).to_be_visible()
    _give(page, commander.email, PASSWORD)
    expect(page.get_by_role("heading", name="Six digits")).to_be_visible()
    page.locator("input[name=code]").fill(present_code(commander.email) or "")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Incidents", exact=True)).to_be_visible()


def test_signing_out_ends_the_session(open_page: Open, operator: User) -> None:
    page = open_page(operator, "/accounts/logout/")
    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
