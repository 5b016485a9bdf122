"""Pages and API of questions to the logs."""

import json
from collections.abc import Callable
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from incidents.choices import EntryKind
from monitoring.models import LogQuery, LogRun
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.live.topics import allowed_topics
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare
from tests.factories.logs import TEXT, query_of, run_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]


def test_an_operator_asks_and_follows_the_run(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    query, client = query_of(platform, at=at), client_for(operator)
    page = client.get(f"/monitoring/logs/{query.pk}/").content.decode()
    assert "not known" in page  # what it would read
    assert "It was not asked yet" in page
    answer = client.post(f"/monitoring/logs/{query.pk}/ask/", {"minutes": "30", "idempotency_key": "k"})
    again = client.post(f"/monitoring/logs/{query.pk}/ask/", {"minutes": "30", "idempotency_key": "k"})
    run = LogRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/monitoring/logs/runs/{run.pk}/")
    assert again["Location"] == answer["Location"]
    shown = client.get(answer["Location"]).content.decode()
    assert "waits for a worker" in shown
    assert "Stop it" in shown
    assert client.post(f"/monitoring/logs/runs/{run.pk}/stop/").status_code == 303
    run.refresh_from_db()
    assert run.state == "stopped"


def test_a_wrong_question_comes_back_with_what_was_typed(
    platform: Platform, at: datetime, admin: User, client_for: ClientFor
) -> None:
    client = client_for(admin)
    typed = {
        "version": "0", "name": "Mine", "key": "mine", "service": str(platform.services.get(key="web").pk),
        "minutes": "60", "text": "-- mine\nfields @message", "enabled": "on",
    }  # fmt: skip
    refused = client.post(f"/monitoring/logs/new/{platform.key}/", typed)
    assert refused.status_code == 422
    assert "begins no comment" in refused.content.decode()
    assert "-- mine" in refused.content.decode()
    kept = client.post(f"/monitoring/logs/new/{platform.key}/", typed | {"text": TEXT})
    query = LogQuery.objects.get()
    assert kept["Location"] == f"/monitoring/logs/{query.pk}/"
    stale = client.post(f"/monitoring/logs/{query.pk}/edit/", typed | {"version": "1", "text": TEXT, "name": "Ours"})
    assert stale.status_code == 303
    lost = client.post(f"/monitoring/logs/{query.pk}/edit/", typed | {"version": "1", "text": TEXT, "name": "Theirs"})
    assert lost.status_code == 409
    query.refresh_from_db()
    assert (query.name, query.source) == ("Ours", "edited")


@pytest.mark.parametrize("minutes", ["0", "-5", "x", "", "99999999999999999999", "20000"])
def test_a_wrong_time_is_said_and_nothing_is_asked(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor, minutes: str
) -> None:
    query = query_of(platform, at=at)
    answer = client_for(operator).post(f"/monitoring/logs/{query.pk}/ask/", {"minutes": minutes})
    assert answer.status_code == 422
    assert not LogRun.objects.exists()


def test_lines_are_for_those_who_may_read_logs(
    platform: Platform, at: datetime, operator: User, viewer: User, client_for: ClientFor
) -> None:
    run = run_of(query_of(platform, at=at), at=at, lines=130)
    page = f"/monitoring/logs/runs/{run.pk}/"
    shown = client_for(operator).get(page).content.decode()
    assert "ERROR 99<" in shown
    assert "ERROR 100<" not in shown
    assert "1 to 100 of 130" in shown
    further = client_for(operator).get(f"{page}?first=101").content.decode()
    assert "ERROR 129<" in further
    hidden = client_for(viewer).get(page).content.decode()
    assert "ERROR 9" not in hidden
    assert "The lines are not for you" in hidden
    assert client_for(viewer).get(f"{page}lines.csv").status_code == 403
    csv = b"".join(client_for(operator).get(f"{page}lines.csv"))
    assert csv.count(b"\r\n") == 131


def test_a_run_is_noted_on_an_incident_once(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=now())
    run, client = run_of(query_of(platform, at=at), at=at, lines=3), client_for(operator)
    address = f"/log-runs/{run.pk}/incident/"
    assert incident.title in client.get(address).content.decode()
    for _ in range(2):
        assert client.post(address, {"incident": str(incident.number)}).status_code == 303
    (entry,) = incident.entries.filter(kind=EntryKind.LOG, data__log_run=run.pk)
    assert f"](/monitoring/logs/runs/{run.pk}/)" in entry.body
    assert f'It stands on <a href="{incident.url}"' in client.get(address).content.decode()
    timeline = client.get(incident.url).content.decode()
    assert f'href="/monitoring/logs/runs/{run.pk}/"' in timeline
    # Where a place gave no answer, the line says so without naming its account: it goes out with exports.
    said = "111111111111 eu-west-1: The role lacks logs:StartQuery: not authorised"
    poor = run_of(run.query, at=at, lines=2, said=said)
    client.post(f"/log-runs/{poor.pk}/incident/", {"incident": str(incident.number)})
    (entry,) = incident.entries.filter(data__log_run=poor.pk)
    assert "matched, and the answer is not whole ([what was found](" in entry.body
    assert "111111111111" not in entry.body
    assert "StartQuery" not in entry.body


def test_the_api_asks_waits_and_reads(platform: Platform, at: datetime, client_for: ClientFor, commander: User) -> None:
    client = client_for(commander)
    body = {"platform": platform.key, "key": "mine", "name": "Mine", "service": "web", "text": TEXT}
    made = client.post("/api/v1/log-queries/", body, content_type="application/json")
    assert made.status_code == 201
    pk = made.json()["id"]
    bad = client.patch(
        f"/api/v1/log-queries/{pk}/", {"text": "-- x"}, content_type="application/json", HTTP_IF_MATCH=made["ETag"]
    )
    assert bad.status_code == 422
    run = client.post(f"/api/v1/log-queries/{pk}/runs/", {"minutes": 30}, content_type="application/json").json()
    assert (run["state"], run["bytes_scanned"]) == ("waiting", 0)
    assert client.get(f"/api/v1/log-runs/{run['id']}/lines/").status_code == 422
    assert client.post(f"/api/v1/log-runs/{run['id']}/stop/").json()["state"] == "stopped"
    done = run_of(LogQuery.objects.get(), at=at, lines=2)
    assert client.get(f"/api/v1/log-runs/{done.pk}/lines/").json()["rows"][0][1] == "ERROR 0"
    assert client.get(f"/api/v1/log-queries/{pk}/estimate/").json()["bytes"] == 36_000_000


def test_a_stranger_follows_no_run(
    platform: Platform, at: datetime, stranger: User, operator: User, actor_for: Callable[..., object]
) -> None:
    run = run_of(query_of(platform, at=at), at=at)
    assert allowed_topics(actor_for(operator), [run.topic]) == [run.topic]  # type: ignore[arg-type]
    assert allowed_topics(actor_for(stranger), [run.topic]) == []  # type: ignore[arg-type]


def test_a_shell_lists_asks_and_shows(
    platform: Platform, at: datetime, operator: User, viewer: User, capsys: pytest.CaptureFixture[str]
) -> None:
    query = query_of(platform, at=at)
    call_command("logqueries", "list", "--as", operator.email)
    assert json.loads(capsys.readouterr().out)[0]["key"] == "errors"
    call_command("logqueries", "ask", str(query.pk), "--minutes", "5", "--as", operator.email)
    assert json.loads(capsys.readouterr().out)["state"] == "waiting"
    with pytest.raises(CommandError):
        call_command("logqueries", "ask", str(query.pk), "--minutes", "0", "--as", operator.email)
    with pytest.raises(CommandError):
        call_command("logqueries", "ask", str(query.pk), "--as", viewer.email)
    assert LogRun.objects.count() == 1
    run = run_of(query, at=at, lines=2)
    for person, lines in ((operator, 2), (viewer, None)):
        call_command("logqueries", "show", str(run.pk), "--as", person.email)
        shown = json.loads(capsys.readouterr().out)["lines"]
        assert (shown["total"] if shown else None) == lines


def test_a_shell_looks_a_question_over(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("-- mine\nfields a"))
    with pytest.raises(SystemExit):
        call_command("logqueries", "lint")
    assert json.loads(capsys.readouterr().out)[0]["line"] == 1
