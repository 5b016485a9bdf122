"""The API of lists and windows: pages, ETag, ticks that cannot overwrite each other, scopes."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from maintenance.models import ChecklistItem, ChecklistRun, ItemState, TickEvent
from maintenance.services.checklists import item_tick
from maintenance.services.windows import window_now
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.maintenance import PORTAL, checklist_run, window

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
JSON = "application/json"
RUNS = "/api/v1/checklist-runs/"
ITEMS = "/api/v1/checklist-items/"
WINDOWS = "/api/v1/windows/"


@pytest.fixture
def run(platform: Platform, at: datetime) -> ChecklistRun:
    return checklist_run(platform, at=at)


@pytest.fixture
def item(run: ChecklistRun) -> ChecklistItem:
    found: ChecklistItem = run.items.get(position=1)
    return found


def test_a_token_reads_lists_and_their_items(client_for: ClientFor, token: TokenPersona, run: ChecklistRun) -> None:
    client = client_for(token)
    page = client.get(RUNS, {"platform": "shop", "state": "open"}).json()
    assert [row["id"] for row in page["results"]] == [run.pk]
    assert page["next_cursor"] is None
    assert client.get(RUNS, {"state": "missed"}).json()["results"] == []
    assert client.get(RUNS, {"platform": "else"}).json()["results"] == []
    read = client.get(f"{RUNS}{run.pk}/")
    assert read["ETag"] == f'"checklistrun-{run.pk}-1"'
    assert [row["text"] for row in read.json()["items"]] == ["Check thing 1", "Check thing 2", "Check thing 3"]


def test_a_tick_needs_the_etag_that_was_read(client_for: ClientFor, token: TokenPersona, item: ChecklistItem) -> None:
    client, path = client_for(token), f"{ITEMS}{item.pk}/"
    etag = client.get(path)["ETag"]
    assert client.post(f"{path}tick/", content_type=JSON).status_code == 428
    stale = client.post(f"{path}tick/", content_type=JSON, headers={"If-Match": '"checklistitem-1-99"'})
    assert stale.status_code == 412
    done = client.post(f"{path}tick/", content_type=JSON, headers={"If-Match": etag})
    assert (done.status_code, done.json()["state"], done.json()["answered_by"]) == (200, "done", token.user.name)
    assert done["ETag"] != etag
    assert TickEvent.objects.filter(item=item).count() == 1


def test_a_resent_tick_is_answered_from_the_key_and_ticks_once(
    client_for: ClientFor, token: TokenPersona, item: ChecklistItem
) -> None:
    client, path = client_for(token), f"{ITEMS}{item.pk}/"
    headers = {"If-Match": client.get(path)["ETag"], "Idempotency-Key": "tick-1"}
    answers = [client.post(f"{path}tick/", content_type=JSON, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert answers[2]["Idempotent-Replay"] == "true"
    assert TickEvent.objects.filter(item=item).count() == 1


def test_whoever_comes_second_learns_who_was_first(
    client_for: ClientFor, token: TokenPersona, commander: User, actor_for: ActorFor, item: ChecklistItem, at: datetime
) -> None:
    client, path = client_for(token), f"{ITEMS}{item.pk}/"
    etag = client.get(path)["ETag"]
    item_tick(by=actor_for(commander), at=at, item=item, expected=1)
    lost = client.post(f"{path}tick/", content_type=JSON, headers={"If-Match": etag})
    assert lost.status_code == 409
    assert f"{commander.name} was first" in lost.json()["detail"]
    assert at.isoformat() in lost.json()["detail"]


def test_rights_are_the_owners_narrowed_by_scope(
    client_for: ClientFor, operator: User, stranger: User, viewer: User, item: ChecklistItem
) -> None:
    path = f"{ITEMS}{item.pk}/"
    etag = {"If-Match": f'"checklistitem-{item.pk}-1"'}
    reader = client_for(token_persona(operator, "read"))
    assert reader.get(path).status_code == 200
    assert reader.post(f"{path}tick/", content_type=JSON, headers=etag).status_code == 403
    assert client_for(viewer).post(f"{path}tick/", content_type=JSON, headers=etag).status_code == 403
    foreign = client_for(token_persona(stranger, "read", "checklist:write"))
    assert foreign.get(path).status_code == 404
    assert foreign.post(f"{path}tick/", content_type=JSON, headers=etag).status_code == 404
    assert foreign.get(RUNS).json()["results"] == []
    item.refresh_from_db()
    assert item.state == ItemState.OPEN


def test_windows_are_read(client_for: ClientFor, token: TokenPersona, platform: Platform, at: datetime) -> None:
    occurrence = window_now(by=PORTAL, at=at, window=window(platform, rule=""))
    client = client_for(token)
    rows = client.get(WINDOWS, {"platform": "shop", "state": "planned"}).json()["results"]
    assert [(row["id"], row["name"], row["silences_alarms"]) for row in rows] == [
        (occurrence.pk, "Sunday window", True)
    ]
    assert client.get(f"{WINDOWS}{occurrence.pk}/")["ETag"] == f'"windowoccurrence-{occurrence.pk}-1"'
    assert client.get(f"{WINDOWS}{occurrence.pk + 1}/").status_code == 404
    assert client.get(WINDOWS, {"cursor": "nonsense"}).status_code == 400


@pytest.mark.parametrize("address", [RUNS, WINDOWS])
def test_nonsense_filters_are_no_fault(client_for: ClientFor, token: TokenPersona, address: str) -> None:
    client = client_for(token)
    for query in ({"state": "x"}, {"size": "-1"}, {"size": "99999"}, {"platform": "\x00"}, {"platform": "x" * 5000}):
        assert client.get(address, query).status_code < 500
