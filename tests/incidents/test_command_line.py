"""`manage.py incident`: a person's rights, the composer's words, JSON out."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.models import Incident, TimelineEntry
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

pytestmark = pytest.mark.django_db


def run(*words: str, by: User) -> Any:
    out = StringIO()
    call_command("incident", *words, "--as", by.email, stdout=out)
    return json.loads(out.getvalue())


def test_an_outage_from_declare_to_export(platform: Platform, commander: User) -> None:
    opened = run(
        "declare", "Checkout is down", "--platform", "shop", "--service", "web", "--severity", "P0", by=commander
    )
    number = str(opened["number"])
    assert (opened["severity"], opened["stage"], opened["commander"]) == ("P0", "assess", commander.name)
    for _ in range(2):
        run("log", number, "restarted the pool", "--key", "k1", by=commander)
    assert run("log", number, "/severity P2 half of users", by=commander)["severity"] == "P2"
    assert run("status", number, "respond", by=commander)["stage"] == "respond"
    assert run("resolve", number, "pool enlarged", by=commander)["state"] == "resolved"
    assert run("status", number, by=commander)["resolution"] == "pool enlarged"
    bodies = [line["body"] for line in run("export", number, by=commander)["timeline"]]
    assert bodies.count("restarted the pool") == 1
    assert any("half of users" in body for body in bodies)
    assert set(AuditEntry.objects.values_list("actor_user_id", "request_id")) == {(commander.pk, "manage.py incident")}


def test_the_same_declare_key_opens_one(platform: Platform, operator: User) -> None:
    numbers = {
        run("declare", "Down", "--platform", "shop", "--key", "pager-7", by=operator)["number"] for _ in range(2)
    }
    assert len(numbers) == 1
    assert Incident.objects.count() == 1


def test_rights_are_the_persons(platform: Platform, viewer: User, stranger: User, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    with pytest.raises(CommandError):
        run("log", str(incident.number), "I was here", by=viewer)
    with pytest.raises(CommandError, match="no such incident"):
        run("status", str(incident.number), by=stranger)
    assert run("list", by=stranger) == []
    assert [row["number"] for row in run("list", "--state", "open", by=viewer)] == [incident.number]
    assert not TimelineEntry.objects.filter(body="I was here").exists()


@pytest.mark.parametrize(
    "words, said",
    [
        (("declare", "x", "--platform", "nowhere"), "no platform nowhere"),
        (("declare", "x", "--platform", "shop", "--severity", "P9"), "P9 is no severity here. Known: P0"),
        (("declare", "x", "--platform", "shop", "--type", "fire"), "invalid choice"),
        (("list", "--platform", "nowhere"), "no platform nowhere"),
        (("status", "7"), "no such incident"),
    ],
)
def test_nonsense_is_refused_in_words(platform: Platform, operator: User, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*words, by=operator)
    assert not Incident.objects.exists()


def test_it_asks_who_acts(platform: Platform) -> None:
    with pytest.raises(CommandError, match="--as EMAIL"):
        call_command("incident", "list")
