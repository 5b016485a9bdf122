"""The API: ETag and If-Match, idempotency, scopes, bad bodies."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from incidents.models import Incident, TimelineEntry
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
LIST = "/api/v1/incidents/"
JSON = "application/json"


@pytest.fixture
def incident(platform: Platform, operator: User, actor_for: ActorFor, at: datetime) -> Incident:
    return declare(platform, by=actor_for(operator), at=at)


def test_a_token_declares_once_per_key_and_reads_it_back(
    client_for: ClientFor, token: TokenPersona, platform: Platform
) -> None:
    client = client_for(token)
    body = {"title": "Pingdom: down", "platform": "shop", "service": "web", "severity": "P0"}
    answers = [client.post(LIST, body, content_type=JSON, headers={"Idempotency-Key": "pd-1"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.content for answer in answers}) == 1
    incident = Incident.objects.get()
    assert (incident.severity.label, incident.severity.scheme.kind, incident.rank) == ("P0", "incident", 1)
    assert incident.commander_id is None
    other = client.post(LIST, body | {"title": "x"}, content_type=JSON, headers={"Idempotency-Key": "pd-1"})
    assert other.status_code == 422
    read = client.get(f"{LIST}{incident.number}/")
    assert read.json()["reference"] == incident.reference
    assert read["ETag"]


@pytest.mark.parametrize(
    "more, found_by",
    [
        ({}, "team_observation"),
        ({"external_source": "pagerduty", "external_id": "7"}, "external_monitor"),
        ({"detection_source": "user_report"}, "user_report"),
    ],
)
def test_a_monitor_found_it_only_where_one_is_named(
    client_for: ClientFor, token: TokenPersona, platform: Platform, more: dict[str, str], found_by: str
) -> None:
    made = client_for(token).post(LIST, {"title": "Down", "platform": "shop", **more}, content_type=JSON)
    assert (made.status_code, made.json()["detection_source"]) == (201, found_by)


def test_an_impact_to_come_is_refused(client_for: ClientFor, token: TokenPersona, platform: Platform) -> None:
    body = {"title": "Down", "platform": "shop", "impact_started_at": "2099-01-01T00:00:00Z"}
    answer = client_for(token).post(LIST, body, content_type=JSON)
    assert (answer.status_code, "still to come" in answer.content.decode()) == (422, True)
    assert not Incident.objects.exists()


def test_describing_needs_the_etag_that_was_read(
    client_for: ClientFor, token: TokenPersona, incident: Incident
) -> None:
    client, path = client_for(token), f"{LIST}{incident.number}/"
    etag = client.get(path)["ETag"]
    assert client.patch(path, {"cause": "pool"}, content_type=JSON).status_code == 428
    done = client.patch(path, {"cause": "pool"}, content_type=JSON, headers={"If-Match": etag})
    assert (done.status_code, done.json()["cause"]) == (200, "pool")
    assert done["ETag"] != etag
    assert client.patch(path, {"cause": "x"}, content_type=JSON, headers={"If-Match": etag}).status_code == 412


def test_lines_are_added_once_and_listed_in_order(
    client_for: ClientFor, token: TokenPersona, incident: Incident
) -> None:
    client, path = client_for(token), f"{LIST}{incident.number}/timeline/"
    for _ in range(2):
        answer = client.post(path, {"body": "deploy 7"}, content_type=JSON, headers={"Idempotency-Key": "d7"})
        assert (answer.status_code, answer.json()["body"]) == (201, "deploy 7")
    numbers = [row["number"] for row in client.get(path).json()["results"]]
    assert numbers == list(range(1, TimelineEntry.objects.filter(incident=incident).count() + 1))
    assert client.post(path, {"body": "x", "kind": "alarm"}, content_type=JSON).status_code == 400
    future = {"body": "x", "occurred_at": "2999-01-01T00:00:00Z"}
    assert client.post(path, future, content_type=JSON).status_code == 422


def test_a_token_without_the_scope_changes_nothing(
    client_for: ClientFor, operator: User, platform: Platform, incident: Incident
) -> None:
    client = client_for(token_persona(operator, "read"))
    assert client.get(LIST).status_code == 200
    assert client.post(LIST, {"title": "x", "platform": "shop"}, content_type=JSON).status_code == 403
    path = f"{LIST}{incident.number}/timeline/"
    assert client.post(path, {"body": "x"}, content_type=JSON).status_code == 403
    assert Incident.objects.count() == 1


def test_the_list_is_paged_filtered_and_hides_other_platforms(
    client_for: ClientFor,
    token: TokenPersona,
    stranger: User,
    actor_for: ActorFor,
    incident: Incident,
    at: datetime,
) -> None:
    elsewhere = Platform.objects.get(key="elsewhere")
    declare(elsewhere, by=actor_for(stranger), at=at, title="Foreign")
    second = declare(incident.platform, by=SYSTEM, at=at)
    client = client_for(token)
    page = client.get(f"{LIST}?size=1").json()
    assert [row["number"] for row in page["results"]] == [second.number]
    rest = client.get(f"{LIST}?size=1&cursor={page['next_cursor']}").json()
    assert [row["number"] for row in rest["results"]] == [incident.number]
    assert client.get(f"{LIST}?platform=elsewhere").json()["results"] == []
    assert client.get(f"{LIST}?state=closed").json()["results"] == []
    assert client.get(f"{LIST}?cursor=zzz").status_code == 400
    hidden = Incident.objects.get(title="Foreign")
    assert client.get(f"{LIST}{hidden.number}/").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"title": "x", "platform": "elsewhere"}, {"title": "x", "platform": "shop", "service": "no"},
     {"title": "x", "platform": "shop", "severity": "P9"}, {"platform": "shop"},
     {"title": " ", "platform": "shop"}, {"title": "x", "platform": "shop", "impact_started_at": "soon"}],
)  # fmt: skip
def test_nonsense_is_refused_with_the_field_named(
    client_for: ClientFor, token: TokenPersona, platform: Platform, other_platform: Platform, body: dict[str, str]
) -> None:
    answer = client_for(token).post(LIST, body, content_type=JSON)
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")
    assert not Incident.objects.exists()


def test_bad_bodies_never_break_a_write(
    client_for: ClientFor, token: TokenPersona, incident: Incident, bad_body: bytes
) -> None:
    client = client_for(token)
    etag = client.get(f"{LIST}{incident.number}/")["ETag"]
    for method, path in (("post", LIST), ("post", f"{LIST}{incident.number}/timeline/"),
                         ("patch", f"{LIST}{incident.number}/")):  # fmt: skip
        answer = getattr(client, method)(path, bad_body, content_type=JSON, headers={"If-Match": etag})
        assert answer.status_code < 500
