"""A person's own pages: settings, sessions, tokens."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import ApiToken, User, UserSession
from opsportal.accounts.services.tokens import MAX_LIFE, TokenRequestError, scopes_of, token_create, token_find
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.gate import DeniedError
from tests.bad_input import post_form

Clients = Callable[..., Client]
Actors = Callable[..., Actor]


def test_settings_index_shows_what_the_person_may_open(viewer: User, admin: User, client_for: Clients) -> None:
    seen = client_for(viewer).get(reverse("accounts:settings")).content.decode()
    assert reverse("platforms:list") in seen
    assert reverse("platforms:people") not in seen
    assert reverse("platforms:people") in client_for(admin).get(reverse("accounts:settings")).content.decode()


def test_person_without_any_role_may_still_set_a_theme_and_sign_out(db: None, client_for: Clients) -> None:
    person = User.objects.create_user("lonely@example.org", "x", name="Lonely")
    client = client_for(person)
    assert client.get(reverse("accounts:settings-person")).status_code == 200
    assert client.get(reverse("platforms:list")).status_code == 200
    assert client.post(reverse("account_logout")).status_code == 302


def test_own_settings_are_saved_with_their_version(viewer: User, client_for: Clients) -> None:
    client, url = client_for(viewer), reverse("accounts:settings-person")
    posted = {"name": "Vera", "theme": "dark", "zone": "Asia/Tokyo", "density": "compact", "version": "1"}
    assert client.post(url, posted).status_code == 303
    viewer.refresh_from_db()
    assert (viewer.name, viewer.theme, viewer.zone, viewer.version) == ("Vera", "dark", "Asia/Tokyo", 2)
    assert 'data-theme="dark"' in client.get(url).content.decode()
    assert client.post(url, posted).status_code == 409
    assert client.post(url, {**posted, "zone": "Mars/Base", "version": "2"}).status_code == 422


def test_bad_name_is_refused_or_stored_clean(bad_text: str, viewer: User, client_for: Clients) -> None:
    posted = {"name": bad_text, "theme": "dark", "zone": "UTC", "density": "compact", "version": "1"}
    client = client_for(viewer)
    assert post_form(client, reverse("accounts:settings-person"), posted).status_code in (303, 422)
    viewer.refresh_from_db()
    assert "\x00" not in viewer.name
    assert client.get(reverse("accounts:settings-person")).status_code == 200


def test_ended_session_is_out_at_once(viewer: User, client_for: Clients) -> None:
    here, there = client_for(viewer), client_for(viewer)
    page = reverse("accounts:sessions")
    assert here.get(page).status_code == 200
    assert there.get(page).status_code == 200
    assert UserSession.objects.filter(user=viewer).count() == 2
    other = UserSession.objects.get(session_key=there.session.session_key)
    assert here.post(reverse("accounts:session-end", args=[other.pk])).status_code == 303
    assert there.get(page).status_code == 302
    assert here.get(page).status_code == 200


def test_nobody_ends_another_persons_session(viewer: User, operator: User, client_for: Clients) -> None:
    theirs = client_for(viewer)
    theirs.get(reverse("accounts:sessions"))
    session = UserSession.objects.get(user=viewer)
    assert client_for(operator).post(reverse("accounts:session-end", args=[session.pk])).status_code == 404
    assert theirs.get(reverse("accounts:sessions")).status_code == 200


def test_ending_others_keeps_this_one(viewer: User, client_for: Clients) -> None:
    here, there = client_for(viewer), client_for(viewer)
    for client in (here, there):
        client.get(reverse("accounts:sessions"))
    assert here.post(reverse("accounts:session-end-others")).status_code == 303
    assert there.get(reverse("accounts:sessions")).status_code == 302
    assert here.get(reverse("accounts:sessions")).status_code == 200


def test_token_is_shown_once_kept_hashed_and_revoked(operator: User, client_for: Clients) -> None:
    client = client_for(operator)
    made = client.post(reverse("accounts:token-add"), {"name": "script", "days": "30", "scopes": ["platforms:read"]})
    assert made.status_code == 200
    token = ApiToken.objects.get()
    text = made.content.decode().split(f"ops_{token.pk}_")[1][:43]
    assert text not in client.get(reverse("accounts:tokens")).content.decode()
    assert text.encode() not in bytes(token.secret_hmac)
    found = token_find(text=f"ops_{token.pk}_{text}")
    assert found == token
    ended = client.post(reverse("accounts:token-revoke", args=[token.pk]), {"version": "1"})
    assert ended.status_code == 303
    assert token_find(text=f"ops_{token.pk}_{text}") is None


def test_token_is_never_wider_or_longer_than_its_owner(auditor: User, actor_for: Actors) -> None:
    actor, now = actor_for(auditor), real_now()
    assert "platforms:write" not in scopes_of(actor)
    with pytest.raises(TokenRequestError, match="beyond your own rights"):
        token_create(by=actor, at=now, name="x", scopes=["platforms:write"], expires_at=now + timedelta(days=1))
    with pytest.raises(TokenRequestError, match="365 days"):
        token_create(
            by=actor, at=now, name="x", scopes=["platforms:read"], expires_at=now + MAX_LIFE + timedelta(seconds=1)
        )
    assert not ApiToken.objects.exists()


def test_token_makes_no_token(token: object, actor_for: Actors) -> None:
    now = real_now()
    with pytest.raises(DeniedError):
        token_create(
            by=actor_for(token), at=now, name="x", scopes=["platforms:read"], expires_at=now + timedelta(days=1)
        )


@pytest.mark.parametrize(
    "text", ["", "ops_", "ops_1_x", "ops_0_" + "a" * 43, "ops_" + "9" * 30 + "_" + "a" * 43, "\ud800"]
)
def test_malformed_token_is_nobody(text: str, db: None) -> None:
    assert token_find(text=text) is None
