"""Packs in the browser: shown to those they concern, applied as they were shown."""

import io
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.models import AlarmRule
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.packs.planning import pack_plan
from opsportal.packs.selectors import pack_rows
from opsportal.packs.services import load_pack, pack_apply
from opsportal.platforms.models import Membership, Platform

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
NAME = "genai-demo"


@pytest.fixture
def genai(portal: Actor, at: datetime) -> Platform:
    return pack_apply(NAME, by=portal, at=at).platform


@pytest.fixture
def owner(genai: Platform, admin: User, at: datetime) -> User:
    """The admin of the shop, admin of this platform too."""
    Membership.objects.create(platform=genai, user=admin, role="admin", created_at=at)
    return admin


def _post(client: Client, **fields: str) -> Any:
    plan = pack_plan(load_pack(NAME)).token
    return client.post(reverse("packs:pack-apply", args=[NAME]), {"plan": plan, **fields})


def test_a_portal_admin_makes_a_platform_from_a_pack(client_for: ClientFor, portal_admin: User) -> None:
    client = client_for(portal_admin)
    page = client.get(reverse("packs:pack-detail", args=[NAME])).content.decode()
    assert "Make the platform" in page
    answer = _post(client)
    assert answer.status_code == 303
    platform = Platform.objects.get(key=NAME)
    assert Membership.objects.get(platform=platform).user == portal_admin
    again = client.get(reverse("packs:pack-detail", args=[NAME])).content.decode()
    assert "Nothing to do" in again


def test_an_admin_sees_and_applies_drift(client_for: ClientFor, owner: User) -> None:
    client = client_for(owner)
    rule = AlarmRule.objects.get(key="api-errors")
    rule.update_versioned(expected=rule.version, threshold=9.0)
    page = client.get(reverse("packs:pack-detail", args=[NAME])).content.decode()
    assert "Let the pack win" in page
    _post(client)
    rule.refresh_from_db()
    assert rule.threshold == 9
    _post(client, overwrite="on")
    rule.refresh_from_db()
    assert rule.threshold == 5


def test_a_plan_that_went_stale_writes_nothing(client_for: ClientFor, owner: User) -> None:
    client = client_for(owner)
    answer = client.post(reverse("packs:pack-apply", args=[NAME]), {"plan": "0" * 64, "overwrite": "on"})
    assert answer.status_code == 409
    assert "Nothing was written" in answer.content.decode()


def test_an_admin_elsewhere_finds_no_pack(client_for: ClientFor, genai: Platform, other_admin: User) -> None:
    client = client_for(other_admin)
    assert client.get(reverse("packs:pack-detail", args=[NAME])).status_code == 404
    assert client.get(reverse("packs:pack-export", args=[NAME])).status_code == 404
    assert _post(client).status_code == 404
    assert NAME not in client.get(reverse("packs:pack-list")).content.decode()


def test_an_operator_may_neither_see_nor_apply(client_for: ClientFor, genai: Platform, operator: User) -> None:
    client = client_for(operator)
    assert client.get(reverse("packs:pack-list")).status_code == 403
    assert _post(client).status_code == 403


def test_an_unknown_pack_is_hidden(client_for: ClientFor, portal_admin: User) -> None:
    assert client_for(portal_admin).get(reverse("packs:pack-detail", args=["no-pack"])).status_code == 404


def test_the_export_is_a_zip_of_the_pack(client_for: ClientFor, owner: User) -> None:
    answer = client_for(owner).get(reverse("packs:pack-export", args=[NAME]))
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert f"{NAME}/platform.yaml" in names
    assert f"{NAME}/decisions/035-disaster-recovery-strategy.md" in names


def test_the_list_costs_two_queries(
    genai: Platform, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    with django_assert_num_queries(2):
        assert [row.platform for row in pack_rows() if row.platform] == [genai]


def test_policy_of_a_platform_shows_source_and_gaps(client_for: ClientFor, owner: User) -> None:
    text = client_for(owner).get(reverse("packs:policy"), {"platform": NAME}).content.decode()
    assert "GenAIDemo, Service Level Objectives" in text
    assert "not in guide" in text


def test_policy_of_all_platforms_sets_contradictions_side_by_side(client_for: ClientFor, owner: User) -> None:
    text = client_for(owner).get(reverse("packs:policy"), {"platform": "all"}).content.decode()
    assert "C12: The last step of escalation" in text
    assert "Team Lead → Architect → CTO" in text


def test_policy_is_not_shown_to_strangers(client_for: ClientFor, genai: Platform, viewer: User) -> None:
    assert "GenAIDemo" not in client_for(viewer).get(reverse("packs:policy")).content.decode()
