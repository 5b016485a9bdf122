"""Clock rules edited in the browser: seen before saved, versions kept, the pack's word beside them."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client

from incidents.errors import IncidentError
from incidents.models import ClockPolicy, IncidentClock
from incidents.services import clock_pause, clock_resume
from incidents.services.clock_rules import FIELDS, clock_rule_set
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.models import VersionConflictError
from opsportal.packs.models import PackObject
from opsportal.platforms.models import BusinessCalendar, Platform
from tests.factories.incidents import SYSTEM, clock_policy, declare, severity

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
RULES = "/settings/clock-rules/"
SAID = {"due_rule": "minutes", "minutes": "20", "may_pause": "on", "note": "Agreed with the shop"}
NEW: dict[str, Any] = dict.fromkeys(FIELDS)
NEW |= {"due_rule": "minutes", "minutes": 20, "may_pause": True, "text": "", "note": "Agreed"}


@pytest.fixture
def rule(platform: Platform) -> ClockPolicy:
    return clock_policy(platform, "resolve", 240, source_text="Only here §1")


def page(rule: ClockPolicy) -> str:
    return f"{RULES}{rule.severity_id}/{rule.kind}/"


def hours(platform: Platform, **values: Any) -> BusinessCalendar:
    defaults: dict[str, Any] = {"name": "Office hours", "key": "office", "weekdays": [1, 2, 3, 4, 5]}
    defaults |= {"opens_at": time(9), "closes_at": time(17), "zone": "Europe/Berlin"}
    return BusinessCalendar.objects.create(platform=platform, **(defaults | values))


def test_what_would_change_is_shown_and_saved_only_as_shown(
    rule: ClockPolicy, client_for: ClientFor, admin: User
) -> None:
    client, said = client_for(admin), {**SAID, "version": "1"}
    shown = client.post(page(rule), said)
    text = shown.content.decode()
    assert shown.status_code == 200
    assert "What would change" in text
    assert "4 h" in text
    assert "20 min" in text
    rule.refresh_from_db()
    assert (rule.minutes, rule.version) == (240, 1)
    digest = re.search(r'name="shown" value="(\w+)"', text)
    assert digest is not None
    other = client.post(page(rule), {**said, "minutes": "25", "shown": digest[1]})
    assert "25 min" in other.content.decode()
    rule.refresh_from_db()
    assert rule.minutes == 240, "another figure than the one shown is shown first"
    assert client.post(page(rule), {**said, "shown": digest[1]}).status_code == 303
    rule.refresh_from_db()
    assert (rule.minutes, rule.version, rule.source, rule.source_words) == (20, 2, "edited", "edited here")
    entry = AuditEntry.objects.get(verb="incidents.clock_rule.changed")
    assert (entry.data["before"]["minutes"], entry.data["after"]["minutes"]) == (240, 20)
    listed = client.get(RULES).content.decode()
    assert "edited here" in listed
    assert "Agreed with the shop" in listed


def test_only_an_admin_changes_and_everybody_reads(
    rule: ClockPolicy, client_for: ClientFor, commander: User, stranger: User
) -> None:
    assert "Only here §1" in client_for(commander).get(RULES).content.decode()
    assert "Only here §1" not in client_for(stranger).get(RULES).content.decode()
    assert client_for(commander).get(page(rule)).status_code == 403
    assert client_for(stranger).get(page(rule)).status_code in (403, 404)


def test_a_running_clock_keeps_its_rule_and_the_next_takes_the_new_one(
    rule: ClockPolicy, platform: Platform, at: datetime
) -> None:
    first = declare(platform, by=SYSTEM, at=at)
    clock_rule_set(by=SYSTEM, at=at, severity=rule.severity, kind="resolve", expected=1, values=NEW)
    second = declare(platform, by=SYSTEM, at=at, title="Another")
    kept, new = (IncidentClock.objects.get(incident=row, kind="resolve") for row in (first, second))
    assert (kept.policy_version, kept.rule_text, kept.due_at) == (1, "4 h", at + timedelta(hours=4))
    assert (new.policy_version, new.rule_text, new.due_at) == (2, "20 min", at + timedelta(minutes=20))
    assert new.source == "edited"


def test_a_paused_clock_goes_on_in_the_hours_it_began_with(rule: ClockPolicy, platform: Platform, at: datetime) -> None:
    """The rule's hours change while a clock is paused: what was left of it is counted as before."""
    incident = declare(platform, by=SYSTEM, at=at)
    clock_pause(
        by=SYSTEM, at=at + timedelta(hours=1), incident=incident, expected=incident.version, kind="resolve", why="Waits"
    )
    values = {**NEW, "minutes": 240, "calendar": hours(platform)}
    clock_rule_set(by=SYSTEM, at=at, severity=rule.severity, kind="resolve", expected=1, values=values)
    night = at + timedelta(hours=14)
    incident.refresh_from_db()
    clock = clock_resume(by=SYSTEM, at=night, incident=incident, expected=incident.version, kind="resolve")
    assert clock.due_at == night + timedelta(hours=3), "around the clock, as it began"


def test_a_rule_is_made_where_there_is_none_and_nonsense_is_refused(platform: Platform, at: datetime) -> None:
    p1 = severity(platform)
    p1.update_versioned(expected=p1.version, label="Sev 2")  # labels have spaces, the audit keeps no prose
    made = clock_rule_set(by=SYSTEM, at=at, severity=p1, kind="stakeholder", expected=0, values=NEW)
    assert (made.version, made.minutes) == (1, 20)
    again = clock_rule_set(by=SYSTEM, at=at, severity=p1, kind="stakeholder", expected=1, values=NEW)
    assert again.version == 1, "the same again changes nothing"
    with pytest.raises(VersionConflictError):
        clock_rule_set(by=SYSTEM, at=at, severity=p1, kind="stakeholder", expected=7, values={**NEW, "minutes": 5})
    never = hours(platform, key="never", weekdays=[])
    for wrong in (
        {"note": " "}, {"minutes": 0}, {"warn_share": 1.0}, {"due_rule": "next_business_day"}, {"calendar": never},
        {"due_rule": "next_sprint", "due_on": date.max}, {"due_rule": "next_sprint", "due_on": date(2020, 1, 1)},
    ):  # fmt: skip
        with pytest.raises(IncidentError):
            clock_rule_set(by=SYSTEM, at=at, severity=p1, kind="resolve", expected=0, values=NEW | wrong)
    assert ClockPolicy.objects.count() == 1


def test_a_date_beyond_all_calendars_stops_no_incident(platform: Platform, at: datetime) -> None:
    clock_policy(platform, "resolve", None, due_rule="next_sprint", due_on=date.max)
    incident = declare(platform, by=SYSTEM, at=at)
    assert incident.clocks.get(kind="resolve").due_at is None


def test_the_page_says_what_the_pack_says_and_what_applying_it_would_do(
    rule: ClockPolicy, platform: Platform, at: datetime, client_for: ClientFor, admin: User
) -> None:
    assert "No pack declares this rule" in client_for(admin).get(page(rule)).content.decode()
    PackObject.objects.create(
        platform=platform, kind="clock", key="P1.resolve", applied_hash="x", applied_at=at, pack_version="1.2",
        declared={"minutes": 480, "calendar": "office"},
    )  # fmt: skip
    declare(platform, by=SYSTEM, at=at)
    text = client_for(admin).get(page(rule)).content.decode().replace("\xa0", " ")
    assert "8 h in office" in text
    assert "lists it as drift" in text
    assert "1 clock runs by this rule" in text
