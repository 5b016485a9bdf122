"""A page that did not change is not built again; one that did, always is."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform
from tests.factories import incidents as made

pytestmark = pytest.mark.django_db
LISTS = ("/", "/incidents/", "/actions/", "/checklists/", "/operations-log/", "/decisions/")
BY = system_actor("tests")


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> list[datetime]:
    """Business time stands; the list's first item is now."""
    moments = [at]
    monkeypatch.setattr(clock, "now", lambda: moments[0])
    return moments


@pytest.fixture
def seen(client_for: Callable[..., Client], operator: User) -> Callable[[str], str]:
    """The ETag of a page as the operator's browser holds it."""
    browser = client_for(operator)

    def look(url: str) -> str:
        browser.get(url)  # brings the CSRF cookie, which is part of the page
        answer = browser.get(url)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "private, no-cache"
        assert browser.get(url, headers={"If-None-Match": answer["ETag"]}).status_code == 304
        return str(answer["ETag"])

    look.browser = browser  # type: ignore[attr-defined]
    return look


@pytest.mark.parametrize("url", LISTS)
def test_a_page_is_built_again_after_a_write(
    url: str, seen: Callable[[str], str], platform: Platform, at: datetime
) -> None:
    before = seen(url)
    made.declare(platform, by=BY, at=at)
    assert seen(url) != before


def test_a_write_elsewhere_leaves_it_alone(
    seen: Callable[[str], str], platform: Platform, other_platform: Platform, at: datetime
) -> None:
    before = seen("/incidents/")
    made.declare(other_platform, by=BY, at=at)
    assert seen("/incidents/") == before


def test_an_alarm_that_moves_is_seen(seen: Callable[[str], str], platform: Platform) -> None:
    alarm = made.alarm(platform)
    before = seen("/")
    alarm.update_versioned(expected=alarm.version, state="alarm")
    assert seen("/") != before


def test_the_minute_the_address_and_the_person_count(
    seen: Callable[[str], str],
    still_clock: list[datetime],
    client_for: Callable[..., Client],
    commander: User,
    platform: Platform,
) -> None:
    before = seen("/incidents/")
    assert seen("/incidents/?state=open") != before
    other = client_for(commander)
    assert other.get("/incidents/", headers={"If-None-Match": before}).status_code == 200
    browser = seen.browser  # type: ignore[attr-defined]
    still_clock[0] += timedelta(minutes=1)
    assert browser.get("/incidents/", headers={"If-None-Match": before}).status_code == 200


def test_a_lost_role_counts(seen: Callable[[str], str], operator: User, platform: Platform) -> None:
    before = seen("/incidents/")
    operator.memberships.update(role="viewer")
    assert seen("/incidents/") != before


def test_the_rail_counts_what_is_there_now(seen: Callable[[str], str], platform: Platform, at: datetime) -> None:
    browser = seen.browser  # type: ignore[attr-defined]
    browser.get("/decisions/")
    made.declare(platform, by=BY, at=at)
    assert '<span class="count crit">1<' in browser.get("/decisions/").content.decode()
