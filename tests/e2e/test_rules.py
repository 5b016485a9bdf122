"""The rule editor in a real browser: seen against the month first, then saved; in both themes and on a phone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, expect

from monitoring.models import Alarm, AlarmRule
from monitoring.services.alarms import alarm_transition
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.platforms.models import Platform
from tests.e2e.test_pages import _look
from tests.factories.incidents import alarm
from tests.factories.monitoring import metric_of, rule_of, series_named, write

pytestmark = pytest.mark.e2e


@pytest.fixture
def rule(platform: Platform) -> AlarmRule:
    """A rule with a month's worst hour behind it, and two symptoms that fire."""
    at = floor_to(clock.now(), 300)
    metric_of(platform, at=at)
    found = rule_of(platform, at=at)
    write(series_named("DatabaseConnections"), [40.0] * 90 + [96.0] * 12 + [40.0] * 30, end=at)
    for key in ("db", "latency"):
        alarm_transition(alarm=alarm(platform, key=key, signal=key), to_state="alarm", at=at, recorded_at=at)
    Alarm.objects.update(fetched_at=clock.now())
    return found


def test_a_rule_is_seen_against_the_month_and_then_saved(
    rule: AlarmRule, admin: User, open_context: Callable[..., BrowserContext]
) -> None:
    page = open_context(admin).new_page()
    page.goto(f"/monitoring/rules/{rule.pk}/")
    page.get_by_label("Critical above").fill("90")
    page.get_by_label("Warning above").fill("60")
    page.get_by_label("A period without data is").select_option("ignore")
    page.get_by_label("Why").first.fill("The pool is bigger now")
    page.get_by_role("button", name="Show what it would have done").click()
    expect(page.get_by_text("Would have fired 1 time, 12 min in all.")).to_be_visible()
    assert AlarmRule.objects.get(pk=rule.pk).version == 1
    page.get_by_role("button", name="Save this").click()
    expect(page.get_by_text("saved, judged from the next period on")).to_be_visible()
    changed = AlarmRule.objects.get(pk=rule.pk)
    assert (changed.threshold, changed.warn_threshold, changed.version) == (90.0, 60.0, 2)


def test_a_group_of_symptoms_stays_open_when_the_list_is_drawn_anew(
    rule: AlarmRule, admin: User, open_context: Callable[..., BrowserContext]
) -> None:
    page = open_context(admin).new_page()
    page.goto("/monitoring/alarms/")
    group = page.locator("details.symptoms")
    expect(group.get_by_role("link", name="Alarm latency")).to_be_hidden()
    group.locator("summary").click()
    expect(group.get_by_role("link", name="Alarm latency")).to_be_visible()
    page.evaluate("htmx.trigger('#alarm-rows', 'live')")
    page.wait_for_timeout(int(timedelta(seconds=1) / timedelta(milliseconds=1)))
    expect(page.locator("details.symptoms").get_by_role("link", name="Alarm latency")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rules_editor_lint_and_groups_are_sound_in_both_themes_and_on_a_phone(
    rule: AlarmRule, admin: User, open_context: Callable[..., BrowserContext], scheme: str
) -> None:
    page = open_context(admin, color_scheme=scheme).new_page()
    found: list[str] = []
    for path in (
        "/monitoring/rules/", f"/monitoring/rules/{rule.pk}/", "/monitoring/rules/new/", "/monitoring/rules/lint/",
        "/monitoring/alarms/",
    ):  # fmt: skip
        page.goto(path)
        found += _look(page, path)
    assert not found
