"""Health for machines and people: what is dead shows, what is well is quiet, nothing private leaks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import real_now
from opsportal.health import checks, loops, selectors
from opsportal.health.loops import prove_invariants, send_heartbeat
from opsportal.health.models import Finding
from opsportal.health.selectors import Part, Reading, summary
from opsportal.notifications.models import OutboxMessage
from opsportal.notifications.services import mail_enqueue
from opsportal.schedule import invariants
from opsportal.schedule.loops import loops as registered
from opsportal.schedule.models import LoopPulse
from opsportal.schedule.recurrence import Rule
from opsportal.schedule.services import claim_run, run_request, schedule_put
from opsportal.targets.http import Answer

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ClientFor = Callable[..., Client]


@pytest.fixture
def all_well(monkeypatch: pytest.MonkeyPatch) -> None:
    now = real_now()
    for item in registered().values():
        LoopPulse.objects.create(
            name=item.name, holder="test", every=item.every, limit=item.limit, pulse_at=now, ok_at=now
        )
    monkeypatch.setattr(selectors, "redis_part", lambda: Part("redis", "ok", "Redis answers."))
    monkeypatch.setattr(selectors, "probes", list)
    monkeypatch.setattr(selectors, "_banner", None)


def stop(name: str = "schedule.slots") -> None:
    LoopPulse.objects.filter(name=name).update(pulse_at=real_now() - timedelta(seconds=25))


def test_the_process_answers_without_asking_the_database(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.usefixtures("all_well")
def test_all_well_is_200_and_every_part_is_named(client: Client) -> None:
    answer = client.get("/healthz/deep")
    assert answer.status_code == 200
    assert answer.json()["state"] == "ok"
    assert {"database", "redis", "loops"} <= set(answer.json()["parts"])


@pytest.mark.usefixtures("all_well")
def test_a_dead_loop_is_503_and_named(client: Client) -> None:
    stop()
    answer = client.get("/healthz/deep")
    assert answer.status_code == 503
    assert answer.json()["parts"]["loops"] == "dead"


@pytest.mark.usefixtures("all_well")
def test_redis_gone_degrades_and_keeps_200(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "redis_part", lambda: Part("redis", "degraded", "Redis does not answer."))
    answer = client.get("/healthz/deep")
    assert (answer.status_code, answer.json()["state"]) == (200, "degraded")


def test_a_redis_that_is_not_there_is_told_within_a_moment(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert selectors.redis_part().state == "degraded"


@pytest.mark.usefixtures("all_well")
def test_the_banner_follows_the_worst_of_it(platform: object) -> None:
    assert summary(Reading()).state == "ok"
    mail_enqueue(key="k", kind="t", target="a@b.example", subject="s", body="b", at=AT, user_id=None)
    OutboxMessage.objects.update(parked_at=real_now())
    assert summary(Reading()).text == "1 messages could not be delivered and are parked."
    Finding.objects.create(invariant="x.y", text="Something is wrong.", found_at=real_now())
    assert summary(Reading()).text == "Something is wrong."
    stop()
    assert summary(Reading()).state == "dead"


@pytest.mark.usefixtures("all_well")
def test_the_page_shows_loops_and_parked_messages_without_their_content(operator: User, client_for: ClientFor) -> None:
    mail_enqueue(key="k", kind="t.k", target="x@y.example", subject="secret matter", body="b", at=AT, user_id=None)
    OutboxMessage.objects.update(parked_at=real_now(), last_error="The mail server answered 550.")
    text = client_for(operator).get("/health/").text
    assert "schedule.slots" in text
    assert "The mail server answered 550." in text
    assert "secret matter" not in text
    assert "x@y.example" not in text


@pytest.mark.usefixtures("all_well")
def test_an_admin_sends_a_parked_message_again_on_record(admin: User, operator: User, client_for: ClientFor) -> None:
    mail_enqueue(key="k", kind="t", target="a@b.example", subject="s", body="b", at=AT, user_id=None)
    OutboxMessage.objects.update(parked_at=real_now())
    pk = OutboxMessage.objects.get().pk
    assert client_for(operator).post(f"/health/messages/{pk}/release/").status_code == 403
    assert OutboxMessage.objects.filter(parked_at__isnull=False).exists()
    assert client_for(admin).post(f"/health/messages/{pk}/release/").status_code == 303
    assert not OutboxMessage.objects.filter(parked_at__isnull=False).exists()
    assert AuditEntry.objects.get(verb="notifications.message.released").actor_user_id == admin.pk


@pytest.mark.usefixtures("all_well")
def test_metrics_name_every_loop(client: Client) -> None:
    text = client.get("/metrics").text
    for name in registered():
        assert f'opsportal_loop_well{{loop="{name}"}} 1.0' in text
    assert "opsportal_outbox_pending 0.0" in text


def test_metrics_want_their_token(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "t" * 20
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer " + "t" * 20}).status_code == 200
    settings.METRICS_TOKEN, settings.LOCAL = "", False
    assert client.get("/metrics").status_code == 403


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[str]:
    settings.HEARTBEAT_URL = "https://watch.example/ping"
    sent: list[str] = []

    def fetch(*, purpose: str, url: str) -> Answer:
        sent.append(f"{purpose} {url}")
        return Answer(200, {}, b"", 0.0, is_cut=False)

    monkeypatch.setattr(loops, "fetch", fetch)
    return sent


@pytest.mark.usefixtures("all_well")
def test_the_heartbeat_goes_out_only_while_every_loop_is_well(pings: list[str]) -> None:
    send_heartbeat(AT)
    assert pings == ["heartbeat https://watch.example/ping"]
    stop()
    send_heartbeat(AT)
    assert len(pings) == 1


def test_what_should_never_be_is_found() -> None:
    assert checks.outbox_waits() == checks.leases_run_out() == checks.slots_are_planned() == []
    mail_enqueue(key="k", kind="t", target="a@b.example", subject="s", body="b", at=AT, user_id=None)
    OutboxMessage.objects.update(not_before=real_now() - timedelta(minutes=2))
    run = run_request(key="shop.once", task="t", at=AT, lease_seconds=0)
    assert claim_run(run_id=run.pk, holder="host:1") is not None
    type(run).objects.update(lease_until=real_now() - timedelta(minutes=2))
    schedule_put(key="shop.count", task="t", rule=Rule(every_seconds=60), at=AT)
    assert "has waited since" in checks.outbox_waits()[0]
    assert "held by host:1" in checks.leases_run_out()[0]
    assert "shop.count was due" in checks.slots_are_planned()[0]


def test_the_auditor_replaces_its_findings_and_outlives_a_broken_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise RuntimeError("slow")

    monkeypatch.setattr(invariants, "_registry", {"a.b": lambda: ["One is wrong."], "c.d": broken})
    for _ in range(2):
        prove_invariants(AT)
    assert list(Finding.objects.order_by("invariant").values_list("invariant", "text")) == [
        ("a.b", "One is wrong."),
        ("c.d", "This check could not run: RuntimeError: slow"),
    ]
