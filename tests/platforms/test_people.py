"""People in the browser: the question before portal rights, the deactivated, the link shown once, first steps."""

import re
from collections.abc import Callable
from datetime import datetime

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.platforms.models import Platform

Clients = Callable[..., Client]


def test_portal_rights_are_given_after_a_question_that_names_the_person(
    viewer: User, portal_admin: User, client_for: Clients
) -> None:
    TOTP.activate(viewer, generate_totp_secret())
    boss, url = client_for(portal_admin), reverse("platforms:person-portal-admin", args=[viewer.pk])
    person = boss.get(reverse("platforms:person", args=[viewer.pk])).content.decode()
    assert f'href="{url}"' in person
    assert f'action="{url}"' not in person
    assert f"Make {viewer.name} portal administrator" in boss.get(url).content.decode()
    assert boss.post(url, {"version": "1", "is_portal_admin": "1"}).status_code == 303
    viewer.refresh_from_db()
    assert viewer.is_portal_admin
    assert f"Take portal rights from {viewer.name}" in boss.get(url).content.decode()


def test_without_a_second_factor_nobody_becomes_portal_administrator(
    viewer: User, portal_admin: User, client_for: Clients
) -> None:
    boss, url = client_for(portal_admin), reverse("platforms:person-portal-admin", args=[viewer.pk])
    asked = boss.get(url).content.decode()
    assert f"{viewer.name} has no second factor yet" in asked
    assert f'action="{url}"' not in asked
    refused = boss.post(url, {"version": "1", "is_portal_admin": "1"})
    assert refused.status_code == 422
    assert "no second factor yet" in refused.content.decode()
    viewer.refresh_from_db()
    assert not viewer.is_portal_admin
    assert not AuditEntry.objects.filter(verb="accounts.person.portal_admin_set").exists()


def test_a_deactivated_person_has_no_rights_and_the_page_says_so(
    viewer: User, portal_admin: User, client_for: Clients
) -> None:
    boss, url = client_for(portal_admin), reverse("platforms:person", args=[viewer.pk])
    words = "Deactivated: no rights"
    assert words not in boss.get(url).content.decode()
    User.objects.filter(pk=viewer.pk).update(is_active=False, is_portal_admin=True)
    page = boss.get(url).content.decode()
    assert words in page
    assert "not while deactivated" in page


def test_a_persons_roles_lead_to_where_they_are_changed(
    platform: Platform, viewer: User, admin: User, client_for: Clients
) -> None:
    page = client_for(admin).get(reverse("platforms:person", args=[viewer.pk])).content.decode()
    assert f'href="{reverse("platforms:members", args=[platform.key])}"' in page
    assert "changed on its platform's member page" in page


def test_the_invitations_link_stands_below_its_text_and_is_no_command(
    platform: Platform, admin: User, client_for: Clients
) -> None:
    posted = {"email": "new@example.org", f"role_{platform.pk}": "operator"}
    page = client_for(admin).post(reverse("platforms:person-invite"), posted).content.decode()
    note = page.index('<div class="note ok"')
    assert page.index('<div class="cmd"') > page.index("it is not shown again.</p></div></div>") > note
    css = (settings.BASE_DIR / "static/css/components.css").read_text()
    assert '"$ "' not in css


def test_first_steps_are_numbered_and_found_again_from_an_empty_today(
    portal_admin: User, viewer: User, client_for: Clients
) -> None:
    boss, url = client_for(portal_admin), reverse("platforms:first-steps")
    page = boss.get(url).content.decode()
    table = page[page.index('aria-label="First steps"') :]
    assert re.findall(r"<b>(?:(\d)\. )?", table) == ["1", "2", "", "3", "4"]
    link = f'href="{url}"'
    assert link in boss.get(reverse("accounts:settings")).content.decode()
    assert link not in client_for(viewer).get(reverse("accounts:settings")).content.decode()


def test_an_empty_portals_today_leads_to_first_steps(portal_admin: User, at: datetime, client_for: Clients) -> None:
    boss, link = client_for(portal_admin), f'href="{reverse("platforms:first-steps")}"'
    assert link in boss.get(reverse("dashboard:today")).content.decode()
    cache.clear()  # the frame is kept until an audited write
    Platform.objects.create(key="web", name="Web", created_at=at)
    assert link not in client_for(portal_admin).get(reverse("dashboard:today")).content.decode()
