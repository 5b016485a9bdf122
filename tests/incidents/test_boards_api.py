"""The API of boards: clocks, the queue, an incident's runbooks, problems."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from incidents.models import Incident, Problem
from incidents.services import report_add
from incidents.types import questions
from monitoring.models import AlarmState
from opsportal.accounts.models import User
from opsportal.knowledge.models import RunbookRun
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.incidents import SYSTEM, alarm, clock_policy, declare
from tests.factories.runbooks import runbook

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
API, JSON = "/api/v1/", "application/json"


@pytest.fixture
def incident(platform: Platform, at: datetime) -> Incident:
    return declare(platform, by=SYSTEM, at=at, take_command=False)


def test_clocks_are_listed_by_list_kind_and_platform(
    client_for: ClientFor, token: TokenPersona, platform: Platform, other_platform: Platform, at: datetime
) -> None:
    clock_policy(platform, "resolve", None, text="Immediate")
    incident = declare(platform, by=SYSTEM, at=at, take_command=False)
    declare(platform, by=SYSTEM, at=at, type="security", title="Secret")
    client = client_for(token)
    rows = client.get(f"{API}clocks/").json()["results"]
    assert {row["incident"] for row in rows} == {incident.number}, "restricted ones do not exist for tokens"
    assert {row["kind"] for row in rows} == {"acknowledge", "update"}
    assert all(row["due_at"] for row in rows)
    (unnumbered,) = client.get(f"{API}clocks/?list=unnumbered").json()["results"]
    assert (unnumbered["kind"], unnumbered["due_at"], unnumbered["rule"]) == ("resolve", None, "Immediate · guide")
    assert len(client.get(f"{API}clocks/?kind=update&platform=shop").json()["results"]) == 1
    assert client.get(f"{API}clocks/?platform={other_platform.key}").json()["results"] == []
    for wrong in ("list=none", "kind=none", "period=1999", "view=x"):
        assert client.get(f"{API}clocks/?{wrong}").status_code == 400, wrong


def test_the_queue_holds_the_mild_ones_and_the_quiet_alarms(
    client_for: ClientFor, token: TokenPersona, platform: Platform, incident: Incident, at: datetime
) -> None:
    typo = declare(platform, by=SYSTEM, at=at, title="Typo", label="P3", take_command=False)
    alarm(platform, state=AlarmState.ALARM, since=at, severity=None)
    client = client_for(token)
    (row,) = client.get(f"{API}queue/").json()["results"]
    assert (row["number"], row["severity"], row["owner"]) == (typo.number, "P3", None)
    assert client.get(f"{API}queue/?owner=mine").json()["results"] == []
    (quiet,) = client.get(f"{API}queue/alarms/?platform=shop").json()["results"]
    assert (quiet["name"], quiet["severity"], quiet["service"]) == ("Alarm db", None, "web")


def test_a_runbook_is_begun_once_for_an_incident(
    client_for: ClientFor, token: TokenPersona, operator: User, platform: Platform, incident: Incident, at: datetime
) -> None:
    runbook(platform, at=at)
    client, path = client_for(token), f"{API}incidents/{incident.number}/runbook-runs/"
    begun = [client.post(path, {"runbook": "slow"}, content_type=JSON) for _ in range(2)]
    assert [answer.status_code for answer in begun] == [201, 201]
    assert RunbookRun.objects.count() == 1
    (row,) = client.get(path).json()["results"]
    assert (row["id"], row["title"], row["steps"], row["done"]) == (begun[0].json()["id"], "Slow answers", 6, 0)
    assert client.post(path, {"runbook": "none"}, content_type=JSON).status_code == 400
    reader = client_for(token_persona(operator, "read", "incident:write"))
    assert reader.get(path).status_code == 200
    assert reader.post(path, {"runbook": "slow"}, content_type=JSON).status_code == 403


def test_a_users_report_is_answered_or_attached_once(
    client_for: ClientFor, token: TokenPersona, platform: Platform, incident: Incident, operator: User, at: datetime
) -> None:
    first, second = (
        report_add(by=SYSTEM, at=at, platform_id=platform.pk, text="Checkout hangs", kind="fault", channel="phone")
        for _ in range(2)
    )
    client, path = client_for(token), f"{API}user-reports/"
    one, two = f"{path}{first.pk}/", f"{path}{second.pk}/"
    headers = {"If-Match": client.get(one)["ETag"]}
    assert client.post(f"{one}answer/", {"answer": "Cache"}, content_type=JSON).status_code == 428
    assert client.post(f"{one}answer/", {"answer": ""}, content_type=JSON, headers=headers).status_code == 400
    answered = client.post(f"{one}answer/", {"answer": "Cache"}, content_type=JSON, headers=headers)
    assert (answered.status_code, answered.json()["state"], answered.json()["answer"]) == (200, "answered", "Cache")
    again = client.post(f"{one}answer/", {"answer": "x"}, content_type=JSON, headers={"If-Match": answered["ETag"]})
    assert again.status_code == 422
    headers = {"If-Match": client.get(two)["ETag"]}
    assert client.post(f"{two}attach/", {"incident": 999}, content_type=JSON, headers=headers).status_code == 400
    attached = client.post(f"{two}attach/", {"incident": incident.number}, content_type=JSON, headers=headers)
    assert (attached.status_code, attached.json()["state"]) == (200, "incident")
    assert incident.entries.filter(body__contains="Checkout hangs").count() == 1
    reader = client_for(token_persona(operator, "read"))
    assert reader.get(two).status_code == 200
    assert reader.post(f"{two}answer/", {"answer": "x"}, content_type=JSON).status_code == 403


def test_a_type_asks_its_own_questions_by_api_too(
    client_for: ClientFor, operator: User, platform: Platform, incident: Incident
) -> None:
    key = next(question.key for question in questions("data_breach")[5:])
    client, url = client_for(token_persona(operator, "read", "incident:write")), f"{API}incidents/{incident.number}/"
    headers = {"If-Match": client.get(url)["ETag"]}
    lost = client.post(f"{url}triage/", {key: {"answer": "yes"}}, content_type=JSON, headers=headers)
    assert (lost.status_code, key in lost.content.decode()) == (400, True)
    Incident.objects.update(type="data_breach")
    kept = client.post(f"{url}triage/", {key: {"answer": "yes"}}, content_type=JSON, headers=headers)
    assert kept.status_code == 200, kept.content
    incident.refresh_from_db()
    assert incident.triage[key]["answer"] == "yes"


def test_a_problem_is_opened_and_changed_under_its_version(
    client_for: ClientFor, token: TokenPersona, platform: Platform, other_platform: Platform
) -> None:
    client, path = client_for(token), f"{API}problems/"
    body = {"platform": "shop", "title": "The pool runs dry", "priority": 1}
    opened = client.post(path, body, content_type=JSON)
    assert (opened.status_code, opened.json()["priority"]) == (201, 1)
    assert client.post(path, {**body, "platform": other_platform.key}, content_type=JSON).status_code == 400
    one = f"{path}{opened.json()['number']}/"
    known = {"state": "known_error", "workaround": "Restart it"}
    assert client.patch(one, known, content_type=JSON).status_code == 428
    headers = {"If-Match": opened["ETag"]}
    assert client.patch(one, {"state": "solved"}, content_type=JSON, headers=headers).status_code == 422
    assert client.patch(one, known, content_type=JSON, headers=headers).json()["state"] == "known_error"
    assert client.patch(one, known, content_type=JSON, headers=headers).status_code == 412
    assert Problem.objects.get().workaround == "Restart it"
