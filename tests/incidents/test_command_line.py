"""`manage.py incident`: a person's rights, the composer's words, JSON out."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.models import Incident, TimelineEntry
from incidents.services import incident_resolve, report_add
from incidents.services.problems import problem_open
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
    assert opened["detection_source"] == "team_observation", "a person at a shell is no monitor"
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


def test_a_commander_does_everything_from_a_shell(
    platform: Platform, commander: User, operator: User, at: datetime
) -> None:
    one, two = (declare(platform, by=SYSTEM, at=at, take_command=False) for _ in range(2))
    number = str(one.number)
    assert run("act", number, "acknowledge", by=commander)["commander"] == commander.name
    run("act", number, "triage", "users.answer=yes", "users.note=half", by=commander)
    run("act", number, "role", "role=scribe", f"person={operator.email}", by=commander)
    described = run("act", number, "describe", "users_affected=half", "cause=The pool ran dry", by=commander)
    assert (described["users_affected"], described["cause"]) == ("half", "The pool ran dry")
    run("act", number, "link", "kind=related", f"other={two.number}", "note=same pool", by=commander)
    assert run("show", number, "links", by=commander)["links"] == [
        {"link": "Related to", "incident": two.reference, "title": two.title, "note": "same pool"}
    ]
    run("log", number, "/task Restart the pool", by=commander)
    (task,) = run("show", number, "tasks", by=commander)
    assert run("task", number, str(task["id"]), by=operator)["done_at"]
    assert run("task", number, str(task["id"]), "--undo", by=operator)["done_at"] is None
    assert run("show", number, "runbooks", by=commander) == []
    run("log", number, "/update internal identified It is the pool", by=commander)
    assert [row["body"] for row in run("show", number, "updates", by=commander)] == ["It is the pool"]
    run("resolve", number, "pool enlarged", by=commander)
    assert run("review", number, by=commander)["state"] == "draft"
    assert run("act", number, "close", by=commander)["state"] == "closed"
    assert run("show", number, "review", by=commander)["sections"]
    one.refresh_from_db()
    assert one.triage["users"] == {"answer": "yes", "note": "half"}


def test_boards_and_users_reports_from_a_shell(platform: Platform, operator: User, viewer: User, at: datetime) -> None:
    mild = declare(platform, by=SYSTEM, at=at, label="P3", title="Typo", take_command=False)
    first, second = (
        report_add(by=SYSTEM, at=at, platform_id=platform.pk, text=text, kind="fault", channel="phone")
        for text in ("Checkout hangs", "Wrong font")
    )
    problem_open(by=SYSTEM, at=at, platform_id=platform.pk, values={"title": "The pool runs dry"})
    assert [row["number"] for row in run("queue", "--platform", "shop", by=viewer)] == [mild.number]
    assert [row["title"] for row in run("problems", by=viewer)] == ["The pool runs dry"]
    assert [row["text"] for row in run("reports", by=viewer)] == ["Checkout hangs", "Wrong font"]
    assert run("attach", str(first.pk), str(mild.number), by=operator)["state"] == "incident"
    assert run("answer", str(second.pk), "It is the new one", by=operator)["answer"] == "It is the new one"
    assert run("reports", by=viewer) == []
    with pytest.raises(CommandError):
        run("answer", str(second.pk), "Again", by=viewer)


@pytest.mark.parametrize(
    "words, said",
    [
        (("act", "close"), "Write impact and cause first"),
        (("act", "severity"), "severity: This field is required"),
        (("act", "severity", "P1"), "P1 is no FIELD=VALUE"),
        (("act", "triage", "users=yes", "users.note=x"), "has a value of its own"),
        (("act", "triage", "users.answer=perhaps"), "users: answer: "),
        (("act", "triage", "breach_told.answer=yes"), "not asked that"),
        (("act", "explode"), "invalid choice"),
        (("task", "7"), "no such"),
    ],
)
def test_an_act_that_makes_no_sense_is_refused_in_words(
    platform: Platform, commander: User, at: datetime, words: tuple[str, ...], said: str
) -> None:
    incident = declare(platform, by=SYSTEM, at=at, take_command=False)
    if words[1] == "close":
        incident_resolve(by=SYSTEM, at=at, incident=incident, expected=incident.version, resolution="x")
    with pytest.raises(CommandError, match=said):
        run(words[0], str(incident.number), *words[1:], by=commander)


def test_a_shell_says_who_found_it(platform: Platform, operator: User) -> None:
    opened = run("declare", "Down", "--platform", "shop", "--found-by", "user_report", by=operator)
    assert opened["detection_source"] == "user_report"


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
