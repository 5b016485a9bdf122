"""What a page shows of much: it stays as cheap, and says what it leaves out."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from incidents.models import Incident
from incidents.selectors import lists
from incidents.services import entry_log
from opsportal.accounts.models import User
from opsportal.core import clock, prepared
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


@pytest.fixture
def by(actor_for: ActorFor, operator: User) -> Actor:
    return actor_for(operator)


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_the_figures_of_thirty_days_say_when_they_are_those_of_the_latest(
    client_for: ClientFor, operator: User, platform: Platform, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        declare(platform, by=by, at=clock.now(), title=f"Slow {number}")
    client = client_for(operator)
    assert "<b>3</b> opened" in page(client, "/incidents/")
    monkeypatch.setattr(prepared, "_known", {})
    monkeypatch.setattr(lists, "RECENT_LIMIT", 2)
    declare(platform, by=by, at=clock.now(), title="Slow again")
    body = page(client, "/incidents/")
    assert "<b>2+</b> opened" in body
    assert "(median of the latest 2)" in body


def test_a_long_timeline_shows_its_newest_lines_and_leads_to_the_others(
    client_for: ClientFor, operator: User, platform: Platform, by: Actor, at: datetime
) -> None:
    incident = declare(platform, by=by, at=at, title="Slow")
    for number in range(40):
        entry_log(by=by, at=at, incident=incident, body=f"line {number}.")
    client, count = client_for(operator), incident.entries.count()
    newest = page(client, incident.url)
    assert newest.count('id="entry-') == 30
    assert "line 39." in newest
    assert f'href="?before={count - 29}"' in newest
    earlier = page(client, f"{incident.url}?before={count - 29}")
    assert earlier.count('id="entry-') == count - 30
    assert "line 0." in earlier


def test_only_restricted_incidents_are_hidden(
    actor_for: ActorFor, viewer: User, platform: Platform, by: Actor, at: datetime
) -> None:
    declare(platform, by=by, at=at, title="Known")
    secret = declare(platform, by=by, at=at, title="Secret")
    Incident.objects.filter(pk=secret.pk).update(is_restricted=True)
    hidden = Incident.objects.hidden_from(actor_for(viewer))
    assert list(hidden.values_list("pk", flat=True)) == [secret.pk]
    assert not Incident.objects.hidden_from(by).exists()
