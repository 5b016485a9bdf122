"""Probes as rows: claims, answers, alarms, series, objectives, pages and API (M-MET-15)."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from monitoring.loops import probes as loops
from monitoring.models import (
    Alarm,
    AlarmTransition,
    PollCoverage,
    Probe,
    ProbeResult,
    Series,
    SloBucket,
)
from monitoring.probing.asking import Outcome, ProbeError, Question
from monitoring.services import probes as services
from monitoring.services.objectives import slo_put
from monitoring.services.policy import alarm_rule_put
from monitoring.services.probe_minutes import KEPT_FOR, results_fold, results_forget
from monitoring.services.probes import (
    probe_add,
    probe_change,
    probes_claim,
    result_keep,
)
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import now, real_now
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Link, Platform, Severity
from tests.bad_input import post_form
from tests.factories.accounts import token_persona
from tests.factories.probes import BY, DOWN, FINE, NOT_ASKED, answered, answered_for, database_of, probe_of
from tests.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


def term(metric: str = "Success", **more: Any) -> dict[str, Any]:
    return {"namespace": "Opsportal/Probe", "metric": metric, "dimensions": {"Probe": "web"}, **more}


def test_a_due_probe_is_claimed_once_until_its_lease_is_over(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = probe_of(platform, at=AT)
    assert [claim.probe.pk for claim in probes_claim(at=AT, size=5)] == [probe.pk]
    assert probes_claim(at=AT + STEP, size=5) == []
    later = real_now() + services.LEASE + STEP
    monkeypatch.setattr(services, "real_now", lambda: later)
    (again,) = probes_claim(at=AT + STEP, size=5)
    assert (again.fence, again.slot_at) == (2, AT + STEP)


def test_an_answer_of_a_lost_claim_does_not_count(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    probe_of(platform, at=AT)
    (lost,) = probes_claim(at=AT, size=5)
    later = real_now() + services.LEASE + STEP
    monkeypatch.setattr(services, "real_now", lambda: later)
    (held,) = probes_claim(at=AT, size=5)
    assert result_keep(claim=lost, outcome=DOWN, at=AT) is None
    assert result_keep(claim=held, outcome=FINE, at=AT) is not None
    assert list(ProbeResult.objects.values_list("ok", flat=True)) == [True]
    assert probes_claim(at=AT + STEP - timedelta(seconds=1), size=5) == []
    assert len(probes_claim(at=AT + STEP, size=5)) == 1


def test_a_slot_has_one_answer(platform: Platform) -> None:
    probe = probe_of(platform, at=AT)
    answered(probe, FINE, at=AT)
    answered(probe, DOWN, at=AT + timedelta(seconds=29))
    assert list(ProbeResult.objects.values_list("slot_at", "ok")) == [(AT, True)]


def test_two_of_three_failures_fire_its_alarm_once_and_two_answers_end_it(platform: Platform) -> None:
    level = Severity.objects.get(scheme__platform=platform, scheme__kind="alert", rank=1)
    probe = probe_of(platform, at=AT, severity=level, opens_incident=True)
    states = [
        answered(probe, one, at=AT + STEP * n) for n, one in enumerate([FINE, FINE, DOWN, DOWN, DOWN, FINE, FINE])
    ]
    assert states == ["unknown", "ok", "ok", "alarm", "alarm", "alarm", "ok"]
    events = AlarmTransition.objects.order_by("at").values_list("to_state", "at", "value", "opens_incident")
    assert list(events) == [
        ("ok", AT + STEP, 0.0, True), ("alarm", AT + STEP * 3, 2.0, True), ("ok", AT + STEP * 6, 1.0, True),
    ]  # fmt: skip
    assert probe.alarm in Alarm.objects.judged()


@pytest.mark.parametrize("how", ["corrected", "paused"])
def test_old_answers_decide_nothing_about_a_new_question(platform: Platform, how: str) -> None:
    probe = probe_of(platform, at=AT)
    assert [answered(probe, DOWN, at=AT + STEP * n) for n in range(3)][-1] == "alarm"
    steps = [{"address": "https://new.example.com/"}] if how == "corrected" else [{"enabled": False}, {"enabled": True}]
    for values in steps:
        probe.refresh_from_db()
        probe_change(by=BY, at=AT + STEP * 2, probe=probe, expected=probe.version, values=values)
    assert probes_claim(at=AT + STEP * 2, size=5) == []  # that slot was answered by the old question
    states = []
    for number in (3, 4):
        (claim,) = probes_claim(at=AT + STEP * number, size=5)
        states.append(result_keep(claim=claim, outcome=FINE, at=AT + STEP * number))
    assert states == ["unknown", "ok"]
    assert AlarmTransition.objects.filter(to_state="alarm").count() == 1


def test_who_binds_series_holds_the_platform_before_its_own_row(
    platform: Platform, django_assert_max_num_queries: Any
) -> None:
    probe = probe_of(platform, at=AT)
    with django_assert_max_num_queries(100) as ran:
        probe_change(by=BY, at=AT, probe=probe, expected=probe.version, values={"name": "Web"})
    taken = [one["sql"] for one in ran.captured_queries if "FOR NO KEY UPDATE" in one["sql"] or "UPDATE " in one["sql"]]
    assert taken[0].startswith('SELECT "platforms_platform"')
    assert taken[0].endswith("FOR NO KEY UPDATE")


def test_a_probe_that_did_not_run_is_unknown_and_never_fine(platform: Platform) -> None:
    probe = probe_of(platform, at=AT)
    assert probe.kind_at(AT) == "unknown"
    for number in range(3):
        answered(probe, FINE, at=AT + STEP * number)
    probe.refresh_from_db()
    assert probe.kind_at(AT + STEP * 3) == "ok"
    assert probe.kind_at(AT + timedelta(minutes=3)) == "stale"
    for number in range(20, 23):
        state = answered(probe, NOT_ASKED, at=AT + STEP * number)
    probe.refresh_from_db()
    assert (state, probe.kind_at(AT + STEP * 23)) == ("unknown", "unknown")


def test_minutes_become_points_coverage_and_watermark(platform: Platform) -> None:
    probe = probe_of(platform, at=AT - timedelta(minutes=10))
    answered_for(probe, [FINE, DOWN, None, None, NOT_ASKED, NOT_ASKED, FINE, FINE], end=AT)
    assert results_fold(at=AT + timedelta(seconds=30)) == 2
    assert results_fold(at=AT + timedelta(seconds=30)) == 0
    success, latency = (Series.objects.get(name=name) for name in ("Success", "Latency"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ts, n, sum, min, max FROM monitoring_point_1m WHERE series_id = %s ORDER BY ts", [success.pk]
        )
        assert cursor.fetchall() == [(AT - 4 * MINUTE, 2, 1, 0, 1), (AT - MINUTE, 2, 2, 1, 1)]
        cursor.execute("SELECT n, sum FROM monitoring_point_1m WHERE series_id = %s ORDER BY ts", [latency.pk])
        assert cursor.fetchall() == [(1, 20), (2, 40)]
    covered = PollCoverage.objects.filter(series=success).order_by("starts_at").values_list("starts_at", "ends_at")
    assert list(covered) == [(AT - 4 * MINUTE, AT - 3 * MINUTE), (AT - MINUTE, AT)]
    assert (success.watermark, success.newest_point_at, success.account) == (AT, AT - MINUTE, None)


def test_a_minute_is_not_counted_before_its_last_slot_had_its_time(platform: Platform) -> None:
    probe = probe_of(platform, at=AT - timedelta(minutes=10))
    answered_for(probe, [FINE, FINE], end=AT)
    assert results_fold(at=AT + timedelta(seconds=19)) == 0
    assert results_fold(at=AT + timedelta(seconds=20)) == 1


def test_availability_of_a_probe_is_an_objective_and_a_rule_reads_it(platform: Platform) -> None:
    start = AT - timedelta(minutes=10)
    probe = probe_of(platform, at=start)
    indicator = {"total": [term(stat="SampleCount")], "good": [term(stat="Sum")]}
    slo_put(
        by=BY, at=start, platform=platform, key="up", values={"name": "Up", "objective": 99.5, "indicator": indicator}
    )
    fast = {"total": [term("Latency", stat="SampleCount")], "good": [term("Latency", stat="TC", below=100)]}
    slo_put(by=BY, at=start, platform=platform, key="fast", values={"name": "Fast", "objective": 99, "indicator": fast})
    rule = {
        "name": "Slow health", "signal": "slow", "indicator": {"value": term("Success")}, "stat": "Minimum",
        "period": 60, "comparison": "lt", "threshold": 1.0, "datapoints": 1, "window": 1,
    }  # fmt: skip
    alarm_rule_put(by=BY, at=start, platform=platform, key="slow", values=rule)
    probe_change(by=BY, at=start, probe=probe, expected=probe.version, values={"name": "Web"})  # binds, without AWS
    answered_for(probe, [FINE] * 17 + [DOWN, DOWN, DOWN], end=AT)
    results_fold(at=AT + timedelta(seconds=30))
    counted = {
        row.slo.key: (row.good, row.total, row.covered)
        for row in SloBucket.objects.filter(res=60, total__gt=0).select_related("slo")
    }
    assert counted == {"up": (17, 20, 2), "fast": (17, 17, 2)}
    fired = AlarmTransition.objects.filter(alarm__rule__key="slow", to_state="alarm").get()
    assert fired.at == AT  # judged from when its alarm began


def test_an_hour_that_was_not_probed_is_not_covered(platform: Platform) -> None:
    start = AT - timedelta(minutes=10)
    probe = probe_of(platform, at=start)
    indicator = {"total": [term(stat="SampleCount")], "good": [term(stat="Sum")]}
    slo_put(
        by=BY, at=start, platform=platform, key="up", values={"name": "Up", "objective": 99.5, "indicator": indicator}
    )
    probe_change(by=BY, at=start, probe=probe, expected=probe.version, values={})
    answered_for(probe, [FINE] * 10 + [None] * 4 + [FINE] * 6, end=AT)
    results_fold(at=AT + timedelta(seconds=30))
    rows = SloBucket.objects.filter(res=5, total__gt=0).values_list("ts", "good", "total", "covered")
    assert list(rows) == [(start, 10, 10, 1)]


def test_a_paused_probe_is_unknown_and_not_listed_as_an_alarm(platform: Platform) -> None:
    probe = probe_of(platform, at=AT)
    for number in range(3):
        answered(probe, DOWN, at=AT + STEP * number)
    probe.refresh_from_db()
    probe_change(by=BY, at=AT + MINUTE * 2, probe=probe, expected=probe.version, values={"enabled": False})
    alarm = Alarm.objects.get(pk=probe.alarm_id)
    assert (alarm.state, alarm.fetched_at) == ("unknown", None)
    assert alarm not in Alarm.objects.judged()
    assert probes_claim(at=AT + MINUTE * 9, size=5) == []
    assert AuditEntry.objects.latest("pk").verb == "monitoring.probe.changed"
    with pytest.raises(VersionConflictError):
        probe_change(by=BY, at=AT, probe=probe, expected=probe.version - 1, values={"enabled": True})


def test_what_can_never_be_judged_is_refused(platform: Platform, other_platform: Platform) -> None:
    plain = {"name": "x", "kind": "http", "address": "https://shop.example.com/"}
    for wrong in (
        {"datapoints": 3, "window": 2}, {"opens_incident": True}, {"address": "mailto:me"}, {"kind": "database"},
        {"service": other_platform.services.get(key="web")}, {"database": database_of(other_platform)}, {"due_at": AT},
    ):  # fmt: skip
        with pytest.raises(ProbeError):
            probe_add(by=BY, at=AT, platform=platform, key="x", values=plain | wrong)
    probe_add(by=BY, at=AT, platform=platform, key="x", values=plain)
    with pytest.raises(ProbeError, match="has a probe x"):
        probe_add(by=BY, at=AT, platform=platform, key="x", values=plain)


def test_answers_older_than_a_week_go(platform: Platform) -> None:
    probe = probe_of(platform, at=AT)
    answered(probe, FINE, at=AT)
    answered(probe, FINE, at=AT + MINUTE)
    assert results_forget(at=AT + KEPT_FOR + STEP) == 1


def test_one_that_hangs_delays_no_other(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        probe_of(platform, at=AT + number * timedelta(microseconds=1), key=f"p{number}", address=f"http://p{number}/")
    asked: list[str] = []
    is_last_asked = threading.Event()

    def slow(question: Question, **_at: datetime) -> Outcome:
        asked.append(question.address)
        if question.address == "http://p0/":
            assert is_last_asked.wait(10)
        if question.address == "http://p3/":
            is_last_asked.set()
        return FINE

    monkeypatch.setattr(loops, "ask", slow)
    monkeypatch.setattr(loops, "AT_ONCE", 2)
    monkeypatch.setattr(loops, "CLAIMS_EVERY", 0.01)
    assert loops.ask_due(AT + STEP) == 4
    assert asked[0] == "http://p0/"
    assert set(ProbeResult.objects.values_list("ok", flat=True)) == {True}


@pytest.mark.django_db(transaction=True)
def test_a_pass_that_is_killed_leaves_its_probe_to_the_next_one(platform: Platform) -> None:
    """The process ends between claim and answer, as by kill -9; a second copy finds the lease, then the probe."""
    probe = probe_of(platform, at=AT)
    code = (
        "import django; django.setup()\n"
        "from datetime import datetime\n"
        "from monitoring.loops.probes import ask_due\n"
        f"ask_due(datetime.fromisoformat('{AT.isoformat()}'))\n"
    )
    wanted = connection.settings_dict
    url = f"postgres://{wanted['USER']}@{str(wanted['HOST']).replace('/', '%2F')}/{wanted['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsportal.settings", "DATABASE_URL": url, "OPSPORTAL_LOCAL": "1",
        "OPSPORTAL_FAULTS": "monitoring.probe_claimed=#1",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()[-2000:]
    probe.refresh_from_db()
    assert (probe.fence, probe.ran_at, probe.lease_until is not None) == (1, None, True)
    assert probes_claim(at=AT, size=5) == []
    Probe.objects.update(lease_until=real_now() - STEP)
    (claim,) = probes_claim(at=AT, size=5)
    assert result_keep(claim=claim, outcome=FINE, at=AT) == "unknown"
    assert ProbeResult.objects.get().ok is True


def test_the_pages_say_what_is_known(viewer: User, admin: User, client_for: ClientFor, platform: Platform) -> None:
    at = now()
    probe = probe_of(platform, at=at - timedelta(minutes=5))
    probe_of(platform, at=at, key="new")
    answered_for(probe, [FINE, DOWN, DOWN, DOWN], end=at)
    listed = text_of(client_for(viewer).get(reverse("monitoring:probes")))
    assert listed.index("Health of web") < listed.index("Health of new")
    assert "not asked yet" in listed
    assert "New probe" not in listed
    page = client_for(viewer).get(reverse("monitoring:probe", args=[probe.pk]))
    assert "1 of 4 answers" in text_of(page)
    assert "Not every slot was asked" in text_of(page)
    failed = text_of(client_for(viewer).get(reverse("monitoring:probe", args=[probe.pk]), {"only": "failed"}))
    assert failed.count("No answer in time.") == 4  # three rows and the newest word
    assert "New probe" in text_of(client_for(admin).get(reverse("monitoring:probes")))
    alarm = text_of(client_for(viewer).get(reverse("monitoring:alarm", args=[probe.alarm_id])))
    assert "2 of the last 3 answers fail" in alarm


def fields(**more: Any) -> dict[str, Any]:
    plain = {
        "key": "web", "name": "Web", "kind": "http", "address": "http://127.0.0.1:9/", "every": "30", "seconds": "2",
        "statuses": "200-299", "cert_days": "0", "datapoints": "2", "window": "3", "enabled": "on", "version": "0",
    }  # fmt: skip
    return plain | more


def test_a_probe_is_tried_saved_and_changed(admin: User, client_for: ClientFor, platform: Platform) -> None:
    client, path = client_for(admin), reverse("monitoring:probe-new", args=["shop"])
    tried = client.post(path, fields() | {"try": "1"})
    assert "It could not be asked" in text_of(tried)
    assert not Probe.objects.exists()
    refused = client.post(path, fields(datapoints="4"))
    assert (refused.status_code, "can never be judged" in text_of(refused)) == (422, True)
    assert client.post(path, fields()).status_code == 303
    probe = Probe.objects.get()
    edit = reverse("monitoring:probe-edit", args=[probe.pk])
    assert client.post(edit, fields(version="1", every="10")).status_code == 303
    assert client.post(edit, fields(version="1", every="20")).status_code == 409
    probe.refresh_from_db()
    assert (probe.every, probe.version) == (10, 2)


def test_a_try_holds_no_transaction_while_it_waits_and_is_asked_again_each_time(
    admin: User, client_for: ClientFor, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def answer(_question: Question, *, at: datetime) -> Outcome:
        del at
        asked.append(len(connection.savepoint_ids))
        return Outcome(True, f"HTTP {199 + len(asked)}", 12.0)

    monkeypatch.setattr("monitoring.views.probes.ask", answer)
    outside = len(connection.savepoint_ids)
    client, path = client_for(admin), reverse("monitoring:probe-new", args=["shop"])
    posted = fields() | {"try": "1", "idempotency_key": "one"}
    said = [text_of(client.post(path, posted)) for _ in range(2)]
    assert asked == [outside, outside]
    assert ["HTTP 200" in said[0], "HTTP 201" in said[1]] == [True, True]


def test_the_address_that_a_pack_names_is_offered(admin: User, client_for: ClientFor, platform: Platform) -> None:
    Link.objects.create(
        platform=platform,
        key="health",
        name="Shop health",
        url="https://shop.example.com/health",
        source_text="Guide 1",
    )
    path = reverse("monitoring:probe-new", args=["shop"])
    assert "Shop health https://shop.example.com/health" in text_of(client_for(admin).get(path))
    filled = client_for(admin).get(path, {"link": "health"}).content.decode()
    assert 'value="https://shop.example.com/health"' in filled


def test_the_api_makes_reads_changes_and_tries(admin: User, client_for: ClientFor, platform: Platform) -> None:
    client = client_for(token_persona(admin, "monitoring:read", "probe:write"))
    body = {"platform": "shop", "key": "web", "name": "Web", "kind": "http", "address": "http://127.0.0.1:9/"}
    made = client.post("/api/v1/probes/", body, "application/json")
    assert (made.status_code, made.json()["state"]) == (201, "unknown")
    assert client.post("/api/v1/probes/", body, "application/json").status_code == 422
    path = f"/api/v1/probes/{made.json()['id']}/"
    assert client.patch(path, {"enabled": False}, "application/json").status_code == 428
    changed = client.patch(path, {"service": "web"}, "application/json", HTTP_IF_MATCH=made["ETag"])
    assert changed.json()["service"] == "web"
    assert client.patch(path, {"name": "x"}, "application/json", HTTP_IF_MATCH=made["ETag"]).status_code == 412
    wrong = client.patch(path, {"database": "none"}, "application/json", HTTP_IF_MATCH=changed["ETag"])
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "shop has no database none. Nothing was stored.")
    assert client.post(f"{path}try/", {}, "application/json").json()["ok"] is None
    answered(Probe.objects.get(), FINE, at=now())
    assert client.get(f"{path}results/").json()["results"][0]["said"] == "HTTP 200"
    assert client.get(f"{path}results/", {"only": "failed"}).json()["results"] == []
    assert [row["key"] for row in client.get("/api/v1/probes/", {"platform": "shop"}).json()["results"]] == ["web"]


def test_bad_text_is_stored_clean_or_refused(
    admin: User, client_for: ClientFor, platform: Platform, bad_text: str
) -> None:
    probe = probe_of(platform, at=now())
    typed = dict.fromkeys(("name", "address", "statuses", "body_text"), bad_text)
    for path in (reverse("monitoring:probe-new", args=["shop"]), reverse("monitoring:probe-edit", args=[probe.pk])):
        assert post_form(client_for(admin), path, fields(key="bad", version="1") | typed).status_code < 500
