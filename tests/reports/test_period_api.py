"""The report of a period by API and from a shell: rows behind figures, commentary, verification, mails."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from maintenance.services.freezes import freeze_begin
from monitoring.models import AlarmState, Annotation, AnnotationKind, EvidenceResult
from monitoring.services.ratings import alarm_rate
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from opsportal.reports.models import Commentary, PublishedReport, ReportSubscription
from opsportal.reports.period.verification import differences
from tests.factories.accounts import token_persona
from tests.factories.incidents import SYSTEM, alarm, declare, transition
from tests.factories.monitoring import slo_of

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
FIGURES = "/api/v1/figures/periods/"
JSON = "application/json"
pytestmark = pytest.mark.django_db


def month() -> str:
    return f"{now():%Y-%m}"


@pytest.fixture
def client(manager: User, client_for: ClientFor) -> Client:
    return client_for(token_persona(manager, "read", "report:write"))


def rows(client: Client, platform: Platform, kind: str, key: str = "", **more: str) -> list[dict[str, Any]]:
    asked = {"platform": platform.key, "period": month(), "rows": kind} | ({"key": key} if key else {}) | more
    answer = client.get(f"{FIGURES}rows/", asked)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def body_of(client: Client, platform: Platform) -> dict[str, Any]:
    found: dict[str, Any] = client.get(FIGURES, {"platform": platform.key, "period": month()}).json()
    return found


def evidence(platform: Platform, verdict: str) -> None:
    at = now() - timedelta(minutes=20)
    EvidenceResult.objects.create(
        platform=platform, check_name="backup.fresh", verdict=verdict, fetched_at=at, created_at=at
    )


def test_a_figure_has_as_many_rows_as_it_says(
    client: Client, platform: Platform, admin: User, actor_for: ActorFor
) -> None:
    at = now() - timedelta(minutes=30)
    declare(platform, by=SYSTEM, at=at)
    declare(platform, by=SYSTEM, at=at, title="Hidden", type="security")
    fired = alarm(platform, key="slow", signal="slow")
    noisy = [transition(fired, AlarmState.ALARM, at - timedelta(minutes=n)) for n in (9, 5, 1)]
    transition(fired, AlarmState.ALARM, at, from_state=AlarmState.ALARM)  # it goes on: no other firing, and a page
    alarm_rate(by=actor_for(admin), at=now(), transition=noisy[0], word="noise")
    for verdict in ("ok", "ok", "fail"):
        evidence(platform, verdict)
    body = body_of(client, platform)
    assert body["incidents"]["count"] == len(rows(client, platform, "incidents")) == 1  # restricted ones are nowhere
    assert len(rows(client, platform, "firings")) == body["alarms"]["firings"] == 3
    assert (body["alarms"]["noise"], body["alarms"]["unrated"]) == (1, 2)
    [ranked] = body["alarms"]["ranked"]
    assert len(rows(client, platform, "firings", str(ranked["id"]))) == ranked["firings"]
    paged = [row["goes_on"] for row in rows(client, platform, "firings", only="pages")]
    assert paged == [True, False, False, False]
    assert body["alarms"]["pages"] == len(paged)
    [checked] = body["backups"]
    verdicts = [row["verdict"] for row in rows(client, platform, "evidence", "backup.fresh")]
    assert {verdict: verdicts.count(verdict) for verdict in ("ok", "fail")} == {"ok": 2, "fail": 1}
    assert (checked["ok"], checked["fail"]) == (2, 1)
    asked = {"platform": platform.key, "period": month()}
    for wrong in ({}, {"rows": "all"}, {"rows": "runs", "key": "perfect"}, {"rows": "changes", "key": "x"},
                  {"rows": "firings", "only": "x"}, {"rows": "runs", "only": "pages"}):  # fmt: skip
        assert client.get(f"{FIGURES}rows/", asked | wrong).status_code == 400, wrong


def test_drills_and_freezes_stand_in_the_report(
    client: Client, platform: Platform, manager: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    at = now() - timedelta(minutes=30)
    slo_of(platform, at=at)
    Annotation.objects.create(
        platform=platform, kind=AnnotationKind.DRILL, ref="DR-1", title="Fail-over", starts_at=at, ends_at=now()
    )
    freeze_begin(
        by=actor_for(manager), at=at, platform=platform, service=None, reason="Budget is spent",
        ends_at=at + timedelta(hours=2),
    )  # fmt: skip
    body = body_of(client, platform)
    assert [(row["kind"], row["title"]) for row in body["drills"]] == [("drill", "DR-1 Fail-over")]
    assert {row["kind"] for row in body["objectives"][0]["windows"]} == {"drill", "freeze"}
    page = client_for(manager).get(f"/reports/period/{platform.key}/?period={month()}").content.decode()
    assert "DR-1 Fail-over" in page
    empty = client_for(manager).get(f"/reports/period/{platform.key}/?period=2020").content.decode()
    assert "not known, not fine" in empty


def test_an_edition_of_an_earlier_format_is_judged_by_what_it_said() -> None:
    old = b'{"format":1,"incidents":{"count":2}}'
    assert differences(old, b'{"format":2,"incidents":{"count":2},"alarms":{"count":7}}') == []
    assert differences(old, b'{"format":2,"incidents":{"count":3}}') == [("incidents.count", 2, 3)]
    assert differences(b'{"format":2}', b'{"format":2,"more":1}') == [("more", None, 1)]


def test_commentary_is_read_and_written_by_version(client: Client, platform: Platform) -> None:
    named = {"platform": platform.key, "period": month()}
    address = "/api/v1/commentaries/"
    assert client.get(address, named).json()["results"] == []
    assert client.post(address, named | {"number": 0, "text": "Calm."}, content_type=JSON).status_code == 201
    assert client.post(address, named | {"number": 0, "text": "Wild."}, content_type=JSON).status_code == 409
    assert client.post(address, named | {"number": 1, "text": "Calm but once."}, content_type=JSON).status_code == 201
    found = client.get(address, named).json()["results"]
    assert [(row["number"], row["text"]) for row in found] == [(2, "Calm but once."), (1, "Calm.")]


def test_an_edition_is_listed_read_and_verified(client: Client, platform: Platform) -> None:
    slo_of(platform, at=now())
    body = {"platform": platform.key, "period": month()}
    made = client.post("/api/v1/published-reports/", body, content_type=JSON)
    assert made.status_code == 201, made.content
    assert len(client.get("/api/v1/published-reports/", {"platform": platform.key}).json()["results"]) == 1
    assert client.get("/api/v1/published-reports/", {"platform": "else"}).json()["results"] == []
    address = f"/api/v1/published-reports/{made.json()['id']}/"
    assert json.loads(client.get(address).json()["body"])["format"] == 3
    found = client.get(f"{address}verification/").json()
    assert found == {"is_whole": True, "reason": "", "is_reproduced": True, "differs": []}
    declare(platform, by=SYSTEM, at=PublishedReport.objects.get().as_of - timedelta(hours=1))
    found = client.get(f"{address}verification/").json()
    assert (found["is_whole"], found["is_reproduced"]) == (True, False)
    assert {"path": "incidents.count", "published": 0, "today": 1} in found["differs"]


def test_a_member_is_sent_the_report_once_and_no_more(
    client: Client, platform: Platform, viewer: User, stranger: User, client_for: ClientFor
) -> None:
    address = "/api/v1/report-subscriptions/"
    body = {"platform": platform.key, "email": viewer.email, "cadence": "weekly"}
    made = client.post(address, body, content_type=JSON)
    assert (made.status_code, made.json()["user"]) == (201, viewer.name), made.content
    assert client.post(address, body, content_type=JSON).json()["id"] == made.json()["id"]
    assert client.post(address, body | {"email": stranger.email}, content_type=JSON).status_code == 422
    assert client.post(address, body | {"cadence": "hourly"}, content_type=JSON).status_code == 400
    assert len(client.get(address, {"platform": platform.key}).json()["results"]) == 1
    assert client_for(token_persona(viewer, "read")).get(address).status_code == 403
    assert client.delete(f"{address}{made.json()['id']}/").status_code == 204
    assert not ReportSubscription.objects.exists()


def test_a_shell_comments_as_a_person(
    platform: Platform, manager: User, viewer: User, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("Calm.", "Calm but once."):
        call_command("report", "comment", platform.key, month(), text, "--as", manager.email)
    assert "Version 2" in capsys.readouterr().out
    assert [row.written_by for row in Commentary.objects.all()] == [manager, manager]
    with pytest.raises(CommandError, match="Only"):
        call_command("report", "comment", platform.key, month(), "x", "--as", viewer.email)
    with pytest.raises(CommandError, match="Rolling days"):
        call_command("report", "comment", platform.key, "30d", "x", "--as", manager.email)
