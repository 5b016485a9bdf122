"""The wallboard: readable by whoever stands before it, so it shows nothing restricted."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.models import Alarm, AlarmState, Series
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, alarm, declare
from tests.factories.monitoring import metric_of, series_named, service_of, write

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db


def test_the_wall_shows_what_is_on_fire(platform: Platform, client_for: ClientFor, viewer: User) -> None:
    declare(platform, by=SYSTEM, at=now() - timedelta(minutes=3), title="Checkout <b>fails</b>")
    alarm(platform, state=AlarmState.ALARM, since=now())
    page = client_for(viewer).get(reverse("dashboard:wall")).content.decode()
    assert "Checkout &lt;b&gt;fails&lt;/b&gt;" in page
    assert "Alarm db" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "left, acknowledge" in page


def test_the_refreshed_part_is_the_board_alone(platform: Platform, client_for: ClientFor, viewer: User) -> None:
    answer = client_for(viewer).get(reverse("dashboard:wall"), headers={"HX-Request": "true"}).content.decode()
    assert answer.strip().startswith('<div id="wall-board"')
    assert "No open incident" in answer


def test_a_wall_shows_no_restricted_incident_even_to_its_auditor(
    platform: Platform, client_for: ClientFor, auditor: User, stranger: User
) -> None:
    declare(platform, by=SYSTEM, at=now(), title="Secret", type="security")
    declare(platform, by=SYSTEM, at=now(), title="Public")
    page = client_for(auditor).get(reverse("dashboard:wall")).content.decode()
    assert "Public" in page
    assert "Secret" not in page
    assert "Public" not in client_for(stranger).get(reverse("dashboard:wall")).content.decode()


def test_services_stand_as_on_the_overview_and_say_how_fresh_they_are(
    platform: Platform, client_for: ClientFor, viewer: User
) -> None:
    at = floor_to(now(), 300)
    metric_of(platform, at=at)
    alarm(platform, state=AlarmState.OK, since=at, fetched_at=now(), service=service_of(platform))
    write(series_named("RequestCount"), [100.0], end=at, period=300, column="sum")
    address = reverse("dashboard:wall")
    assert _service_line(client_for(viewer).get(address).content.decode()) == ("ok", "ok")
    Series.objects.update(watermark=at - timedelta(hours=1))
    assert _service_line(client_for(viewer).get(address).content.decode()) == ("stale", "stale")
    Series.objects.update(watermark=None)
    page = client_for(viewer).get(address).content.decode()
    assert "<small>never read</small>" in page
    assert _service_line(page) == ("unknown", "unknown")
    Alarm.objects.update(state=AlarmState.ALARM)
    assert _service_line(client_for(viewer).get(address).content.decode()) == ("fail", "1\xa0alarm")


def test_an_alarm_without_data_is_no_calm(platform: Platform, client_for: ClientFor, viewer: User) -> None:
    client, address = client_for(viewer), reverse("dashboard:wall")
    alarm(platform, state=AlarmState.UNKNOWN, since=now(), fetched_at=now())
    assert "Nothing is known to fire" in client.get(address).content.decode()
    Alarm.objects.update(state=AlarmState.OK)
    assert "Nothing fires" in client.get(address).content.decode()


def _service_line(page: str) -> tuple[str, str]:
    """State and its words of the only service."""
    services = page.split('aria-label="Services"')[1].split("</section>", maxsplit=1)[0]
    (found,) = re.findall(r'<span class="st (\w+)">([^<]*)</span>', services)
    assert ("read <time" in services) is ("never read" not in services)
    state, words = found
    return state, words


def test_a_screen_shows_the_panels_of_its_address_and_keeps_them(
    platform: Platform, client_for: ClientFor, viewer: User
) -> None:
    client, address = client_for(viewer), reverse("dashboard:wall")
    page = client.get(f"{address}?platform={platform.key}&show=services&show=firing&show=nonsense").content.decode()
    assert [name for name in ("Open incidents", "Alarms firing", "Services", "Error budgets") if name in page] == [
        "Alarms firing",
        "Services",
    ]
    assert f'hx-get="{address}?platform={platform.key}&amp;show=services&amp;show=firing' in page
    choose = client.get(reverse("dashboard:wall-choose")).content.decode()
    assert f'action="{address}" method="get"' in choose
    assert choose.count('type="checkbox" name="show"') == 4
    assert f'<option value="{platform.key}" selected>' in choose
