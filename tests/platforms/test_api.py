"""The API's frame, tried on platforms: tokens, ETags, keys, cursors, problems, bad bodies."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.api import ApiView
from opsportal.platforms.models import Contact, Platform
from tests.architecture.django_gates import walk
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.platforms import PlatformFactory

Clients = Callable[..., Client]
CONTACTS = "/api/v1/platforms/shop/contacts/"
CONTACT = {"key": "dba", "name": "DBA on duty"}


@pytest.fixture
def writer(admin: User, client_for: Clients) -> Client:
    """An admin's token that may write."""
    return client_for(token_persona(admin, "platforms:read", "platforms:write"))


def _post(client: Client, url: str, data: Any, **headers: str) -> Any:
    return client.post(url, data, content_type="application/json", headers=headers or None)


def _patch(client: Client, url: str, data: Any, **headers: str) -> Any:
    return client.patch(url, data, content_type="application/json", headers=headers or None)


def test_token_reads_what_its_owner_may_see(token: TokenPersona, platform: Platform, client_for: Clients) -> None:
    PlatformFactory.create(key="hidden")
    answer = client_for(token).get("/api/v1/platforms/")
    assert answer.status_code == 200
    assert [row["key"] for row in answer.json()["results"]] == ["shop"]
    assert client_for(token).get("/api/v1/platforms/hidden/").status_code == 404
    assert client_for(token).get("/api/v1/me/").json()["kind"] == "token"
    token.token.refresh_from_db()
    assert token.token.last_used_at is not None


def test_nobody_and_wrong_tokens_are_refused_as_problems(platform: Platform, client_for: Clients) -> None:
    answer = client_for(None).get("/api/v1/platforms/")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == "Bearer"
    wrong = Client(headers={"Authorization": f"Bearer ops_1_{'x' * 43}"}).get("/api/v1/platforms/")
    assert wrong.status_code == 401
    assert wrong.json()["status"] == 401


def test_scope_limits_a_token_below_its_owner(platform: Platform, admin: User, client_for: Clients) -> None:
    reader = client_for(token_persona(admin, "platforms:read"))
    refused = _post(reader, CONTACTS, CONTACT)
    assert refused.status_code == 403
    assert "platforms:write" in refused.json()["detail"]
    assert not Contact.objects.exists()


def test_session_needs_csrf(platform: Platform, admin: User, client_for: Clients) -> None:
    client = client_for(admin, csrf=True)
    assert client.get(CONTACTS).status_code == 200
    assert _post(client, CONTACTS, CONTACT).status_code == 403
    assert _post(client_for(admin), CONTACTS, CONTACT).status_code == 201


def test_write_needs_the_present_etag(writer: Client, platform: Platform) -> None:
    made = _post(writer, CONTACTS, CONTACT)
    assert made.status_code == 201
    url, etag = f"{CONTACTS}{made.json()['id']}/", made["ETag"]
    assert writer.get(url)["ETag"] == etag
    assert _patch(writer, url, {"phone": "1"}).status_code == 428
    changed = _patch(writer, url, {"phone": "1"}, If_Match=etag)
    assert changed.status_code == 200
    assert changed["ETag"] != etag
    assert _patch(writer, url, {"phone": "2"}, If_Match=etag).status_code == 412
    assert Contact.objects.get().phone == "1"
    assert writer.delete(url).status_code == 428
    assert writer.delete(url, headers={"If-Match": changed["ETag"]}).status_code == 204
    assert AuditEntry.objects.filter(obj_kind="contact").count() == 3


def test_idempotency_key_replays_and_refuses_another_body(writer: Client, platform: Platform) -> None:
    first = _post(writer, CONTACTS, CONTACT, Idempotency_Key="k")
    again = _post(writer, CONTACTS, CONTACT, Idempotency_Key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first["ETag"] == again["ETag"]
    assert Contact.objects.count() == 1
    other = _post(writer, CONTACTS, {**CONTACT, "name": "Other"}, Idempotency_Key="k")
    assert other.status_code == 422


def test_a_change_and_a_deletion_sent_again_are_answered_as_the_first_time(writer: Client, platform: Platform) -> None:
    made = _post(writer, CONTACTS, CONTACT)
    address, read = f"{CONTACTS}{made.json()['id']}/", {"If_Match": made["ETag"]}
    first = _patch(writer, address, {"name": "New"}, Idempotency_Key="k", **read)
    again = _patch(writer, address, {"name": "New"}, Idempotency_Key="k", **read)
    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json(), first["ETag"]) == (again.json(), again["ETag"])
    assert Contact.objects.get().version == 2
    assert _patch(writer, address, {"name": "Other"}, Idempotency_Key="k", **read).status_code == 422
    assert _patch(writer, address, {"name": "New"}, **read).status_code == 412
    gone = {"Idempotency-Key": "gone", "If-Match": first["ETag"]}
    assert [writer.delete(address, headers=gone).status_code for _ in range(2)] == [204, 204]
    assert writer.delete(address, headers={"If-Match": first["ETag"]}).status_code == 404


def test_every_write_of_the_api_may_be_sent_again() -> None:
    """But for those that keep nothing."""
    plain = {
        f"{view.cls.__name__}.{method}"
        for _, _, view in walk(get_resolver())
        if issubclass(getattr(view, "cls", object), ApiView)
        for method in ("post", "put", "patch", "delete")
        if hasattr(view.cls, method) and not hasattr(getattr(view.cls, method), "is_idempotent")
    }
    assert plain == {"RulePreviewView.post", "ProbeTryView.post"}


def test_refused_post_leaves_its_key_free(writer: Client, platform: Platform) -> None:
    assert _post(writer, CONTACTS, {"key": "dba"}, Idempotency_Key="k").status_code == 400
    assert _post(writer, CONTACTS, CONTACT, Idempotency_Key="k").status_code == 201


def test_taken_key_is_a_conflict(writer: Client, platform: Platform) -> None:
    assert _post(writer, CONTACTS, CONTACT).status_code == 201
    assert _post(writer, CONTACTS, CONTACT).status_code == 409


def test_cursor_walks_every_row_once(writer: Client, platform: Platform) -> None:
    for n in range(7):
        Contact.objects.create(platform=platform, key=f"c{n}", name=f"C{n}")
    seen, cursor = [], ""
    while True:
        page = writer.get(CONTACTS, {"size": "3", **({"cursor": cursor} if cursor else {})}).json()
        seen += [row["key"] for row in page["results"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == [f"c{n}" for n in range(7)]
    back = writer.get(CONTACTS, {"size": "3", "cursor": page["previous_cursor"]}).json()
    assert [row["key"] for row in back["results"]] == ["c3", "c4", "c5"]
    assert writer.get(CONTACTS, {"cursor": "nonsense"}).status_code == 400


def test_row_of_another_platform_cannot_be_referred_to(
    writer: Client, platform: Platform, other_platform: Platform
) -> None:
    foreign = other_platform.environments.get()
    body = {"key": "x", "name": "X", "environment": foreign.pk}
    assert _post(writer, "/api/v1/platforms/shop/services/", body).status_code == 400
    assert writer.get(f"/api/v1/platforms/elsewhere/environments/{foreign.pk}/").status_code == 404
    assert writer.get(f"/api/v1/platforms/shop/environments/{foreign.pk}/").status_code == 404


def test_bad_body_is_refused_or_stored_clean(bad_body: bytes, writer: Client, platform: Platform) -> None:
    writer.raise_request_exception = False
    for url in (CONTACTS, "/api/v1/platforms/shop/services/", "/api/v1/platforms/"):
        answer = writer.post(url, bad_body, content_type="application/json")
        assert 400 <= answer.status_code < 500
        assert answer["Content-Type"] == "application/problem+json"


def test_bad_text_in_json_is_refused_or_stored_clean(bad_text: str, writer: Client, platform: Platform) -> None:
    writer.raise_request_exception = False
    answer = _post(writer, CONTACTS, {"key": "x", "name": bad_text, "note": bad_text})
    assert answer.status_code in (201, 400)
    for contact in Contact.objects.all():
        assert "\x00" not in contact.name


def test_me_schema_and_page_are_there(viewer: User, client_for: Clients) -> None:
    client = client_for(viewer)
    schema = client.get("/api/v1/schema/?format=json")
    assert schema.status_code == 200
    document = schema.json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/platforms/{key}/contacts/" in document["paths"]
    named = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert sorted(set(named)) == sorted(named)
    assert not [name for name in named if re.search(r"_\d+$", name)], "one name for two operations"
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "contacts" in page.content.decode()
    assert "https://" not in page.content.decode().split("<main")[1]
