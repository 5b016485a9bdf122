"""Probes and heartbeats that packs name: shown as not watched until somebody sets them up."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.packs.models import PolicyEntry
from opsportal.packs.pack import pack_names, read_pack
from opsportal.platforms.models import Platform
from opsportal.schedule.recurrence import Rule, next_slots
from tests.factories.heartbeats import heartbeat_of
from tests.factories.probes import probe_of

ClientFor = Callable[..., Client]


def entry(platform: Platform, group: str, key: str, value: str = "") -> None:
    PolicyEntry.objects.create(platform=platform, group=group, key=key, title=f"The {key}", value=value)


@pytest.mark.django_db
def test_a_job_of_a_guide_is_not_watched_until_it_has_a_heartbeat(
    platform: Platform, at: datetime, admin: User, viewer: User, stranger: User, client_for: ClientFor
) -> None:
    entry(platform, "heartbeat", "nightly-backup", "0 2 * * * Europe/Berlin")
    entry(platform, "heartbeat", "configuration-backup")
    listed, new = reverse("monitoring:heartbeats"), reverse("monitoring:heartbeat-new", args=[platform.key])
    page = client_for(admin).get(listed).content.decode()
    assert page.count("not watched") == 2
    assert "no time in guide" in page
    assert f"{new}?declared=nightly-backup" in page
    assert f"{new}?declared=configuration-backup" not in page
    assert new not in client_for(viewer).get(listed).content.decode()
    assert "not watched" not in client_for(stranger).get(listed).content.decode()
    form = client_for(admin).get(f"{new}?declared=nightly-backup").content.decode()
    for value in ("nightly-backup", "The nightly-backup", "0 2 * * *", "Europe/Berlin"):
        assert f'value="{value}"' in form, value
    assert client_for(admin).get(f"{new}?declared=nothing").status_code == 200
    heartbeat_of(platform, at=at, key="nightly-backup")
    assert client_for(admin).get(listed).content.decode().count("not watched") == 1


@pytest.mark.django_db
def test_an_address_of_a_guide_is_not_watched_until_it_is_probed(
    platform: Platform, at: datetime, admin: User, client_for: ClientFor
) -> None:
    entry(platform, "probe", "health", "https://shop.example/health")
    entry(platform, "probe", "inner-health")
    listed = reverse("monitoring:probes")
    page = client_for(admin).get(listed).content.decode()
    assert "https://shop.example/health" in page
    assert "no address in guide" in page
    probe_of(platform, at=at, key="health")
    assert client_for(admin).get(listed).content.decode().count("not watched") == 1


def test_what_packs_name_can_be_set_up_as_it_stands(at: datetime) -> None:
    found = 0
    for name in pack_names():
        pack = read_pack(name)
        links = {item.data["key"]: item.data.get("url", "") for item in pack.of("link")}
        for item in pack.of("policy"):
            value = item.data.get("value", "")
            if item.data["group"] == "heartbeat" and value:
                cron, zone = value.rsplit(" ", 1)
                assert next_slots(Rule(cron=cron, zone=zone), at, at.replace(month=at.month + 2)), item.data["key"]
                found += 1
            if item.data["group"] == "probe":
                assert links.get(item.data["key"], "") == value
                found += 1
    assert found == 10
