"""A line that could not be sent at once has the time its device says it was written, and says so."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from incidents.models import Incident, ResponseTask
from incidents.services.timeline import device_time
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare
from tests.factories.monitoring import metric_of, write

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
NIGHT = datetime.fromisoformat("2026-03-04T01:30:00+00:00")


@pytest.fixture
def by(actor_for: ActorFor, operator: User) -> Actor:
    return actor_for(operator)


@pytest.fixture
def incident(platform: Platform, by: Actor, at: datetime) -> Incident:
    return declare(platform, by=by, at=at)


def text(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers or None)
    assert response.status_code == 200, path
    return response.content.decode()


def log(client: Client, incident: Incident, line: str, **more: object) -> int:
    incident.refresh_from_db()
    data = {"text": line, "version": incident.version, "client_key": line[:60], **more}
    return client.post(f"{incident.url}log/", data).status_code


@given(held=st.floats(0, 10**6), ago=st.one_of(st.none(), st.floats(-100, 10**6)))
def test_the_devices_time_lies_between_the_last_contact_and_now(held: float, ago: float | None) -> None:
    contact = NIGHT - timedelta(seconds=ago) if ago is not None else None
    found = device_time(at=NIGHT, held=timedelta(seconds=held), contact=contact)
    if timedelta(seconds=held) <= timedelta(seconds=2):
        assert found is None
    else:
        assert found is not None
        assert min(contact or NIGHT, NIGHT) <= found <= NIGHT
        assert found >= NIGHT - timedelta(seconds=held)


def test_a_line_that_comes_late_has_the_devices_time_and_says_so(
    client_for: ClientFor, operator: User, incident: Incident
) -> None:
    client, now = client_for(operator), clock.now()
    contact = f"{now - timedelta(minutes=3):%Y-%m-%dT%H:%M:%SZ}"
    assert log(client, incident, "pool is full", held=60, contact=contact) == 303
    assert log(client, incident, "older than the last contact", held=3600, contact=contact) == 303
    assert log(client, incident, "at once", held=1, contact=contact) == 303
    late, older, prompt = incident.entries.filter(kind="log").order_by("number")
    assert timedelta(seconds=59) < late.recorded_at - late.occurred_at < timedelta(seconds=61)
    assert abs(older.occurred_at - (now - timedelta(minutes=3))) < timedelta(seconds=2)
    assert prompt.occurred_at == prompt.recorded_at
    assert [entry.data.get("sent_late") for entry in (late, older, prompt)] == [True, True, None]
    assert text(client, incident.url).count("sent late, device time") == 2


def test_a_late_pin_and_a_late_graph_have_the_devices_time_too(
    client_for: ClientFor, operator: User, incident: Incident, platform: Platform
) -> None:
    client, sent = client_for(operator), clock.now()
    metric = metric_of(platform, at=sent, key="response", name="TargetResponseTime")
    assert metric.series is not None
    write(metric.series, [0.5] * 90, end=floor_to(sent, 60), column="sum")
    Incident.objects.filter(pk=incident.pk).update(impact_started_at=sent - timedelta(hours=1))
    written = {"held": 1800, "contact": f"{sent - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"}
    assert log(client, incident, "/pin Bridge is open", **written) == 303
    assert log(client, incident, "/metric response", **written) == 303
    pin, graph = incident.entries.filter(kind__in=("log", "graph")).order_by("number")
    for entry in (pin, graph):
        assert timedelta(minutes=29) < entry.recorded_at - entry.occurred_at < timedelta(minutes=31)
        assert entry.data["sent_late"] is True
    assert datetime.fromisoformat(graph.data["end"]) == graph.occurred_at, "as it stood when that was written"
    assert text(client, incident.url).count("sent late, device time") >= 2


def test_what_a_late_line_says_of_time_is_meant_as_of_when_it_was_written(
    client_for: ClientFor, operator: User, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    morning = datetime.fromisoformat("2026-03-11T10:00:00+00:00")
    monkeypatch.setattr("incidents.views.composer.now", lambda: morning)
    monkeypatch.setattr("incidents.views.composer.local_zone", lambda: "UTC")
    client, written = client_for(operator), morning - timedelta(hours=24, minutes=55)
    held, contact = int((morning - written).total_seconds()), "2026-03-10T09:00:00Z"
    for typed in ("/at 09:00 failover", "/task Restart 15m"):
        assert log(client, incident, typed, held=held, contact=contact) == 303
    line, asked = incident.entries.filter(kind__in=("log", "task")).order_by("number")
    assert line.occurred_at == datetime.fromisoformat("2026-03-10T09:00:00+00:00")
    assert asked.occurred_at == written
    assert [entry.data for entry in (line, asked)] == [{"sent_late": True}] * 2
    assert ResponseTask.objects.get().due_at == written + timedelta(minutes=15)
