"""What is new to a reader since the visit before this one."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from incidents.models import LastLook
from incidents.services import entry_log
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


def test_the_first_line_since_the_last_visit_is_marked(
    client_for: ClientFor,
    viewer: User,
    operator: User,
    platform: Platform,
    actor_for: ActorFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, by, now = client_for(viewer), actor_for(operator), clock.now()
    incident = declare(platform, by=by, at=now)

    def text(address: str) -> str:
        return client.get(address).content.decode()

    def look(minutes: int) -> str:
        monkeypatch.setattr("incidents.views.pages.now", lambda: now + timedelta(minutes=minutes))
        return text(incident.url)

    entry_log(by=by, at=now, incident=incident, body="seen")
    assert 'id="unread"' not in look(0)
    first = entry_log(by=by, at=now, incident=incident, body="came after")
    assert 'id="unread"' not in look(5)
    second = entry_log(by=by, at=now, incident=incident, body="came last")
    body = look(30)
    assert body.index("came after") < body.index('id="unread">New since') < body.index("came last")
    assert ">1 new</a>" in body
    assert 'id="unread"' in look(35)  # the visit goes on: the mark stays
    assert 'id="unread"' not in look(50)
    second = entry_log(by=actor_for(viewer), at=now, incident=incident, body="what I wrote myself is not new to me")
    assert 'id="unread"' not in look(70)
    assert 'id="unread"' not in look(90)
    mark = LastLook.objects.get(user=viewer)
    assert (mark.last_number, mark.since_number) == (second.number, second.number)
    for n in range(60):
        entry_log(by=by, at=now, incident=incident, body=f"line {n}.")
    address = re.search(r'href="([^"]*#unread)"', look(110))
    assert address
    assert 'id="unread"' in text(f"{incident.url}{address[1].split('#')[0]}")
    assert first.number < second.number
