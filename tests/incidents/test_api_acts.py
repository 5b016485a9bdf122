"""`POST /api/v1/incidents/N/ACT/` and what hangs on an incident: the buttons' services, by a token."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from incidents.models import ActionItem, EntryMark, Incident, StatusUpdate
from incidents.services import review_draft
from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.accounts import token_persona
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
JSON = "application/json"
ROOT = "/api/v1/incidents/"


@pytest.fixture
def incident(platform: Platform, at: datetime) -> Incident:
    return declare(platform, by=SYSTEM, at=at)


@pytest.fixture
def act(client_for: ClientFor, commander: User, incident: Incident) -> Callable[..., Any]:
    client = client_for(token_persona(commander, "read", "incident:write"))
    path = f"{ROOT}{incident.number}/"

    def post(name: str, body: dict[str, Any] | None = None, etag: str = "", **headers: str) -> Any:
        known = etag or client.get(path)["ETag"]
        return client.post(f"{path}{name}/", body or {}, content_type=JSON, headers={"If-Match": known, **headers})

    return post


def test_a_whole_incident_by_token(act: Callable[..., Any], incident: Incident, viewer: User) -> None:
    assert act("acknowledge").json()["stage"] == "assess"
    assert act("severity", {"severity": "p0", "why": "all users"}).json()["rank"] == 1
    assert act("triage", {"users": {"answer": "yes", "note": "all"}}).status_code == 200
    assert act("stage", {"stage": "respond"}).json()["stage"] == "respond"
    assert act("role", {"role": "scribe", "person": viewer.email}).status_code == 200
    assert act("update", {"state": "identified", "body": "We found it."}).json()["stage"] == "communicate"
    assert act("mitigate", {"note": "rolled back"}).json()["mitigated_at"]
    resolved = act("resolve", {"resolution": "Pool enlarged"})
    assert (resolved.status_code, resolved.json()["state"]) == (200, "resolved")
    refused = act("close")
    assert (refused.status_code, "impact and cause" in refused.json()["detail"]) == (422, True)
    assert act("reopen", {"why": "it came back"}).json()["state"] == "open"
    incident.refresh_from_db()
    assert incident.triage["users"]["note"] == "all"
    assert StatusUpdate.objects.get().audience == "internal"


def test_an_act_needs_the_version_that_was_read(act: Callable[..., Any], incident: Incident) -> None:
    first = act("acknowledge")
    stale = act("stage", {"stage": "respond"}, etag=f'"incident-{incident.pk}-{incident.version}"')
    assert (first.status_code, stale.status_code) == (200, 412)
    assert act("stage", {"stage": "respond"}, etag="*").status_code == 428


def test_a_resend_acts_once(act: Callable[..., Any], incident: Incident) -> None:
    etag = f'"incident-{incident.pk}-{incident.version}"'
    body = {"state": "identified", "body": "We found it."}
    answers = [act("update", body, etag=etag, **{"Idempotency-Key": "u1"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert StatusUpdate.objects.count() == 1


@pytest.mark.parametrize(
    "name, body, status",
    [
        ("severity", {"severity": "P9"}, 400),
        ("role", {"role": "scribe", "person": "nobody@example.com"}, 400),
        ("role", {"role": "king", "person": "nobody@example.com"}, 400),
        ("stage", {"stage": "document"}, 400),
        ("update", {"state": "identified"}, 400),
        ("triage", {}, 422),
        ("triage", {"users": {"answer": "perhaps"}}, 400),
        ("resolve", {"resolved_at": "2999-01-01T00:00:00Z"}, 422),
        ("reopen", {"why": "x"}, 422),
    ],
)
def test_nonsense_changes_nothing(
    act: Callable[..., Any], incident: Incident, name: str, body: dict[str, Any], status: int
) -> None:
    version = incident.version
    answer = act(name, body)
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("application/problem+json")
    incident.refresh_from_db()
    assert incident.version == version


def test_who_was_first_is_named(
    act: Callable[..., Any], client_for: ClientFor, admin: User, incident: Incident
) -> None:
    act("acknowledge")
    client = client_for(token_persona(admin, "read", "incident:write"))
    path = f"{ROOT}{incident.number}/"
    answer = client.post(f"{path}acknowledge/", {}, content_type=JSON, headers={"If-Match": client.get(path)["ETag"]})
    assert (answer.status_code, "took command first" in answer.json()["detail"]) == (409, True)


def test_action_items_are_added_changed_and_listed(
    client_for: ClientFor, operator: User, commander: User, incident: Incident
) -> None:
    client = client_for(token_persona(operator, "read", "incident:write"))
    path = f"{ROOT}{incident.number}/action-items/"
    added = client.post(path, {"title": "Alert on the pool", "owner": commander.email}, content_type=JSON)
    assert (added.status_code, added.json()["owner"]) == (201, commander.email)
    one = f"/api/v1/action-items/{added.json()['number']}/"
    etag = client.get(one)["ETag"]
    without = client.patch(one, {"state": "done"}, content_type=JSON, headers={"If-Match": etag})
    assert without.status_code == 422
    done = client.patch(one, {"state": "done", "evidence": "PR 7"}, content_type=JSON, headers={"If-Match": etag})
    assert (done.status_code, done.json()["state"], done.json()["owner"]) == (200, "done", commander.email)
    assert client.get("/api/v1/action-items/").json()["results"] == []
    assert [row["number"] for row in client.get("/api/v1/action-items/?view=finished").json()["results"]] == [
        ActionItem.objects.get().number
    ]
    assert client.post(path, {"title": "x", "owner": "nobody@example.com"}, content_type=JSON).status_code == 400


def test_the_review_is_drafted_and_read(act: Callable[..., Any], client_for: ClientFor, operator: User,
                                        incident: Incident) -> None:  # fmt: skip
    client, path = client_for(token_persona(operator, "read", "incident:write")), f"{ROOT}{incident.number}/review/"
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 422
    act("resolve", {"resolution": "Pool enlarged"})
    assert client.post(path).status_code == 201
    incident.refresh_from_db()
    review = review_draft(by=SYSTEM, at=incident.resolved_at, incident=incident)  # type: ignore[arg-type]
    read = client.get(path).json()
    assert (read["state"], read["version"]) == ("draft", review.version)
    assert "impact" in [section["key"] for section in read["sections"]]


def test_updates_are_listed_newest_first(act: Callable[..., Any], client_for: ClientFor, viewer: User,
                                         incident: Incident) -> None:  # fmt: skip
    for text in ("one", "two"):
        act("update", {"state": "identified", "body": text})
    client = client_for(token_persona(viewer, "read"))
    rows = client.get(f"{ROOT}{incident.number}/updates/").json()["results"]
    assert [row["body"] for row in rows] == ["two", "one"]


def test_a_reading_token_acts_nowhere(client_for: ClientFor, commander: User, incident: Incident) -> None:
    client, path = client_for(token_persona(commander, "read")), f"{ROOT}{incident.number}/"
    etag = client.get(path)["ETag"]
    answer = client.post(f"{path}acknowledge/", {}, content_type=JSON, headers={"If-Match": etag})
    assert answer.status_code == 403


def test_tasks_pins_and_tags_by_token(
    act: Callable[..., Any], incident: Incident, operator: User, client_for: ClientFor
) -> None:
    asked = act("tasks", {"title": "Restart the pool", "owner": operator.email, "minutes": 15})
    assert (asked.status_code, asked.json()["owner"]) == (201, operator.name)
    client = client_for(token_persona(operator, "read", "incident:write"))
    path = f"{ROOT}{incident.number}/"
    task = f"{path}tasks/{asked.json()['id']}/"
    assert client.patch(task, {}, content_type=JSON).status_code == 428
    etag = {"If-Match": asked["ETag"]}
    done = client.patch(task, {"done": True}, content_type=JSON, headers=etag)
    assert (done.status_code, done.json()["done_at"] is not None) == (200, True)
    assert client.patch(task, {"done": False}, content_type=JSON, headers=etag).status_code == 412
    assert [row["title"] for row in client.get(f"{path}tasks/").json()["results"]] == ["Restart the pool"]
    line = f"{path}timeline/{asked.json()['line']}/"
    for _ in range(2):
        assert client.put(f"{line}pin/").status_code == client.put(f"{line}tags/Pool/").status_code == 204
    assert sorted(EntryMark.objects.values_list("kind", "text")) == [("pin", ""), ("tag", "pool")]
    assert client.delete(f"{line}pin/").status_code == 204
    assert client.put(f"{line}tags/two%20words/").status_code == 422
    assert client.put(f"{path}timeline/999/pin/").status_code == 404
