"""Platforms in the browser: members read, admins write, versions guard."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.platforms.kinds import KINDS
from opsportal.platforms.models import Contact, Environment, Membership, Platform
from tests.bad_input import post_form

Clients = Callable[..., Client]


@pytest.mark.parametrize("slug", list(KINDS))
def test_every_kind_has_a_list_for_members_and_forms_for_admins(
    slug: str, platform: Platform, viewer: User, admin: User, client_for: Clients
) -> None:
    rows = reverse("platforms:rows", args=["shop", slug])
    new = reverse("platforms:row-new", args=["shop", slug])
    assert client_for(viewer).get(rows).status_code == 200
    assert client_for(viewer).get(new).status_code == 403
    assert client_for(admin).get(rows).status_code == 200
    assert client_for(admin).get(new).status_code == 200
    for row in KINDS[slug].rows(platform):
        assert client_for(admin).get(reverse("platforms:row", args=["shop", slug, row.pk])).status_code == 200


def test_contact_is_added_changed_and_removed_with_an_audit_row_each(
    platform: Platform, admin: User, client_for: Clients
) -> None:
    client = client_for(admin)
    posted = {"key": "dba", "name": "DBA on duty", "level": "1"}
    added = client.post(reverse("platforms:row-new", args=["shop", "contacts"]), posted)
    assert added.status_code == 303
    contact = Contact.objects.get()
    assert (contact.name, contact.source) == ("DBA on duty", "edited")
    edit = reverse("platforms:row", args=["shop", "contacts", contact.pk])
    assert client.post(edit, {**posted, "phone": "112", "version": "1"}).status_code == 303
    contact.refresh_from_db()
    assert (contact.phone, contact.version) == ("112", 2)
    gone = client.post(reverse("platforms:row-delete", args=["shop", "contacts", contact.pk]), {"version": "2"})
    assert gone.status_code == 303
    assert not Contact.objects.exists()
    verbs = list(AuditEntry.objects.filter(obj_kind="contact").order_by("seq").values_list("verb", flat=True))
    assert verbs == ["platforms.contact.created", "platforms.contact.changed", "platforms.contact.deleted"]


def test_stale_version_gets_the_merge_page_with_both_texts(
    platform: Platform, admin: User, client_for: Clients
) -> None:
    client = client_for(admin)
    environment = Environment.objects.get()
    url = reverse("platforms:row", args=["shop", "environments", environment.pk])
    form = {"key": "prod", "zone": "Europe/Berlin", "note": ""}
    assert client.post(url, {**form, "name": "First", "version": "1"}).status_code == 303
    lost = client.post(url, {**form, "name": "Second", "version": "1"})
    assert lost.status_code == 409
    page = lost.content.decode()
    assert "First" in page
    assert "Second" in page
    assert "Admin" in page
    environment.refresh_from_db()
    assert (environment.name, environment.version) == ("First", 2)


def test_row_in_use_is_refused_with_a_sentence(platform: Platform, admin: User, client_for: Clients) -> None:
    environment = Environment.objects.get()
    url = reverse("platforms:row-delete", args=["shop", "environments", environment.pk])
    refused = client_for(admin).post(url, {"version": "1"})
    assert refused.status_code == 422
    assert "still in use" in refused.content.decode()
    assert Environment.objects.exists()


def test_write_without_a_version_is_refused(platform: Platform, admin: User, client_for: Clients) -> None:
    environment = Environment.objects.get()
    url = reverse("platforms:row", args=["shop", "environments", environment.pk])
    refused = client_for(admin).post(url, {"key": "prod", "zone": "UTC", "name": "X"})
    assert refused.status_code == 422
    assert Environment.objects.get().name == "Production"


def test_platform_of_others_does_not_exist(
    platform: Platform, stranger: User, other_admin: User, client_for: Clients
) -> None:
    for person in (stranger, other_admin):
        client = client_for(person)
        assert "Shop" not in client.get(reverse("platforms:list")).content.decode()
        for name in ("detail", "edit", "members"):
            assert client.get(reverse(f"platforms:{name}", args=["shop"])).status_code in (403, 404)
        assert client.get(reverse("platforms:detail", args=["shop"])).status_code == 404


def test_switcher_remembers_the_platform_and_forgets_it(
    platform: Platform, operator: User, client_for: Clients
) -> None:
    client = client_for(operator)
    client.get(reverse("accounts:settings") + "?platform=shop")
    assert client.session["platform"] == "shop"
    client.get(reverse("accounts:settings"))
    assert client.session["platform"] == "shop"
    client.get(reverse("accounts:settings") + "?platform=elsewhere")
    assert client.session["platform"] == ""


def test_portal_admin_makes_a_platform(portal_admin: User, client_for: Clients) -> None:
    client = client_for(portal_admin)
    assert client.get(reverse("platforms:new")).status_code == 200
    posted = client.post(reverse("platforms:new"), {"key": "web", "name": "Web"})
    assert posted.status_code == 303
    assert client.get(posted["Location"]).status_code == 200
    twice = client.post(reverse("platforms:new"), {"key": "web", "name": "Web"})
    assert twice.status_code == 422
    assert client.post(reverse("platforms:new"), {"key": "new", "name": "Web"}).status_code == 422


def test_same_idempotency_key_makes_one_row(platform: Platform, admin: User, client_for: Clients) -> None:
    client, url = client_for(admin), reverse("platforms:row-new", args=["shop", "links"])
    posted = {"key": "wiki", "name": "Wiki", "url": "https://wiki.example/", "idempotency_key": "k1"}
    first, second = client.post(url, posted), client.post(url, posted)
    assert (first.status_code, second.status_code) == (303, 303)
    assert second["Idempotent-Replay"] == "true"
    # The browser lets go of the text on the second answer too, when the first one was lost on its way.
    assert second["Set-Cookie"] == first.cookies["saved"].OutputString()
    assert platform.links.count() == 1
    assert client.post(url, {**posted, "name": "Other"}).status_code == 422


def test_members_change_role_but_never_their_own_and_one_admin_stays(
    platform: Platform, admin: User, viewer: User, portal_admin: User, client_for: Clients
) -> None:
    client = client_for(admin)
    page = client.get(reverse("platforms:members", args=["shop"]))
    assert page.status_code == 200
    theirs = Membership.objects.get(user=viewer)
    role = reverse("platforms:member-role", args=["shop", theirs.pk])
    assert client.post(role, {"role": "operator", "version": "1"}).status_code == 303
    theirs.refresh_from_db()
    assert theirs.role == "operator"
    own = Membership.objects.get(user=admin)
    refused = client.post(reverse("platforms:member-role", args=["shop", own.pk]), {"role": "viewer", "version": "1"})
    assert refused.status_code == 403
    last = client_for(portal_admin).post(reverse("platforms:member-remove", args=["shop", own.pk]), {"version": "1"})
    assert last.status_code == 422
    assert "last admin" in last.content.decode()
    own.refresh_from_db()
    assert own.role == "admin"


def test_member_change_needs_a_fresh_second_factor(
    platform: Platform, admin: User, viewer: User, client_for: Clients
) -> None:
    membership = Membership.objects.get(user=viewer)
    url = reverse("platforms:member-role", args=["shop", membership.pk])
    answer = client_for(admin, mfa=False).post(url, {"role": "operator", "version": "1"})
    assert answer.status_code == 303
    assert answer["Location"].startswith(reverse("accounts:confirm"))
    membership.refresh_from_db()
    assert membership.role == "viewer"


def test_bad_text_is_refused_or_stored_clean(
    bad_text: str, platform: Platform, admin: User, client_for: Clients
) -> None:
    url = reverse("platforms:row-new", args=["shop", "contacts"])
    posted = {"key": "x", "name": bad_text, "duty": bad_text, "note": bad_text, "level": bad_text}
    client = client_for(admin)
    assert post_form(client, url, posted).status_code == 422
    assert post_form(client, url, {**posted, "level": "1"}).status_code in (303, 422)
    for contact in Contact.objects.all():
        assert "\x00" not in contact.name
    listed = client.get(reverse("platforms:rows", args=["shop", "contacts"]))
    assert listed.status_code == 200
    assert "<script>alert" not in listed.content.decode()
