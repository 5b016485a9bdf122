"""The board of clocks, and the calendar of reviews."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from incidents.exports import ical
from incidents.loops import fire_clocks
from incidents.models import Incident, IncidentClock
from incidents.selectors import clock_views
from incidents.services import clock_pause, incident_acknowledge, incident_resolve, update_post
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, clock_policy, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
BOARD = "incidents:clocks"


@pytest.fixture
def record(platform: Platform, operator: User, actor_for: ActorFor) -> None:
    """One acknowledged in time and one not, one paused clock, one without a number, one of a restricted incident."""
    clock_policy(platform, "resolve", None, text="within SLA timeframes")
    at = now() - timedelta(hours=1)
    kept = declare(platform, by=SYSTEM, at=at, title="Kept")
    incident_acknowledge(by=actor_for(operator), at=at + 2 * MINUTE, incident=kept, expected=1)
    declare(platform, by=SYSTEM, at=at, title="Forgotten <i>")
    waiting = declare(platform, by=SYSTEM, at=now(), title="Waiting")
    clock_pause(by=SYSTEM, at=now(), incident=waiting, expected=1, kind="update", why="vendor works on it")
    declare(platform, by=SYSTEM, at=at, title="Secret", type="security")
    fire_clocks(now())


def listed(client: Client, **query: str) -> str:
    answer = client.get(reverse(BOARD), query)
    assert answer.status_code == 200
    return answer.content.decode().replace("\xa0", " ")


def test_each_list_shows_its_clocks_and_hides_what_is_restricted(
    record: None, client_for: ClientFor, manager: User, stranger: User
) -> None:
    client = client_for(manager)
    assert listed(client).index("Forgotten &lt;i&gt;") < listed(client).index("Waiting")  # late ones still run
    assert "vendor works on it" in listed(client, list="paused")
    assert "within SLA timeframes" in listed(client, list="unnumbered")
    missed = listed(client, list="missed")
    assert "Forgotten &lt;i&gt;" in missed
    assert "still open" in missed
    assert "Kept" in listed(client, list="met")
    for name in ("running", "paused", "unnumbered", "missed", "met", "x"):
        assert "Secret" not in listed(client, list=name)
        assert "No clock here" in listed(client_for(stranger), list=name)


def test_what_is_late_and_open_leads_and_rounds_missed_before_are_counted(platform: Platform) -> None:
    at = now()
    incident = declare(platform, by=SYSTEM, at=at)
    for late in (20, 60, 61):
        fire_clocks(at + late * MINUTE)
        views = clock_views(incident, at + late * MINUTE)
        assert [(view.kind, view.state) for view in views][:1] == [("acknowledge", "missed")]
    update_post(
        by=SYSTEM, at=at + 62 * MINUTE, incident=incident, state="identified", audience="public", body="Known",
        expected=Incident.objects.get().version,
    )  # fmt: skip
    update = next(view for view in clock_views(incident, at + 63 * MINUTE) if view.kind == "update")
    assert (update.state, update.rule.replace("\xa0", " ").split(" · ")[-1]) == ("run", "1 round missed before")


def test_the_share_kept_opens_the_clocks_it_counts(record: None, client_for: ClientFor, manager: User) -> None:
    client = client_for(manager)
    links = re.findall(r'<a href="([^"]*list=(\w+)[^"]*)" aria-label="(\d+) (?:met|missed):', listed(client))
    assert links
    for href, name, count in links:
        page = client.get(href.replace("&amp;", "&")).content.decode()
        rows = re.search(r'id="clock-rows">(.*?)</table>', page, re.DOTALL)
        assert rows is not None
        assert len(re.findall("<tr>", rows[1])) - 1 == int(count), (name, href)


def test_the_export_has_the_same_clocks(record: None, client_for: ClientFor, manager: User) -> None:
    text = b"".join(client_for(manager).get(reverse("incidents:clocks-csv"), {"list": "missed"})).decode()
    assert (
        text.count("\r\n") - 1
        == IncidentClock.objects.filter(outcome="missed").exclude(incident__is_restricted=True).count()
    )
    assert "Secret" not in text


def test_pages_of_a_long_list_repeat_nothing(platform: Platform, client_for: ClientFor, manager: User) -> None:
    for number in range(30):
        declare(platform, by=SYSTEM, at=now(), title=f"Fault {number}")
    client, seen, url = client_for(manager), list[str](), reverse(BOARD)
    while url:
        page = client.get(url).content.decode()
        seen += re.findall(r">INC-\d+ (Fault \d+)<", page)
        older = re.search(r'href="(\?[^"]*cursor=[^"]*)"[^>]*>(?:Older|Next)', page)
        url = reverse(BOARD) + older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == IncidentClock.objects.filter(outcome="running", due_at__isnull=False).count()


def test_reviews_due_reach_a_calendar_program_by_a_secret_address(
    platform: Platform, client_for: ClientFor, manager: User
) -> None:
    at = now()
    for title, kind in (("Pool, empty; again", "outage"), ("Secret", "security")):
        incident = declare(platform, by=SYSTEM, at=at, title=title, type=kind)
        incident_resolve(by=SYSTEM, at=at, incident=incident, expected=1)
    client, anyone = client_for(manager), Client()
    made = client.post(reverse("incidents:calendar")).content.decode()
    address = re.search(r"/calendar/([\w-]{43})\.ics", made)
    assert address is not None
    assert address[1] not in client.get(reverse("incidents:calendar")).content.decode(), "shown once"
    answer = anyone.get(address[0])
    text = answer.content.decode()
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert "Pool\\, empty\\; again" in text.replace("\r\n ", "")
    assert "Secret" not in text
    client.post(reverse("incidents:calendar"))
    assert anyone.get(address[0]).status_code == 404, "a new address ends the one before"
    assert anyone.get("/calendar/x.ics").status_code == 404
    assert anyone.get(f"/calendar/{'a' * 43}.ics").status_code == 404


def test_a_person_who_left_has_no_calendar(client_for: ClientFor, manager: User) -> None:
    made = client_for(manager).post(reverse("incidents:calendar")).content.decode()
    address = re.search(r"/calendar/[\w-]{43}\.ics", made)
    assert address is not None
    User.objects.filter(pk=manager.pk).update(is_active=False)
    assert Client().get(address[0]).status_code == 404


def test_calendar_lines_are_folded_between_characters_and_cannot_be_broken_out_of() -> None:
    at = now()
    event = ical.Event(
        uid="1@x", due=at, changed_at=at, title="Ü" * 200 + "\r\nBEGIN:VALARM", text="a\nb", url="https://x/"
    )
    text = ical.calendar("Reviews", [event])
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "BEGIN:VALARM" not in text.split("\r\n")
    assert "Ü" * 200 in text.replace("\r\n ", "")
