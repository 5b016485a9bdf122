"""Jobs that beat: the link, the loop, alarms, pages, API and shell (M-CHK-14)."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from monitoring import expectation
from monitoring.evidence.runner import run_check
from monitoring.expectation import Expectation, Heard, Judgement
from monitoring.loops.heartbeats import judge_due
from monitoring.models import Alarm, AlarmTransition, Beat, Heartbeat
from monitoring.selectors.alarms import shown_state
from monitoring.services import heartbeats as services
from monitoring.services.heartbeats import (
    HeartbeatError,
    beats_forget,
    heartbeat_add,
    heartbeat_change,
    heartbeat_rotate,
    heartbeats_judge,
)
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import now, real_now
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform, Severity
from opsportal.schedule.models import LoopPulse
from tests.bad_input import post_form
from tests.factories.accounts import token_persona
from tests.factories.heartbeats import BY, beaten, heartbeat_of
from tests.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def told(heartbeat: Heartbeat) -> list[tuple[str, datetime]]:
    return list(heartbeat.alarm.transitions.order_by("at", "pk").values_list("to_state", "at"))


@pytest.mark.parametrize("method, tail, kept", [
    ("get", "", ("done", None)),
    ("head", "/", ("done", None)),
    ("post", "/start", ("start", None)),
    ("post", "/fail/", ("fail", None)),
    ("get", "/0", ("done", 0)),
    ("get", "/137", ("fail", 137)),
])  # fmt: skip
def test_a_beat_is_kept_by_any_method_and_word(
    platform: Platform, client: Client, method: str, tail: str, kept: tuple[str, int | None]
) -> None:
    _, key = heartbeat_of(platform, at=now())
    response = getattr(client, method)(f"/in/beat/{key}{tail}")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert Beat.objects.values_list("word", "exit_code").get() == kept


def test_a_beat_is_one_statement(platform: Platform, client: Client) -> None:
    _, key = heartbeat_of(platform, at=now())
    with CaptureQueriesContext(connection) as ran:
        assert client.post(f"/in/beat/{key}", b"42 rows", content_type="text/plain").status_code == 200
    assert len(ran) == 1
    assert Beat.objects.get().log == "42 rows"


@pytest.mark.parametrize("path", ["x" * 43, "x", f"{'x' * 43}/999", f"{'x' * 43}/later"])
def test_what_no_job_has_is_not_found_and_stores_nothing(client: Client, path: str) -> None:
    assert client.get(f"/in/beat/{path}").status_code == 404
    assert not Beat.objects.exists()


def test_a_log_that_is_too_long_costs_the_log_and_not_the_beat(platform: Platform, client: Client) -> None:
    _, key = heartbeat_of(platform, at=now())
    assert client.post(f"/in/beat/{key}", b"x" * 300_000, content_type="text/plain").status_code == 200
    assert "was not kept" in Beat.objects.get().log
    client.post(f"/in/beat/{key}", b"a\x00b\xff" + b"x\n" * 10_000 + b"end", content_type="text/plain")
    newest = Beat.objects.latest("pk").log
    assert (len(newest), newest[-3:]) == (9_999, "end")


def test_what_a_job_sends_along_is_masked_and_for_who_may_read_logs(
    viewer: User, admin: User, client_for: ClientFor, platform: Platform, client: Client
) -> None:
    job, key = heartbeat_of(platform, at=now())
    client.post(f"/in/beat/{key}", "dumped\npassword=hunter2 10.0.0.7", content_type="text/plain")
    assert Beat.objects.get().log == "dumped\npassword=*** [address]"
    page, beats = reverse("monitoring:heartbeat", args=[job.pk]), f"/api/v1/heartbeats/{job.pk}/beats/"
    assert "dumped" not in text_of(client_for(viewer).get(page))
    assert "dumped" in text_of(client_for(admin).get(page))
    for scopes, log in ((["monitoring:read"], ""), (["monitoring:read", "log:read"], Beat.objects.get().log)):
        client = client_for(token_persona(admin, *scopes))
        assert client.get(beats).json()["results"][0]["log"] == log


def test_late_fires_once_and_the_first_beat_after_ends_it(platform: Platform) -> None:
    level = Severity.objects.get(scheme__platform=platform, scheme__kind="alert", rank=1)
    job, key = heartbeat_of(platform, at=AT, severity=level, opens_incident=True)
    beaten(key, at=AT)
    assert heartbeats_judge(at=AT + MINUTE) == 1
    for minute in (2, 6, 6, 7, 30):
        heartbeats_judge(at=AT + minute * MINUTE)
    assert told(job) == [("ok", AT), ("alarm", AT + 6 * MINUTE)]
    event = AlarmTransition.objects.latest("pk")
    assert (event.opens_incident, event.severity, event.signal) == (True, level, "beat-dump")
    beaten(key, at=AT + 31 * MINUTE)
    heartbeats_judge(at=AT + 31 * MINUTE)
    assert told(job)[2:] == [("ok", AT + 31 * MINUTE)]


def test_an_exit_code_fires_at_once_and_its_reason_says_so(platform: Platform) -> None:
    job, key = heartbeat_of(platform, at=AT)
    beaten(key, at=AT, word="fail", code=137)
    heartbeats_judge(at=AT)
    event = job.alarm.transitions.get()
    assert (event.to_state, event.reason) == ("alarm", "It said that it failed. Exit code 137.")


def test_start_and_end_make_a_length_and_a_run_that_does_not_end_fires(platform: Platform) -> None:
    job, key = heartbeat_of(platform, at=AT, longest_seconds=600)
    beaten(key, at=AT, word="start")
    beaten(key, at=AT + 2 * MINUTE)
    job.refresh_from_db()
    assert (job.seconds, job.began_at, Beat.objects.latest("pk").seconds) == (120, None, 120)
    beaten(key, at=AT + 5 * MINUTE, word="start")
    heartbeats_judge(at=AT + 5 * MINUTE)
    heartbeats_judge(at=AT + 15 * MINUTE)
    assert told(job)[-1] == ("alarm", AT + 15 * MINUTE)
    assert "did not end" in job.alarm.transitions.latest("pk").reason


def test_never_heard_of_is_unknown_and_calls_nobody(platform: Platform) -> None:
    job, _ = heartbeat_of(platform, at=AT)
    assert heartbeats_judge(at=AT + timedelta(days=9)) == 0
    assert (job.kind_at(AT + timedelta(days=9)), job.alarm.state, told(job)) == ("unknown", "unknown", [])
    assert job.alarm not in Alarm.objects.judged()


def test_what_the_loop_did_not_judge_is_stale_and_never_fine(platform: Platform) -> None:
    job, key = heartbeat_of(platform, at=AT)
    beaten(key, at=AT)
    heartbeats_judge(at=AT)
    job = Heartbeat.objects.select_related("alarm").get()
    assert job.kind_at(AT + 6 * MINUTE) == "ok"
    assert job.kind_at(AT + 8 * MINUTE) == "stale"
    assert shown_state(job.alarm, AT + 6 * MINUTE) == "ok"
    assert shown_state(job.alarm, AT + 9 * MINUTE) == "stale"


def test_one_that_cannot_be_judged_holds_up_no_other(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    (broken, one), (_, other) = (heartbeat_of(platform, at=AT, key=key) for key in ("a", "b"))
    beaten(one, at=AT)
    beaten(other, at=AT)

    def judge(expected: Expectation, heard: Heard, at: datetime) -> Judgement:
        if expected.grace == timedelta(seconds=77):
            raise KeyError
        return expectation.judge(expected, heard, at)

    Heartbeat.objects.filter(pk=broken.pk).update(grace_seconds=77)
    monkeypatch.setattr(services, "judge", judge)
    assert heartbeats_judge(at=AT) == 1
    states = {row.key: row.kind_at(AT + 5 * MINUTE) for row in Heartbeat.objects.select_related("alarm")}
    assert states == {"a": "stale", "b": "ok"}


def test_a_paused_job_is_unknown_until_it_beats_again(platform: Platform) -> None:
    job, key = heartbeat_of(platform, at=AT)
    beaten(key, at=AT)
    heartbeats_judge(at=AT)
    with pytest.raises(HeartbeatError, match="why it is paused"):
        heartbeat_change(by=BY, at=AT, heartbeat=job, expected=1, values={"enabled": False})
    paused = {"enabled": False, "paused_reason": "The host moves."}
    heartbeat_change(by=BY, at=AT + MINUTE, heartbeat=job, expected=1, values=paused)
    beaten(key, at=AT + 2 * MINUTE)
    assert heartbeats_judge(at=AT + 60 * MINUTE) == 0
    assert (job.kind_at(AT), Alarm.objects.get(pk=job.alarm_id).state) == ("off", "unknown")
    assert job.alarm not in Alarm.objects.judged()
    assert Beat.objects.count() == 2
    heartbeat_change(by=BY, at=AT + 61 * MINUTE, heartbeat=job, expected=2, values={"enabled": True})
    assert job.paused_reason == ""
    heartbeats_judge(at=AT + 61 * MINUTE)
    assert Alarm.objects.get(pk=job.alarm_id).state == "unknown"
    heartbeats_judge(at=AT + 67 * MINUTE)
    assert told(job)[-1] == ("alarm", AT + 67 * MINUTE)
    assert AuditEntry.objects.latest("pk").verb == "monitoring.heartbeat.changed"
    with pytest.raises(VersionConflictError):
        heartbeat_change(by=BY, at=AT, heartbeat=job, expected=1, values={"name": "x"})


def test_a_new_name_changes_no_expectation_and_a_new_time_does(platform: Platform) -> None:
    job, key = heartbeat_of(platform, at=AT)
    beaten(key, at=AT)
    heartbeats_judge(at=AT)
    heartbeat_change(by=BY, at=AT + MINUTE, heartbeat=job, expected=1, values={"name": "Dump"})
    assert Alarm.objects.values_list("name", "state").get(pk=job.alarm_id) == ("Dump is late or failed", "ok")
    nightly = {"cron": "0 2 * * *", "every_seconds": 0, "zone": "Europe/Berlin"}
    heartbeat_change(by=BY, at=AT + MINUTE, heartbeat=job, expected=2, values=nightly)
    heartbeats_judge(at=AT + MINUTE)
    job.refresh_from_db()
    assert job.look_at == datetime(2026, 3, 11, 1, 1, tzinfo=UTC)


def test_what_can_never_be_expected_is_refused(platform: Platform, other_platform: Platform) -> None:
    plain = {"name": "x", "every_seconds": 60}
    for wrong in (
        {"cron": "0 2 * * *"}, {"every_seconds": 0}, {"every_seconds": 29}, {"every_seconds": 0, "cron": "x"},
        {"every_seconds": 0, "cron": "0 2 31 2 *"}, {"every_seconds": 0, "cron": "0 2 * * *", "zone": "Mars/Base"},
        {"opens_incident": True}, {"service": other_platform.services.get(key="web")}, {"look_at": AT},
    ):  # fmt: skip
        with pytest.raises(HeartbeatError):
            heartbeat_add(by=BY, at=AT, platform=platform, key="x", values=plain | wrong)
    heartbeat_add(by=BY, at=AT, platform=platform, key="x", values=plain)
    with pytest.raises(HeartbeatError, match="has a heartbeat x"):
        heartbeat_add(by=BY, at=AT, platform=platform, key="x", values=plain)


def test_a_new_link_and_the_one_before_work_for_a_day(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    job, old = heartbeat_of(platform, at=AT)
    new = heartbeat_rotate(by=BY, at=AT, heartbeat=job, expected=1)
    assert beaten(old, at=AT)
    assert beaten(new, at=AT)
    later = real_now() + timedelta(hours=25)
    monkeypatch.setattr(services, "real_now", lambda: later)
    assert beaten(old, at=AT) is None
    assert beaten(new, at=AT)


def test_old_beats_go(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = heartbeat_of(platform, at=AT)
    for minute in range(5):
        beaten(key, at=AT + minute * MINUTE)
    monkeypatch.setattr(services, "MOST_KEPT", 3)
    assert beats_forget(at=AT) == 2
    assert beats_forget(at=AT + services.KEPT_FOR + 3 * MINUTE + timedelta(seconds=1)) == 2
    assert Beat.objects.get().at == AT + 4 * MINUTE


def test_old_beats_of_all_jobs_go_by_one_statement(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_KEPT", 2)
    jobs = [heartbeat_of(platform, at=AT, key=f"job-{n}") for n in range(3)]
    for minute in range(5):
        for n, (_, key) in enumerate(jobs):
            if minute >= n:
                beaten(key, at=AT + minute * MINUTE)
    with CaptureQueriesContext(connection) as ran:
        assert beats_forget(at=AT, limit=2) == 5  # two of the first, two of the second, the one of the third
    assert len(ran) == 1
    assert beats_forget(at=AT) == 1
    kept = Beat.objects.order_by("heartbeat", "at").values_list("at", flat=True)
    assert list(kept) == [AT + 3 * MINUTE, AT + 4 * MINUTE] * 3


def test_after_an_absence_of_the_portal_the_next_beat_is_waited_for(platform: Platform) -> None:
    silent, key = heartbeat_of(platform, at=AT)
    heard, other = heartbeat_of(platform, at=AT, key="other")
    beaten(key, at=AT)
    beaten(other, at=AT)
    heartbeats_judge(at=AT)
    pulse = {"holder": "x", "every": 2, "limit": 30, "pulse_at": real_now(), "ok_at": real_now() - timedelta(hours=1)}
    LoopPulse.objects.create(name="monitoring.heartbeats", **pulse)
    beaten(other, at=AT + 60 * MINUTE)
    judge_due(AT + 60 * MINUTE)
    assert (told(silent), told(heard)[1:]) == ([("ok", AT)], [])
    LoopPulse.objects.update(ok_at=real_now())
    judge_due(AT + 61 * MINUTE - timedelta(seconds=1))
    assert told(silent) == [("ok", AT)]
    judge_due(AT + 61 * MINUTE)
    assert told(silent)[-1] == ("alarm", AT + 6 * MINUTE)


@pytest.mark.django_db(transaction=True)
def test_a_pass_that_is_killed_has_judged_nothing_and_the_next_one_does(platform: Platform) -> None:
    """The process ends between judging and telling, as by kill -9."""
    job, key = heartbeat_of(platform, at=AT)
    beaten(key, at=AT)
    code = (
        "import django; django.setup()\n"
        "from datetime import datetime\n"
        "from monitoring.loops.heartbeats import judge_due\n"
        f"judge_due(datetime.fromisoformat('{AT.isoformat()}'))\n"
    )
    wanted = connection.settings_dict
    url = f"postgres://{wanted['USER']}@{str(wanted['HOST']).replace('/', '%2F')}/{wanted['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsportal.settings", "DATABASE_URL": url, "OPSPORTAL_LOCAL": "1",
        "OPSPORTAL_FAULTS": "monitoring.heartbeat_judged=#1",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()[-2000:]
    job.refresh_from_db()
    assert (job.look_at, told(job)) == (AT, [])
    assert heartbeats_judge(at=AT) == 1
    assert told(job) == [("ok", AT)]


@pytest.mark.django_db(transaction=True)
def test_a_second_copy_goes_past_what_the_first_holds(platform: Platform) -> None:
    job, key = heartbeat_of(platform, at=AT)
    beaten(key, at=AT)
    found: list[int] = []

    def second() -> None:
        found.append(heartbeats_judge(at=AT))
        connection.close()

    with transaction.atomic():
        Heartbeat.objects.select_for_update(no_key=True).get(pk=job.pk)
        other = threading.Thread(target=second)
        other.start()
        other.join(timeout=20)
    assert (found, told(job)) == ([0], [])
    assert heartbeats_judge(at=AT) == 1


def fields(**more: Any) -> dict[str, Any]:
    plain = {
        "key": "dump", "name": "Nightly dump", "cron": "0 2 * * *", "zone": "Europe/Berlin", "grace_seconds": "600",
        "longest_seconds": "0", "version": "0",
    }  # fmt: skip
    return plain | more


def test_a_heartbeat_is_made_with_its_link_shown_once_changed_and_paused(
    admin: User, client_for: ClientFor, platform: Platform
) -> None:
    client, path = client_for(admin), reverse("monitoring:heartbeat-new", args=["shop"])
    refused = client.post(path, fields(every_seconds="60"))
    assert (refused.status_code, "either by cron text" in text_of(refused)) == (422, True)
    made = client.post(path, fields())
    assert (made.status_code, made["Cache-Control"]) == (200, "no-store")
    link = re.search(r"/in/beat/([A-Za-z0-9_-]{43})", made.content.decode())
    assert link is not None
    assert Client().get(link[0]).status_code == 200
    job = Heartbeat.objects.get()
    page = client.get(reverse("monitoring:heartbeat", args=[job.pk]))
    assert link[1] not in page.content.decode()
    assert "ended well" in text_of(page)
    edit = reverse("monitoring:heartbeat-edit", args=[job.pk])
    assert client.post(edit, fields(version="1")).status_code == 422  # paused without a word
    assert client.post(edit, fields(version="1", paused_reason="Moves.")).status_code == 303
    assert client.post(edit, fields(version="1", enabled="on")).status_code == 409
    listed = text_of(client.get(reverse("monitoring:heartbeats")))
    assert "paused: Moves." in listed
    rotated = client.post(reverse("monitoring:heartbeat-rotate", args=[job.pk]), {"version": "2"})
    assert "Copy the link now" in text_of(rotated)


def test_the_pages_say_what_is_late_first(viewer: User, client_for: ClientFor, platform: Platform) -> None:
    at = now()
    late, key = heartbeat_of(platform, at=at - timedelta(hours=1), key="late")
    beaten(key, at=at - timedelta(hours=1))
    _, fine_key = heartbeat_of(platform, at=at, key="fine")
    beaten(fine_key, at=at)
    heartbeat_of(platform, at=at, key="anew")
    heartbeats_judge(at=at)
    listed = text_of(client_for(viewer).get(reverse("monitoring:heartbeats")))
    assert listed.index("Job late") < listed.index("Job anew") < listed.index("Job fine")
    assert "New heartbeat" not in listed
    alarm = text_of(client_for(viewer).get(reverse("monitoring:alarm", args=[late.alarm_id])))
    assert "must be heard of: every 5" in alarm


def test_the_api_makes_reads_pauses_and_lists(admin: User, client_for: ClientFor, platform: Platform) -> None:
    client = client_for(token_persona(admin, "monitoring:read", "heartbeat:write"))
    body = {"platform": "shop", "key": "dump", "name": "Dump", "cron": "0 2 * * *", "zone": "UTC"}
    made = client.post("/api/v1/heartbeats/", body, "application/json")
    assert (made.status_code, made.json()["state"], made["Cache-Control"]) == (201, "unknown", "no-store")
    assert Client().get(made.json()["link"].removeprefix("http://127.0.0.1:8000") + "/7").status_code == 200
    assert client.post("/api/v1/heartbeats/", body, "application/json").status_code == 422
    path = f"/api/v1/heartbeats/{made.json()['id']}/"
    assert "link" not in client.get(path).json()
    paused = {"enabled": False, "paused_reason": "Moves."}
    assert client.patch(path, paused, "application/json").status_code == 428
    changed = client.patch(path, paused, "application/json", HTTP_IF_MATCH=made["ETag"])
    assert (changed.status_code, changed.json()["state"]) == (200, "off")
    assert client.patch(path, paused, "application/json", HTTP_IF_MATCH=made["ETag"]).status_code == 412
    assert client.get(f"{path}beats/").json()["results"][0]["exit_code"] == 7
    assert [row["key"] for row in client.get("/api/v1/heartbeats/").json()["results"]] == ["dump"]


def test_a_shell_lists_and_makes_them(admin: User, viewer: User, platform: Platform) -> None:
    out = StringIO()
    add = ("beat", "add", "shop", "dump", "Nightly dump", "--cron", "0 2 * * *", "--zone", "Europe/Berlin")
    with pytest.raises(CommandError):
        call_command(*add, "--as", viewer.email)
    call_command(*add, "--as", admin.email, stdout=out)
    assert "/in/beat/" in json.loads(out.getvalue())["link"]
    with pytest.raises(CommandError, match="has a heartbeat dump"):
        call_command(*add, "--as", admin.email)
    listed = StringIO()
    call_command("beat", "list", "--as", viewer.email, stdout=listed)
    assert [row["state"] for row in json.loads(listed.getvalue())] == ["unknown"]


def test_bad_text_is_stored_clean_or_refused(
    admin: User, client_for: ClientFor, platform: Platform, bad_text: str
) -> None:
    job, key = heartbeat_of(platform, at=now())
    typed = dict.fromkeys(("name", "cron", "zone", "paused_reason"), bad_text)
    for path in (
        reverse("monitoring:heartbeat-new", args=["shop"]),
        reverse("monitoring:heartbeat-edit", args=[job.pk]),
    ):
        assert post_form(client_for(admin), path, fields(key="bad", version="1") | typed).status_code < 500
    assert Client().post(f"/in/beat/{key}", bad_text.encode("utf-8", "surrogatepass"), "text/plain").status_code == 200


def test_lists_have_the_jobs_as_evidence(platform: Platform) -> None:
    def verdict(at: datetime) -> tuple[str, str]:
        found = run_check(platform=platform, name="jobs.on_time", params={}, at=at, by=BY)
        return found.verdict, found.summary.replace("\N{NO-BREAK SPACE}", " ")

    assert verdict(AT) == ("unknown", "No job of the platform beats here")
    _, key = heartbeat_of(platform, at=AT)
    assert verdict(AT) == ("unknown", "Not heard of yet: Job dump")
    beaten(key, at=AT)
    heartbeats_judge(at=AT)
    assert verdict(AT + MINUTE) == ("ok", "1 job in time")
    assert verdict(AT + 20 * MINUTE) == ("unknown", "Not judged: Job dump")  # nobody judged since
    heartbeats_judge(at=AT + 20 * MINUTE)
    assert verdict(AT + 20 * MINUTE) == ("fail", "Late or failed: Job dump")
    _, fine = heartbeat_of(platform, at=AT, key="second", name="Job dump")
    beaten(fine, at=AT + 20 * MINUTE)
    heartbeats_judge(at=AT + 20 * MINUTE)
    assert verdict(AT + 20 * MINUTE) == ("fail", "Late or failed: Job dump")  # a fine namesake hides nothing
