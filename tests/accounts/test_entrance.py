"""Ways in: sign-in, second factor, throttle, invitation, first run, reset."""

import threading
from collections.abc import Callable
from io import StringIO
from typing import cast

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client, override_settings
from django.urls import reverse

from opsportal.accounts.mfa import claim_code
from opsportal.accounts.models import Invitation, User, UserSession
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.models import IdempotencyKey
from opsportal.platforms.models import Membership, Platform
from opsportal.platforms.services.invitations import InvitationError, invitation_accept, invitation_create
from tests.factories.accounts import PASSWORD

Clients = Callable[..., Client]
Actors = Callable[..., Actor]
LOGIN = "/accounts/login/"


def _code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(real_now().timestamp()) // 30))


def _enrol(user: User) -> str:
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def test_person_signs_in_by_email_and_sees_the_portal(viewer: User) -> None:
    client = Client()
    page = client.get(LOGIN)
    assert page.status_code == 200
    before = client.session.session_key
    answer = client.post(LOGIN, {"login": viewer.email.upper(), "password": PASSWORD})
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    assert client.session.session_key != before
    assert client.get(reverse("accounts:settings")).status_code == 200
    assert UserSession.objects.get().user == viewer


def test_wrong_password_and_unknown_person_get_the_same_answer(viewer: User) -> None:
    texts = []
    for email in (viewer.email, "nobody@example.org"):
        answer = Client().post(LOGIN, {"login": email, "password": "wrong"})
        assert answer.status_code in (200, 422)
        texts.append("not correct" in answer.content.decode())
    assert texts[0] == texts[1]


def test_guessing_is_stopped_for_that_address_only(viewer: User) -> None:
    statuses = [Client().post(LOGIN, {"login": viewer.email, "password": f"wrong {n}"}).status_code for n in range(15)]
    assert 429 in statuses
    assert Client().post(LOGIN, {"login": viewer.email, "password": PASSWORD}).status_code == 429
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert elsewhere.post(LOGIN, {"login": viewer.email, "password": PASSWORD}).status_code in (302, 429)


def test_made_up_proxy_header_does_not_reset_the_count(viewer: User) -> None:
    statuses = [
        Client()
        .post(LOGIN, {"login": viewer.email, "password": "wrong"}, headers={"X-Forwarded-For": f"198.51.100.{n}"})
        .status_code
        for n in range(15)
    ]
    assert 429 in statuses


def test_second_factor_is_asked_and_counts_once(viewer: User) -> None:
    secret = _enrol(viewer)
    client, other = Client(), Client()
    for one in (client, other):
        answer = one.post(LOGIN, {"login": viewer.email, "password": PASSWORD})
        assert answer["Location"] == reverse("mfa_authenticate")
    code = _code(secret)
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    assert client.get(reverse("accounts:settings")).status_code == 200
    assert other.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200
    assert other.get(reverse("accounts:settings")).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_one_code_lets_one_of_many_parallel_sign_ins_through() -> None:
    user = User.objects.create_user("a@example.org", "x", name="A")
    results: list[bool] = []
    barrier = threading.Barrier(8)

    def attempt() -> None:
        barrier.wait()
        results.append(claim_code(user, "123 456"))
        connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]


def test_guessing_codes_is_stopped_even_for_the_right_one(viewer: User) -> None:
    secret = _enrol(viewer)
    client = Client()
    client.post(LOGIN, {"login": viewer.email, "password": PASSWORD})
    for n in range(10):
        client.post(reverse("mfa_authenticate"), {"code": f"{n:06}"})
    refused = client.post(reverse("mfa_authenticate"), {"code": _code(secret)})
    assert refused.status_code == 200
    assert "Too many codes" in refused.content.decode()


def test_factor_is_encrypted_at_rest(viewer: User) -> None:
    secret = _enrol(viewer)
    assert secret not in str(Authenticator.objects.get(user=viewer).data)


def test_dangerous_act_sends_to_the_second_factor_and_back(admin: User, client_for: Clients) -> None:
    client = client_for(admin, mfa=False)
    invite = reverse("platforms:person-invite")
    sent = client.post(invite, {"email": "x@example.org"}, headers={"Referer": f"http://testserver{invite}"})
    assert sent.status_code == 303
    assert sent["Location"] == f"{reverse('accounts:confirm')}?next=%2Fpeople%2Finvite%2F"
    without = client.get(sent["Location"])
    assert without["Location"].startswith(reverse("mfa_activate_totp"))
    secret = _enrol(admin)
    asked = client.get(sent["Location"])
    assert asked["Location"].startswith(reverse("mfa_reauthenticate"))
    shown = client.post(asked["Location"], {"code": _code(secret), "next": invite})
    assert shown.status_code == 302
    assert shown["Location"] == invite
    assert client.get(invite).status_code == 200


def test_confirm_never_leads_off_the_portal(viewer: User, client_for: Clients) -> None:
    answer = client_for(viewer).get(reverse("accounts:confirm"), {"next": "https://evil.example/"})
    assert "evil" not in answer["Location"]


def test_invited_person_comes_in_with_the_promised_role_once(
    platform: Platform, admin: User, client_for: Clients
) -> None:
    client = client_for(admin)
    assert client.get(reverse("platforms:person-invite")).status_code == 200
    page = client.post(
        reverse("platforms:person-invite"), {"email": "New@example.org", f"role_{platform.pk}": "operator"}
    )
    assert page.status_code == 200
    invitation = Invitation.objects.get()
    link = page.content.decode().split("/join/")[1].split("/")[0]
    guest = Client()
    join = reverse("platforms:join", args=[link])
    assert guest.get(join).status_code == 200
    weak = guest.post(join, {"name": "New", "password": "short", "password_again": "short"})
    assert weak.status_code == 422
    form = {"name": "New", "password": PASSWORD, "password_again": PASSWORD}
    assert guest.post(join, form).status_code == 303
    assert Membership.objects.get(user__email="new@example.org").role == "operator"
    assert guest.get(reverse("platforms:list")).status_code == 200
    assert Client().get(join).status_code == 404
    with pytest.raises(InvitationError):
        invitation_accept(at=real_now(), invitation=invitation, name="X", password=PASSWORD)


def test_an_invitation_is_worth_what_its_inviter_still_may(
    platform: Platform, admin: User, portal_admin: User, actor_for: Actors
) -> None:
    now = real_now()
    invitation, _ = invitation_create(
        by=actor_for(admin), at=now, email="new@example.org", name="", roles={platform.pk: "operator"}
    )
    Membership.objects.filter(user=admin, platform=platform).update(role="viewer")
    with pytest.raises(InvitationError, match="may not invite any more"):
        invitation_accept(at=now, invitation=invitation, name="New", password=PASSWORD)
    invitation.refresh_from_db()
    assert invitation.accepted_at is None
    chief, _ = invitation_create(
        by=actor_for(portal_admin), at=now, email="chief@example.org", name="", roles={}, is_portal_admin=True
    )
    User.objects.filter(pk=portal_admin.pk).update(is_portal_admin=False)
    chief.refresh_from_db()
    with pytest.raises(InvitationError, match="may not invite any more"):
        invitation_accept(at=now, invitation=chief, name="Chief", password=PASSWORD)


def test_a_repeated_invitation_is_not_shown_its_link_again(
    platform: Platform, admin: User, client_for: Clients
) -> None:
    client, url = client_for(admin), reverse("platforms:person-invite")
    posted = {"email": "new@example.org", f"role_{platform.pk}": "operator", "idempotency_key": "k1"}
    assert "/join/" in client.post(url, posted).content.decode()
    again = client.post(url, posted)
    assert again.status_code == 200
    assert "/join/" not in again.content.decode()
    assert Invitation.objects.count() == 1
    assert b"/join/" not in bytes(IdempotencyKey.objects.get().body)


def test_invitation_gives_no_more_than_the_inviter_may(
    platform: Platform, other_platform: Platform, admin: User, actor_for: Actors
) -> None:
    from opsportal.core.gate import DeniedError, HiddenError

    actor = actor_for(admin)
    with pytest.raises(DeniedError):
        invitation_create(
            by=actor, at=real_now(), email="x@example.org", name="", roles={platform.pk: "viewer"}, is_portal_admin=True
        )
    with pytest.raises(HiddenError):
        invitation_create(by=actor, at=real_now(), email="x@example.org", name="", roles={other_platform.pk: "viewer"})
    assert not Invitation.objects.exists()


def test_revoked_invitation_is_gone(platform: Platform, admin: User, client_for: Clients, actor_for: Actors) -> None:
    invitation, link = invitation_create(
        by=actor_for(admin), at=real_now(), email="x@example.org", name="", roles={platform.pk: "viewer"}
    )
    client = client_for(admin)
    assert "x@example.org" in client.get(reverse("platforms:people")).content.decode()
    revoked = client.post(reverse("platforms:invitation-revoke", args=[invitation.pk]), {"version": "1"})
    assert revoked.status_code == 303
    assert Client().get("/join/" + link.split("/join/")[1]).status_code == 404


def test_first_run_takes_the_code_once_and_then_is_gone(db: None) -> None:
    out = StringIO()
    call_command("firstrun", "code", stdout=out)
    code = out.getvalue().strip()
    client = Client()
    assert client.get(LOGIN)["Location"] == reverse("platforms:first-run")
    page = reverse("platforms:first-run")
    form = {"email": "boss@example.org", "name": "Boss", "password": PASSWORD, "password_again": PASSWORD}
    assert client.get(page).status_code == 200
    assert client.post(page, {**form, "code": "0000-0000-0000-0000"}).status_code == 422
    assert not User.objects.exists()
    done = client.post(page, {**form, "code": code})
    assert done.status_code == 303
    assert User.objects.get().is_portal_admin
    assert client.get(done["Location"]).status_code == 200
    assert client.get(reverse("platforms:new")).status_code == 200
    assert Client().get(page).status_code == 404
    with pytest.raises(CommandError, match="people already"):
        call_command("firstrun", "code")


def test_deactivated_person_is_out_at_once_and_the_last_admin_stays(
    viewer: User, portal_admin: User, client_for: Clients
) -> None:
    theirs, boss = client_for(viewer), client_for(portal_admin)
    page = reverse("accounts:settings")
    assert theirs.get(page).status_code == 200
    off = reverse("platforms:person-deactivate", args=[viewer.pk])
    assert boss.get(reverse("platforms:person", args=[viewer.pk])).status_code == 200
    assert boss.post(off, {"version": "1"}).status_code == 303
    assert theirs.get(page).status_code == 302
    assert Client().post(LOGIN, {"login": viewer.email, "password": PASSWORD}).status_code in (200, 302)
    own = reverse("platforms:person-deactivate", args=[portal_admin.pk])
    assert boss.post(own, {"version": "1"}).status_code == 403
    portal_admin.refresh_from_db()
    assert portal_admin.is_active
    assert boss.post(reverse("platforms:person-reactivate", args=[viewer.pk]), {"version": "2"}).status_code == 303
    assert theirs.get(page).status_code == 302
    verbs = AuditEntry.objects.filter(obj_kind="user", obj_id=str(viewer.pk)).order_by("seq")
    assert [entry.verb for entry in verbs] == ["accounts.person.deactivated", "accounts.person.reactivated"]


def test_second_factor_is_reset_by_another_administrator(viewer: User, portal_admin: User, client_for: Clients) -> None:
    _enrol(viewer)
    boss = client_for(portal_admin)
    assert boss.post(reverse("platforms:person-reset-mfa", args=[viewer.pk])).status_code == 303
    assert not Authenticator.objects.filter(user=viewer).exists()
    assert boss.post(reverse("platforms:person-reset-mfa", args=[portal_admin.pk])).status_code == 403


def test_people_of_other_platforms_are_not_listed(
    viewer: User, stranger: User, admin: User, client_for: Clients
) -> None:
    client = client_for(admin)
    listed = client.get(reverse("platforms:people")).content.decode()
    assert viewer.email in listed
    assert stranger.email not in listed
    assert client.get(reverse("platforms:person", args=[stranger.pk])).status_code == 404


def test_command_makes_people_sets_roles_and_resets(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    monkeypatch.setenv("OPSPORTAL_PASSWORD", PASSWORD)
    call_command("user", "create", "ops@example.org", "--name", "Ops", stdout=out)
    call_command("user", "role", "ops@example.org", "shop", "operator", stdout=out)
    assert Membership.objects.get().role == "operator"
    call_command("user", "role", "ops@example.org", "shop", "none", stdout=out)
    assert not Membership.objects.exists()
    _enrol(User.objects.get())
    call_command("user", "reset-mfa", "ops@example.org", stdout=out)
    assert not Authenticator.objects.exists()
    with pytest.raises(CommandError, match="address"):
        call_command("user", "reset-mfa", "no@example.org")
    with pytest.raises(CommandError, match="already"):
        call_command("user", "create", "ops@example.org")


def test_password_reset_answers_alike_for_known_and_unknown(viewer: User) -> None:
    for email in (viewer.email, "nobody@example.org"):
        answer = Client().post(reverse("account_reset_password"), {"email": email})
        assert answer.status_code == 302
        assert answer["Location"] == reverse("account_reset_password_done")


def test_sign_up_is_closed(viewer: User) -> None:
    page = Client().get(reverse("account_signup"))
    assert "password1" not in page.content.decode()
    Client().post(reverse("account_signup"), {"email": "x@example.org", "password1": PASSWORD, "password2": PASSWORD})
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "name",
    ["account_change_password", "mfa_index", "mfa_activate_totp", "account_reauthenticate", "account_logout"],
)
def test_librarys_pages_render_in_our_look(name: str, viewer: User, client_for: Clients) -> None:
    answer = client_for(viewer).get(reverse(name), follow=True)
    assert answer.status_code == 200
    assert "opsportal" in answer.content.decode()


def test_page_costs_three_queries_for_who_asks(
    viewer: User, client_for: Clients, django_assert_max_num_queries: Callable[..., object]
) -> None:
    from django.test import RequestFactory

    from opsportal.accounts.middleware import ActorMiddleware

    client = client_for(viewer)
    client.get(reverse("accounts:settings"))
    key = client.session.session_key
    from django.contrib.auth.middleware import AuthenticationMiddleware
    from django.contrib.sessions.middleware import SessionMiddleware
    from django.http import HttpRequest, HttpResponse

    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.actor.name)  # type: ignore[attr-defined]

    request = RequestFactory().get("/")
    request.COOKIES["sessionid"] = str(key)
    handler = SessionMiddleware(AuthenticationMiddleware(ActorMiddleware(page)))
    with django_assert_max_num_queries(3):  # type: ignore[attr-defined]
        answer = cast("HttpResponse", handler(request))
    assert answer.content == b"Viewer"


@override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1)
def test_address_behind_one_proxy_is_the_rightmost(viewer: User) -> None:
    client = Client()
    client.post(
        LOGIN,
        {"login": viewer.email, "password": PASSWORD},
        headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.5"},
    )
    client.get(reverse("accounts:settings"), headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.5"})
    assert UserSession.objects.get().ip == "203.0.113.5"
